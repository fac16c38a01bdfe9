package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"gantry/repo/server"
)

type repoServeOptions struct {
	dir             string
	store           storeOptions
	listen          string
	addrFile        string
	tlsCert, tlsKey string
	user, passFile  string
	tokens          bool
	auditLog        string
	anonymousRead   bool
	allowOverwrite  bool
	maxArchiveMiB   int64
	rescan          time.Duration
	logFormat       string
}

func newRepoServe(a *app) *cobra.Command {
	var o repoServeOptions
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve a folder or a bucket of charts as a repository",
		Long: `Serve answers Helm and everything else that reads chart repositories, and takes
uploads as ChartMuseum and OCI registries do: a chart that was pushed one way is
there the other way. Archives that lie in the folder already are served
from where they are. A version cannot change once it is published.

Charts are kept in a folder, or in a bucket of S3 or of a server that speaks its
protocol: any number of servers may share one. Region and credentials are found
where the tools of AWS find them: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, the
role of the pod or of the machine.

The server ends on an interrupt, when the requests under way are done.

` + exitCodesHelp,
		Example: `  gantry repo serve --dir charts
  gantry repo serve --dir charts --listen :8443 --tls-cert cert.pem --tls-key key.pem
  gantry repo serve --store s3://my-charts/stable --listen :8879
  gantry repo serve --store s3://charts --s3-endpoint http://127.0.0.1:9000
  gantry repo serve --dir charts --basic-auth-user ci --basic-auth-pass-file pass.txt --anonymous-read
  gantry repo serve --dir charts --tokens --audit-log audit.jsonl`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRepoServe(cmd.Context(), a, &o) },
	}
	f := c.Flags()
	f.StringVar(&o.dir, "dir", "", "folder that keeps the charts; it is created when it is not there")
	o.store.bind(f)
	f.StringVar(&o.listen, "listen", "127.0.0.1:8879", "address to listen on; port 0 takes a free one")
	f.StringVar(&o.addrFile, "addr-file", "", "file to write the address to, once the server listens")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate for HTTPS; it is read again when the file changes")
	f.StringVar(&o.tlsKey, "tls-key", "", "key of the certificate")
	f.StringVar(&o.user, "basic-auth-user", "", "user that may read and write")
	f.StringVar(&o.passFile, "basic-auth-pass-file", "", "file that holds the user's password")
	f.BoolVar(&o.tokens, "tokens", false, "let in who has a token (gantry repo token create)")
	f.BoolVar(&o.anonymousRead, "anonymous-read", false, "let everybody read; only writing asks for a password or a token")
	f.StringVar(&o.auditLog, "audit-log", "", "file to append a line of JSON to for every change, and for every one that was refused")
	f.BoolVar(&o.allowOverwrite, "allow-overwrite", false, "let uploads with ?force replace a version")
	f.Int64Var(&o.maxArchiveMiB, "max-archive", 32, "largest archive to take, in MiB")
	f.DurationVar(&o.rescan, "rescan", time.Minute, "how often to look for charts that were put into the store by hand; 0 is never")
	f.StringVar(&o.logFormat, "log-format", "text", "log to standard error as text, json or none")
	_ = c.MarkFlagDirname("dir")
	return c
}

func runRepoServe(ctx context.Context, a *app, o *repoServeOptions) error {
	log, err := newLogger(a.Err, o.logFormat)
	if err != nil {
		return err
	}
	options, err := o.serverOptions(a, log)
	if err != nil {
		return err
	}
	if o.auditLog != "" {
		file, err := os.OpenFile(o.auditLog, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("open the audit log: %w", err)
		}
		defer file.Close()
		options.Audit = slog.New(slog.NewJSONHandler(file, nil))
	}
	store, err := o.store.open(ctx, o.dir)
	if err != nil {
		return err
	}
	defer store.Close()
	if store.bucket {
		if err := probe(ctx, store, log); err != nil {
			return err
		}
	}
	options.Shared, options.Refresh = store.shared, o.store.refresh
	handler, err := server.New(ctx, store, options)
	if err != nil {
		return err
	}
	listener, err := o.open(ctx, log)
	if err != nil {
		return err
	}
	if err := o.announce(a, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveUntil(ctx, listener, handler, log) })
	if o.rescan > 0 {
		group.Go(func() error { rescan(ctx, handler, o.rescan, log); return nil })
	}
	return group.Wait()
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	case "none":
		return slog.New(slog.DiscardHandler), nil
	default:
		return nil, usageError(fmt.Errorf("unknown log format %q: use text, json or none", format))
	}
}

func (o *repoServeOptions) serverOptions(a *app, log *slog.Logger) (server.Options, error) {
	options := server.Options{Now: a.Now, Log: log, Limits: server.DefaultLimits(), Overwrite: o.allowOverwrite, Inspector: inspector{}, Version: version}
	if o.maxArchiveMiB < 1 {
		return options, usageError(errors.New("--max-archive must be 1 or more"))
	}
	options.Limits.Archive = o.maxArchiveMiB << 20
	if (o.user == "") != (o.passFile == "") {
		return options, usageError(errors.New("--basic-auth-user and --basic-auth-pass-file go together"))
	}
	if o.user == "" && !o.tokens {
		if o.anonymousRead {
			return options, usageError(errors.New("--anonymous-read means something only with --basic-auth-user or --tokens"))
		}
		return options, nil
	}
	options.Auth = &server.Auth{User: o.user, Tokens: o.tokens, AnonymousRead: o.anonymousRead}
	if o.user == "" {
		return options, nil
	}
	text, err := os.ReadFile(o.passFile)
	if err != nil {
		return options, fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimRight(string(text), "\r\n")
	if password == "" {
		return options, usageError(fmt.Errorf("%s holds no password", o.passFile))
	}
	options.Auth.Password = server.Secret(password)
	return options, nil
}

// open listens, with TLS when there is a certificate.
func (o *repoServeOptions) open(ctx context.Context, log *slog.Logger) (net.Listener, error) {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return nil, usageError(errors.New("--tls-cert and --tls-key go together"))
	}
	var config *tls.Config
	if o.tlsCert != "" {
		cert := &certificate{cert: o.tlsCert, key: o.tlsKey, log: log}
		if err := cert.load(); err != nil {
			return nil, err
		}
		config = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: cert.get, NextProtos: []string{"h2", "http/1.1"}}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, withHint(err, "choose another address with --listen, or a free port with --listen 127.0.0.1:0")
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// announce says where the server is and what to type next.
func (o *repoServeOptions) announce(a *app, addr net.Addr) error {
	url := "http://" + addr.String()
	if o.tlsCert != "" {
		url = "https://" + addr.String()
	}
	if o.addrFile != "" {
		if err := writeWhole(o.addrFile, []byte(addr.String()+"\n")); err != nil {
			return fmt.Errorf("write the address: %w", err)
		}
	}
	credentials := ""
	switch {
	case o.user != "":
		credentials = " --username " + o.user + " --password-stdin"
	case o.tokens:
		credentials = " --username token --password-stdin"
	}
	where := o.dir
	if where == "" {
		where = o.store.url
	}
	fmt.Fprintf(a.Out, `Serving the charts of %s at %s

Use it from another terminal:
  gantry repo add local %s%s
  gantry chart push CHART local
  gantry repo search
`, where, url, url, credentials)
	return nil
}

// writeWhole writes a file so that whoever waits for it never reads a part.
func writeWhole(name string, data []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".gantry-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), name)
}

const (
	// headerTimeout ends clients that never finish to ask.
	headerTimeout = 10 * time.Second
	// transferTimeout is what an upload or a download may take: the largest
	// archive over a slow line.
	transferTimeout = 10 * time.Minute
	idleTimeout     = 2 * time.Minute
	// shutdownTimeout is how long requests under way may go on.
	shutdownTimeout = 20 * time.Second
	maxHeaderBytes  = 64 << 10
)

// serveUntil serves until the context ends, and then lets the requests under
// way come to theirs.
func serveUntil(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	s := &http.Server{
		Handler:           handler,
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

// rescan looks for changes in the store now and then. A failure is logged: what
// was read before is still served.
func rescan(ctx context.Context, handler *server.Server, every time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := handler.Refresh(ctx); err != nil && ctx.Err() == nil {
				log.ErrorContext(ctx, "cannot read the store again", slog.Any("error", err))
			}
		}
	}
}
