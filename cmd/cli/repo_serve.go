package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/acme/autocert"
	"golang.org/x/sync/errgroup"

	"gantry/charts/archive"
	"gantry/repo/server"
)

type repoServeOptions struct {
	config      string
	printConfig bool

	dir             string
	store           storeOptions
	listen          string
	metricsListen   string
	addrFile        string
	tlsCert, tlsKey string
	acme            acmeOptions
	oidc            oidcOptions
	user, passFile  string
	users           string
	tokens          bool
	auditLog        string
	anonymousRead   bool
	allowOverwrite  bool
	disableDelete   bool
	requireSigned   bool
	keyring         keyringOptions
	maxArchiveMiB   int64
	depth           int
	rates           server.Rates
	trustedProxies  []string
	externalURL     string
	origins         []string
	upstream        string
	upstreamRefresh time.Duration
	upstreamPlain   bool
	upstreamCharts  []string
	webhooks        []string
	webhookSecret   string
	rescan          time.Duration
	stopDelay       time.Duration
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

Charts are kept in a folder, in a bucket of S3 or of a server that speaks its
protocol, or in one of Google Cloud Storage: any number of servers may share one.
Region and credentials are found where the tools of AWS find them: AWS_REGION,
AWS_ACCESS_KEY_ID, AWS_PROFILE, the role of the pod or of the machine. Those of Google
are its application default credentials: GOOGLE_APPLICATION_CREDENTIALS, the login of
gcloud, the service account of the pod or of the machine.

Every flag can be set in a file, under its name, and in the environment: --listen is
"listen" in the file of --config, and GANTRY_REPO_LISTEN. A flag wins over the
environment, and that over the file. --print-config shows what comes of it.

The server ends on an interrupt, when the requests under way are done. Before that
it answers /readyz with 503 for as long as --stop-delay says.

` + exitCodesHelp,
		Example: `  gantry repo serve --dir charts
  gantry repo serve --dir charts --listen :8443 --tls-cert cert.pem --tls-key key.pem
  gantry repo serve --store s3://my-charts/stable --listen :8879
  gantry repo serve --store s3://charts --s3-endpoint http://127.0.0.1:9000
  gantry repo serve --store gs://my-charts/stable --listen :8879
  AZURE_STORAGE_ACCOUNT=myaccount gantry repo serve --store az://charts --listen :8879
  gantry repo serve --dir charts --basic-auth-user ci --basic-auth-pass-file pass.txt --anonymous-read
  gantry repo serve --dir charts --users users.txt
  gantry repo serve --dir charts --tokens --audit-log audit.jsonl
  gantry repo serve --dir charts --listen :443 --acme-host charts.example.org
  gantry repo serve --dir charts --oidc-issuer https://token.actions.example.org --oidc-audience charts \
    --oidc-grant 'repository=acme/* push:acme-* read'
  gantry repo serve --dir charts --require-signature --keyring trusted.gpg
  gantry repo serve --dir charts --rate-limit 20 --write-limit 1 --metrics-listen :9090
  gantry repo serve --dir charts --depth 2 --tokens
  gantry repo serve --dir cache --upstream https://charts.example.org/stable
  gantry repo serve --dir cache --upstream oci://registry.example.org/charts/web
  gantry repo serve --dir cache --upstream oci://registry.example.org/charts --upstream-chart web --upstream-chart api
  gantry repo serve --config repo.yaml --print-config`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError(withHint(fmt.Errorf("gantry repo serve takes flags alone, and %q is none", args[0]), "name the folder with: gantry repo serve --dir FOLDER"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.readSettings(cmd.LocalNonPersistentFlags(), settingsPlace{flag: "config", prefix: "GANTRY_REPO_"})
			if err != nil {
				return err
			}
			if o.printConfig {
				return s.write(a.Out)
			}
			return runRepoServe(cmd.Context(), a, &o)
		},
	}
	o.bind(c)
	_ = c.RegisterFlagCompletionFunc("upstream", a.completeRepositories(0, 1))
	return c
}

func (o *repoServeOptions) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "file of YAML that sets flags by their names")
	f.BoolVar(&o.printConfig, "print-config", false, "print what file, environment and flags come to, and do not serve")
	f.StringVar(&o.dir, "dir", "", "folder that keeps the charts; it is created when it is not there")
	o.store.bind(f)
	f.IntVar(&o.depth, "depth", 0, "how many names the path of a repository has: 2 serves /ORG/REPO, each with an index of its own")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8879", "address to listen on; port 0 takes a free one")
	f.StringVar(&o.metricsListen, "metrics-listen", "", "address to serve /metrics on to everybody; on that of the charts it asks as reading does")
	f.StringVar(&o.addrFile, "addr-file", "", "file to write the address to, once the server listens")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate for HTTPS; it is read again when the file changes")
	f.StringVar(&o.tlsKey, "tls-key", "", "key of the certificate")
	o.acme.bind(f)
	f.StringVar(&o.user, "basic-auth-user", "", "user that may read and write")
	f.StringVar(&o.passFile, "basic-auth-pass-file", "", "file that holds the user's password")
	f.StringVar(&o.users, "users", "", "file of users with passwords (gantry repo user set, htpasswd -B); it is read again when it changes")
	f.BoolVar(&o.tokens, "tokens", false, "let in who has a token (gantry repo token create)")
	o.oidc.bind(f)
	f.BoolVar(&o.anonymousRead, "anonymous-read", false, "let everybody read; only writing asks for a password or a token")
	f.StringVar(&o.auditLog, "audit-log", "", "file to append a line of JSON to for every change, and for every one that was refused")
	f.StringVar(&o.upstream, "upstream", "", "serve the charts of another repository as well, a configured one or a URL, or oci://HOST/PATH/CHART, or oci://HOST/PATH: each is fetched when first asked for, and kept")
	f.DurationVar(&o.upstreamRefresh, "upstream-refresh", 5*time.Minute, "how often to read the index of the upstream")
	f.StringSliceVar(&o.upstreamCharts, "upstream-chart", nil, "serve the charts of the upstream alone whose names match a pattern, such as team-*; a registry that does not list what it has must be told each name")
	f.BoolVar(&o.upstreamPlain, "upstream-plain-http", false, "talk to an upstream that is a registry without TLS")
	f.BoolVar(&o.allowOverwrite, "allow-overwrite", false, "let uploads with ?force replace a version")
	f.BoolVar(&o.disableDelete, "disable-delete", false, "let nobody delete over the network; gantry repo prune still does")
	f.BoolVar(&o.requireSigned, "require-signature", false, "refuse charts that no key of the keyring has signed")
	o.keyring.bind(c)
	f.Int64Var(&o.maxArchiveMiB, "max-archive", 32, "largest archive to take, in MiB")
	f.Float64Var(&o.rates.Requests, "rate-limit", 0, "requests per second that one user, token or address may make; 0 is any number")
	f.Float64Var(&o.rates.Writes, "write-limit", 0, "uploads and deletions per second, likewise")
	f.Float64Var(&o.rates.Failures, "failure-limit", 60, "wrong passwords and tokens per minute from one address")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, "networks of proxies whose X-Forwarded-For and -Proto are believed, such as 10.0.0.0/8")
	f.StringVar(&o.externalURL, "external-url", "", "where people reach the server, for the commands on its pages: https://charts.example.org")
	f.StringSliceVar(&o.origins, "cors-allow-origin", nil, "origin of pages of another site that may read the index, archives and listings, without passwords: https://hub.example.org, or * for all")
	f.StringSliceVar(&o.webhooks, "webhook", nil, "URL to tell of every change; may be repeated")
	f.StringVar(&o.webhookSecret, "webhook-secret-file", "", "file that holds the secret with which webhooks are signed")
	f.DurationVar(&o.rescan, "rescan", time.Minute, "how often to look for charts that were put into the store by hand; 0 is never")
	f.DurationVar(&o.stopDelay, "stop-delay", 0, "how long to serve on after an interrupt, for load balancers to notice")
	f.StringVar(&o.logFormat, "log-format", "text", "log to standard error as text, json or none")
	completeFrom(c, "log-format", "text", "json", "none")
	_ = c.MarkFlagDirname("dir")
	completeStore(c)
	_ = c.MarkFlagFilename("config", "yaml", "yml")
	_ = c.MarkFlagFilename("users")
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
			return repoError(withHint(fmt.Errorf("open the audit log: %w", err), "--audit-log names a file in a folder that is there"))
		}
		defer file.Close()
		options.Audit = slog.New(slog.NewJSONHandler(told{file, log}, nil))
	}
	store, err := o.store.open(ctx, a, o.dir)
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
	if o.upstream != "" {
		first, cancel := context.WithTimeout(ctx, firstFollow)
		followOnce(first, handler, log)
		cancel()
	}
	return o.serve(ctx, a, handler, acmeCache(store, o.dir), log)
}

// told is a file whose failures are told to the log of the server: slog keeps them to
// itself. What was done has been done by then, and is in the journal.
type told struct {
	*os.File

	log *slog.Logger
}

func (t told) Write(line []byte) (int, error) {
	n, err := t.File.Write(line)
	if err != nil {
		t.log.Error("cannot write the audit log", slog.Any("error", err))
	}
	return n, err
}

// serve listens until the context ends.
func (o *repoServeOptions) serve(ctx context.Context, a *app, handler *server.Server, kept autocert.Cache, log *slog.Logger) error {
	listener, err := o.open(ctx, a, kept, log)
	if err != nil {
		return err
	}
	var metrics net.Listener
	if o.metricsListen != "" {
		if metrics, err = listen(ctx, o.metricsListen, "--metrics-listen"); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	if err := o.announce(a, listener.Addr()); err != nil {
		return errors.Join(err, listener.Close())
	}
	if metrics != nil {
		fmt.Fprintf(a.Out, "\nMetrics are at http://%s/metrics\n", metrics.Addr())
	}
	// What looks after the server goes on while the last requests are answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var upkeep errgroup.Group
	upkeep.Go(func() error { handler.Deliver(background); return nil })
	upkeep.Go(func() error { keepCounts(background, handler, log); return nil })
	if o.rescan > 0 {
		upkeep.Go(func() error { rescan(background, handler, o.rescan, log); return nil })
	}
	if o.upstream != "" {
		upkeep.Go(func() error { follow(background, handler, o.upstreamRefresh, log); return nil })
	}
	if metrics != nil {
		upkeep.Go(func() error { return a.serveUntil(background, metrics, metricsOnly(handler), log) })
	}
	err = a.serveUntil(o.untilStopped(ctx, handler), listener, handler, log)
	stop()
	return errors.Join(err, upkeep.Wait())
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

// announce says where the server is and what to type next.
func (o *repoServeOptions) announce(a *app, addr net.Addr) error {
	url := "http://" + addr.String()
	switch {
	case o.externalURL != "":
		url = o.externalURL
	case o.tlsCert != "":
		url = "https://" + addr.String()
	case len(o.acme.hosts) > 0:
		url = "https://" + o.acme.hosts[0]
	}
	if o.addrFile != "" {
		if err := archive.WriteFile(o.addrFile, []byte(addr.String()+"\n")); err != nil {
			return fmt.Errorf("write the address: %w", err)
		}
	}
	credentials := ""
	switch {
	case o.user != "":
		credentials = " --username " + o.user + " --password-stdin"
	case o.users != "":
		credentials = " --username USER --password-stdin"
	case o.tokens, o.oidc.issuer != "":
		credentials = " --username token --password-stdin"
	}
	where, flag := o.dir, "--dir"
	if where == "" {
		where, flag = o.store.url, "--store"
	}
	fmt.Fprintf(a.Out, `Serving the charts of %s at %s

Use it from another terminal:
  gantry repo add local %s%s
  gantry chart push CHART local
  gantry repo search
`, where, url, url, credentials)
	if o.tokens {
		fmt.Fprintf(a.Out, "\nTokens are made with:\n  gantry repo token create NAME %s %s\n", flag, where)
	}
	return nil
}
