package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/crypto/acme/autocert"

	"gantry/repo/server"
)

// open listens, with TLS when there is a certificate, or a way to get one.
func (o *repoServeOptions) open(ctx context.Context, a *app, kept autocert.Cache, log *slog.Logger) (net.Listener, error) {
	config, err := o.tls(a, kept, log)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, o.listen, "--listen")
	if err != nil {
		return nil, err
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// tls returns nil where the server speaks plain HTTP.
func (o *repoServeOptions) tls(a *app, kept autocert.Cache, log *slog.Logger) (*tls.Config, error) {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return nil, usageError(errors.New("--tls-cert and --tls-key go together"))
	}
	if err := o.acme.check(); err != nil {
		return nil, err
	}
	switch {
	case o.tlsCert != "" && len(o.acme.hosts) > 0:
		return nil, usageError(errors.New("--tls-cert and --acme-host are two ways to a certificate: use one"))
	case len(o.acme.hosts) > 0:
		return o.acme.config(kept, log)
	case o.tlsCert == "":
		return nil, nil
	}
	cert := &certificate{cert: o.tlsCert, key: o.tlsKey, now: a.Now, log: log}
	if err := cert.load(); err != nil {
		return nil, repoError(withHint(err, "--tls-cert and --tls-key name the files of a certificate and of its key, in PEM"))
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get, NextProtos: []string{"h2", "http/1.1"}}, nil
}

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, withHint(err, "choose another address with "+flag+", or a free port with "+flag+" 127.0.0.1:0")
	}
	return listener, nil
}

// metricsOnly is the handler of --metrics-listen.
func metricsOnly(s *server.Server) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.Metrics())
	return mux
}

const (
	// headerTimeout ends clients that never finish to ask.
	headerTimeout = 10 * time.Second
	// transferTimeout is what an upload or a download may take: the largest
	// archive over a slow line.
	transferTimeout = 10 * time.Minute
	// stallTimeout ends an upload of which nothing arrives for so long.
	stallTimeout = 30 * time.Second
	idleTimeout  = 2 * time.Minute
	// shutdownTimeout is how long requests under way may go on.
	shutdownTimeout = 20 * time.Second
	maxHeaderBytes  = 64 << 10
)

// untilStopped returns a context that ends a while after this one, in which
// probes are told to send nobody here any more.
func (o *repoServeOptions) untilStopped(ctx context.Context, handler *server.Server) context.Context {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		handler.Stop()
		time.AfterFunc(o.stopDelay, stop)
	})
	return serving
}

// serveUntil serves until the context ends, and then lets the requests under
// way come to theirs.
func (a *app) serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	listener, withConn := server.Conns(listener)
	s := &http.Server{
		ConnContext:       withConn,
		Handler:           a.noStalling(handler),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       transferTimeout,
		WriteTimeout:      transferTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := s.Shutdown(last)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.Close()
	}
	if served := <-done; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// noStalling ends requests whose bodies stop to arrive: a few clients could
// otherwise hold many connections for as long as a transfer may take.
func (a *app) noStalling(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &lively{r.Body, http.NewResponseController(w), a.Now, a.Now().Add(transferTimeout)}
		}
		next.ServeHTTP(w, r)
	})
}

// lively is a body of which something must arrive again and again.
type lively struct {
	io.ReadCloser

	conn *http.ResponseController
	now  func() time.Time
	end  time.Time
}

func (l *lively) Read(p []byte) (int, error) {
	soon := l.now().Add(stallTimeout)
	if soon.After(l.end) {
		soon = l.end
	}
	// Without deadlines the connection is as patient as before.
	_ = l.conn.SetReadDeadline(soon)
	n, err := l.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		// What is read from here on is to notice that the client is gone. Where the
		// body did not come to its end, nobody waits for the rest of it: it would be
		// read before the answer is sent.
		_ = l.conn.SetReadDeadline(l.end)
	}
	return n, err
}

// rescan looks for changes in the store now and then. A failure is logged: what
// was read before is still served.
func rescan(ctx context.Context, handler *server.Server, every time.Duration, log *slog.Logger) {
	nowAndThen(ctx, every, func() {
		if err := handler.Refresh(ctx); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "cannot read the store again", slog.Any("error", err))
		}
	})
}

// firstFollow is how long a start waits for the index of the upstream.
const firstFollow = 15 * time.Second

// follow reads the index of the upstream now and then. While the upstream fails, what
// is known of it is served.
func follow(ctx context.Context, handler *server.Server, every time.Duration, log *slog.Logger) {
	nowAndThen(ctx, every, func() { followOnce(ctx, handler, log) })
}

func followOnce(ctx context.Context, handler *server.Server, log *slog.Logger) {
	if err := handler.Follow(ctx); err != nil && !errors.Is(err, context.Canceled) {
		log.ErrorContext(ctx, "cannot read the index of the upstream", slog.Any("error", err), slog.String("hint", hintFor(repoError(err))))
	}
}

const (
	// flushEvery is how often a server writes down what it has counted: how much of
	// it is lost when the server is killed.
	flushEvery = 30 * time.Second
	// lastFlush is how long a server that ends waits for the store.
	lastFlush = 5 * time.Second
)

// keepCounts reads and writes down how often charts were downloaded, at the start,
// now and then, and at the end.
func keepCounts(ctx context.Context, handler *server.Server, log *slog.Logger) {
	flush := func(ctx context.Context) {
		if err := handler.Flush(ctx); err != nil && !errors.Is(err, context.Canceled) {
			log.ErrorContext(ctx, "cannot keep the counts of downloads and the journal", slog.Any("error", err))
		}
	}
	flush(ctx)
	nowAndThen(ctx, flushEvery, func() { flush(ctx) })
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	flush(last)
}

// nowAndThen works until the context ends, once in every interval.
func nowAndThen(ctx context.Context, every time.Duration, work func()) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			work()
		}
	}
}
