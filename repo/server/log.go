package server

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"gantry/charts/pattern"
)

// note is what the handlers of one request leave for its line in the log.
type note struct {
	id   string
	user string
	err  error
	// caller is who asks, once that was found out.
	caller *caller
	// route is the pattern that took the request, and remote the address that
	// it came from.
	route, remote string
}

type noteKey struct{}

func noteOf(ctx context.Context) *note {
	if n, ok := ctx.Value(noteKey{}).(*note); ok {
		return n
	}
	return &note{}
}

func noteError(ctx context.Context, err error) { noteOf(ctx).err = err }

// recorder remembers what was answered, and what the handlers noted.
type recorder struct {
	http.ResponseWriter

	status int
	bytes  int64
	note   note
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(p []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.bytes += int64(n)
	return n, err
}

// ReadFrom lets the kernel send a file.
func (r *recorder) ReadFrom(src io.Reader) (int64, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := io.Copy(r.ResponseWriter, src)
	r.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// plainID is what the id of a request is made of, and maxID its length.
var plainID = pattern.Lazy(`^[A-Za-z0-9._-]+$`)

const maxID = 64

// requestIDs makes ids: a word of this server, and a number.
type requestIDs struct {
	word  string
	count atomic.Uint64
}

func (ids *requestIDs) next() string {
	return ids.word + "-" + strconv.FormatUint(ids.count.Add(1), 10)
}

// observed gives every request an id, counts it, and writes a line of the log. This
// is the way of the smallest answers, too, hence one recorder for everything.
func (s *Server) observed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := s.options.Now()
		s.metrics.inFlight.Inc()
		rec := &recorder{ResponseWriter: w, note: note{id: s.requestID(r), remote: s.remote(r), route: "/"}}
		w.Header().Set("X-Request-Id", rec.note.id)
		ctx := context.WithValue(r.Context(), noteKey{}, &rec.note)
		defer func() {
			cut := s.survive(ctx, rec, recover())
			took := s.options.Now().Sub(start)
			s.metrics.inFlight.Dec()
			s.metrics.answered(rec.note.route, r.Method, rec.status, took)
			s.logRequest(ctx, r, rec, took)
			if cut {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, r.WithContext(ctx))
	})
}

// survive answers a request whose handler has panicked, and reports whether its
// connection must be cut instead, for a part of another answer is sent. The reason and
// where it was are in the log: what net/http would say of it is mixed with the mistakes
// of strangers, and not shown.
func (s *Server) survive(ctx context.Context, rec *recorder, panicked any) (cut bool) {
	if panicked == nil {
		return false
	}
	p := &problem{
		Status: http.StatusInternalServerError, Code: "internal",
		Message: "the repository failed at this request",
		Hint:    "the log of the repository has the reason under the id of this request",
		cause:   fmt.Errorf("panic: %v", panicked),
	}
	rec.note.err = p
	s.options.Log.LogAttrs(ctx, slog.LevelError, "a handler panicked", slog.String("id", rec.note.id),
		slog.Any("error", p.cause), slog.String("stack", string(debug.Stack())))
	if rec.status != 0 {
		return true
	}
	h := rec.Header()
	clear(h) // what they say is true of the answer that is not there
	h.Set("X-Request-Id", rec.note.id)
	writeProblem(rec, p)
	return false
}

// requestID returns the id that the client gave, if it is one.
func (s *Server) requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > maxID || !plainID().MatchString(id) {
		return s.ids.next()
	}
	return id
}

// logRequest writes one line. Neither the query nor any header but the request's id
// is in it, for both may carry secrets.
func (s *Server) logRequest(ctx context.Context, r *http.Request, rec *recorder, took time.Duration) {
	if level := rec.note.level(rec.status); s.options.Log.Enabled(ctx, level) {
		s.options.Log.LogAttrs(ctx, level, "request", rec.note.attrs(r, rec, took)...)
	}
}

func (n *note) level(status int) slog.Level {
	if status >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelInfo
}

func (n *note) attrs(r *http.Request, rec *recorder, took time.Duration) []slog.Attr {
	attrs := []slog.Attr{
		slog.String("id", n.id),
		slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", rec.status),
		slog.Int64("bytes", rec.bytes),
		slog.Duration("took", took),
		slog.String("remote", n.remote),
	}
	if n.user != "" {
		attrs = append(attrs, slog.String("user", n.user))
	}
	if n.err != nil {
		attrs = append(attrs, slog.Any("error", n.err))
	}
	return attrs
}
