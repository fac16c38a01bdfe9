package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"

	"gantry/repo/pages"
)

// problem is an answer that says no: what is wrong and what to do about it.
type problem struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	// cause is for the log alone: it may name paths and hosts.
	cause error
}

func (p *problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("%s: %s: %v", p.Code, p.Message, p.cause)
	}
	return p.Code + ": " + p.Message
}

func (p *problem) Unwrap() error { return p.cause }

func badRequest(code, message, hint string) *problem {
	return &problem{Status: http.StatusBadRequest, Code: code, Message: message, Hint: hint}
}

func chartNotFound(message, hint string) *problem {
	return &problem{Status: http.StatusNotFound, Code: "chart-not-found", Message: message, Hint: hint}
}

// storageProblem tells a full or read-only disk from other failures of the
// store, whose details stay in the log.
func storageProblem(err error) *problem {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &problem{
			Status: http.StatusInsufficientStorage, Code: "storage-full",
			Message: "the repository has no room left",
			Hint:    "nothing was published; upload again when its operator has made room", cause: err,
		}
	case isReadOnly(err):
		return &problem{
			Status: http.StatusForbidden, Code: "storage-read-only",
			Message: "the repository cannot write to its storage",
			Hint:    "nothing was published; its operator must make the storage writable", cause: err,
		}
	default:
		return readProblem(err)
	}
}

// readProblem is about what was only to be read.
func readProblem(err error) *problem {
	return &problem{
		Status: http.StatusServiceUnavailable, Code: "storage-failed",
		Message: "the storage of the repository failed",
		Hint:    "try again; the log of the repository has the reason under the id of this request", cause: err,
	}
}

// statusClientGone is what nginx says of a client that did not wait for its answer.
const statusClientGone = 499

// problemOf returns what an endpoint answers. Whatever a request came to whose client
// has left is nobody's failure.
func problemOf(r *http.Request, err error) *problem {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return &problem{Status: statusClientGone, Code: "client-gone", Message: "the client did not wait for the answer", cause: err}
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	return storageProblem(err)
}

// isReadOnly reports that the store may be read but not written.
func isReadOnly(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS)
}

// answer turns the error of an endpoint into a JSON body.
func (s *Server) answer(h endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		p := problemOf(r, err)
		noteError(r.Context(), p)
		p.announce(w)
		if wantsHTML(r) && s.pages.Problem(w, r, s.visit(r), pages.Problem{Status: p.Status, Message: p.Message, Hint: p.Hint}) == nil {
			return
		}
		writeProblem(w, p)
	})
}

// retryAfter is when to come back to a server that cannot answer now, in seconds.
const retryAfter = "2"

// announce tells clients when to ask again, if it is worth it.
func (p *problem) announce(w http.ResponseWriter) {
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
}

// writeProblem repeats the message under the name that clients of ChartMuseum
// print.
func writeProblem(w http.ResponseWriter, p *problem) {
	writeJSON(w, p.Status, struct {
		*problem
		Error string `json:"error"`
	}{p, p.Message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"code":"internal"}`)
	}
	body = append(body, '\n')
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that is gone needs no answer
}
