package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"gantry/repo/blob"
	"gantry/repo/pages"
)

// Options are the knobs of a server.
type Options struct {
	// Now is the clock. It has no default.
	Now func() time.Time
	// Log gets the access log and what goes wrong. Default: nothing is logged.
	Log *slog.Logger
	// TempDir is where uploads wait until they are stored. Default: the
	// system's.
	TempDir string
	// Limits is what an upload may be. Default: [DefaultLimits].
	Limits Limits
	// Shared tells that other servers publish to the same store. What they
	// publish is served here after Refresh.
	Shared bool
	// Refresh is how old what a shared store holds may be served. Default: not
	// at all; each request asks the store whether something has changed.
	Refresh time.Duration
	// Overwrite lets an upload with ?force replace a version. Without it a
	// version never changes once it is published.
	Overwrite bool
	// NoDelete refuses to delete anything. Default: who may, can.
	NoDelete bool
	// Auth asks who it is. Default: everybody may do everything.
	Auth *Auth
	// Audit is told of every change, and of those that were refused. Default:
	// nothing is written down.
	Audit *slog.Logger
	// Depth is how many names the path of a repository has, such as 2 for
	// /ORG/REPO. Default: the root is the only repository.
	Depth int
	// Rates is how many requests somebody may make. Default: any number.
	Rates Rates
	// TrustedProxies are the networks of proxies whose X-Forwarded-For and
	// X-Forwarded-Proto are believed. Default: none.
	TrustedProxies []netip.Prefix
	// ExternalURL is where people reach the server, without a path, for the
	// commands on its pages. Default: the host of the request.
	ExternalURL *url.URL
	// Signatures judges the signature that a chart must come with. Default:
	// charts need none.
	Signatures Signatures
	// Webhooks are told of every change, while Deliver runs.
	Webhooks []Webhook
	// Origins are those of pages of other sites that may read the index, archives and
	// listings; * is all of them. Default: none.
	Origins []string
	// Upstream is another repository whose charts are served as well. Default:
	// none.
	Upstream Upstream
	// Inspector renders charts for the pages. Default: none, and the pages say so.
	Inspector pages.Inspector
	// Version is what /info tells of the server.
	Version string
}

func (o *Options) complete() error {
	if o.Now == nil {
		return errors.New("the server needs a clock")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = slog.New(slog.DiscardHandler)
	}
	if o.TempDir == "" {
		o.TempDir = os.TempDir()
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	if o.Depth < 0 || o.Depth > MaxDepth {
		return fmt.Errorf("the depth must be between 0 and %d", MaxDepth)
	}
	for _, origin := range o.Origins {
		if err := CheckOrigin(origin); err != nil {
			return err
		}
	}
	for _, hook := range o.Webhooks {
		if err := hook.Validate(); err != nil {
			return err
		}
	}
	return errors.Join(o.Rates.Validate(), o.Auth.validate())
}

// Server is the HTTP handler of a repository.
type Server struct {
	catalog   *catalog
	downloads *downloads
	journal   *journal
	origins   *http.CrossOriginProtection
	tokens    *tokenCache
	// issuer is nil when no tokens of others are taken.
	issuer *issuer
	// comparisons are the passwords that are compared.
	comparisons *comparisons
	options     Options
	handler     http.Handler
	// inner is the handler behind what every request passes.
	inner http.Handler
	// path is that of a repository below the root, with a slash at its end.
	path    string
	tenants tenants
	pages   *pages.Pages
	// loading holds a place for every chart that is in memory as a whole.
	loading chan struct{}
	// small holds a place for every upload that waits in memory.
	small   chan struct{}
	metrics *metrics
	ids     requestIDs
	// fetching fetches each version once, however many ask for it.
	fetching singleflight.Group
	limits   limits
	hooks    *hooks
	// stopping tells probes to send nobody here any more.
	stopping atomic.Bool
	// warned are files that are no charts, and why.
	warned sync.Map
}

// maxLoading is how many uploads are in memory as a whole at once.
const maxLoading = 4

// idWord is how long the word of a server is in the ids of its requests.
const idWord = 12

// New reads what the store holds and returns the handler that serves it. Charts
// that lie in the store as NAME-VERSION.tgz, as ChartMuseum and plain web
// servers keep them, are served from where they are.
func New(ctx context.Context, store blob.Store, options Options) (*Server, error) {
	if err := options.complete(); err != nil {
		return nil, err
	}
	m := newMetrics(options.Version)
	store = metered{store, m}
	s := &Server{
		catalog: newCatalog(store, options.Log), options: options, loading: make(chan struct{}, maxLoading), small: make(chan struct{}, maxSmall),
		metrics: m, limits: newLimits(options.Rates, options.Now), hooks: newHooks(options, m), comparisons: newComparisons(),
	}
	m.observe(s)
	s.ids.word = rand.Text()[:idWord]
	s.downloads, s.journal = newDownloads(store, options.Now), newJournal(store, options.Now)
	s.tokens = &tokenCache{store: store, now: options.Now}
	if options.Auth != nil && options.Auth.OIDC != nil {
		s.issuer = newIssuer(options.Auth.OIDC, options.Now, options.Log)
	}
	if options.Auth != nil && options.Auth.Users != nil {
		options.Auth.Users.Watch(s.usersChanged)
	}
	s.catalog.watch(options)
	var err error
	if s.origins, err = newOrigins(options); err != nil {
		return nil, err
	}
	if s.pages, err = pages.New(pages.Options{Inspector: options.Inspector, Version: options.Version}); err != nil {
		return nil, err
	}
	if err := s.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the repository: %w", err)
	}
	s.tenants.kept = map[string]*tenant{}
	s.inner = s.viewed(s.routes())
	// From the outside in: what a request is called, what is counted, which
	// repository it means and which part of it. Who asks, and how often, is
	// found out behind the route, which says what it takes.
	s.handler = s.observed(s.tenanted(s.inner))
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Stop makes /readyz say no, so that load balancers send nobody here any more.
// Requests are answered as before.
func (s *Server) Stop() { s.stopping.Store(true) }

// Refresh reads the store again: what other servers of the same store have
// published, and charts that were put there by hand. Requests go on meanwhile.
func (s *Server) Refresh(ctx context.Context) error {
	if err := s.catalog.load(ctx); err != nil {
		return err
	}
	if err := s.adopt(ctx); err != nil {
		return err
	}
	s.refreshTenants(ctx)
	return s.sweepSessions(ctx)
}

// fresh guards an endpoint that shows what is published: it is up to date first.
func (s *Server) fresh(h endpoint) endpoint {
	if s.catalog.fresh == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		s.catalog.fresh.check(r.Context())
		return h(w, r)
	}
}
