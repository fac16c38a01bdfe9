package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"gantry/charts/pattern"
	"gantry/repo"
	"gantry/repo/blob"
)

// A server with a depth has many repositories: /ORG/REPO is one of depth 2, with
// an index of its own, and everything it holds lies below org/repo/ in the store,
// as ChartMuseum lays it out. A tenant is a Server over that part of the store;
// who asks, limits, metrics and webhooks are those of the root.

const (
	// tenantFolder has an object for every repository that was published to, so
	// that they can be listed.
	tenantFolder = ownFolder + "repositories/"
	// MaxDepth is the largest number of names in the path of a repository.
	MaxDepth = 8
	// maxTenants is how many repositories one server holds in memory.
	maxTenants = 10_000
)

// tenantName is one name of a path. Repositories of OCI have lower case alone, and
// some file systems cannot tell the cases apart.
var tenantName = pattern.Lazy(`^[a-z0-9]+([._-][a-z0-9]+)*$`)

// reserved are the first names of paths that are the server's own.
func reserved(name string) bool {
	return slices.Contains([]string{"index.yaml", repo.ChartListFile, artifactHubFile, "api", "assets", "chart", "charts", "gantry", "health", "info", "livez", "metrics", "playground", "readyz", "v2"}, name)
}

// CheckPath says why a path, such as ORG/REPO, can be that of no repository.
func CheckPath(path string) error { return refused(checkTenant(strings.Split(path, "/"))) }

// checkTenant says why a path names no repository.
func checkTenant(names []string) error {
	bad := func(name string) bool { return !tenantName().MatchString(name) }
	if slices.ContainsFunc(names, bad) || reserved(names[0]) {
		return badRequest("repository-invalid", fmt.Sprintf("%q is not the path of a repository", strings.Join(names, "/")),
			"use lower case letters and digits, with dots, dashes and underscores between them")
	}
	return nil
}

// tenants are the repositories of a server, started when somebody asks for them.
type tenants struct {
	mu   sync.Mutex
	kept map[string]*tenant
}

// tenant is a repository that is started once.
type tenant struct {
	once   sync.Once
	server *Server
	err    error
}

// tenanted sends requests for a repository below the root to it.
func (s *Server) tenanted(next http.Handler) http.Handler {
	if s.options.Depth == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		names, rest := splitTenant(r.URL.EscapedPath(), s.options.Depth)
		if names == nil && wantsHTML(r) && s.aboveTenant(w, r) {
			return
		}
		if names == nil {
			next.ServeHTTP(w, r)
			return
		}
		t, err := s.tenantOf(r, names)
		if err != nil {
			s.answer(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
			return
		}
		below := r.Clone(r.Context())
		below.URL.RawPath = rest
		if below.URL.Path, err = url.PathUnescape(rest); err != nil {
			below.URL.Path = rest
		}
		t.inner.ServeHTTP(w, below)
	})
}

// splitTenant reads which repository a path means, and what of it: /ORG/REPO/…,
// /api/ORG/REPO/… as ChartMuseum has it, or /v2/ORG/REPO/…, where the path stays
// whole, for answers repeat it.
func splitTenant(path string, depth int) (names []string, rest string) {
	if strings.HasPrefix(path, ociPath) {
		q, err := parseOCI(path)
		if names = strings.Split(q.name, "/"); err != nil || len(names) <= depth {
			return nil, ""
		}
		return names[:depth], path
	}
	after, api := strings.CutPrefix(path, "/api/")
	parts := strings.SplitN(strings.TrimPrefix(after, "/"), "/", depth+1)
	if len(parts) <= depth {
		return nil, ""
	}
	names, rest = parts[:depth], "/"+parts[depth]
	if reserved(names[0]) || strings.HasPrefix(names[0], "@") { // a view of the root
		return nil, ""
	}
	if api {
		rest = "/api" + rest
	}
	ours := rest == "/" || strings.HasPrefix(rest, "/chart/") || rest == "/index.yaml" || rest == "/"+repo.ChartListFile || rest == "/"+artifactHubFile || strings.HasPrefix(rest, "/@") ||
		strings.HasPrefix(rest, "/charts/") || strings.HasPrefix(rest, "/api/")
	if !ours {
		return nil, ""
	}
	return names, rest
}

// aboveTenant answers browsers for the paths that lead to repositories: those of
// /ORG/ are listed, and /ORG/REPO is where the slash was forgotten.
func (s *Server) aboveTenant(w http.ResponseWriter, r *http.Request) bool {
	path, whole := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/")
	names := strings.Split(path, "/")
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case !get || len(names) > s.options.Depth || checkTenant(names) != nil:
		return false
	case !whole:
		http.Redirect(w, r, "/"+path+"/", http.StatusMovedPermanently)
	default:
		route("/{path}/", s.answer(s.reading(s.limited(s.page(s.repositoriesPage(path+"/")))))).ServeHTTP(w, r)
	}
	return true
}

// find returns a repository that is started, and whether there is room for no other.
func (t *tenants) find(path string) (known *Server, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.kept[path]; ok {
		return kept.server, false
	}
	return nil, len(t.kept) >= maxTenants
}

// tenantOf returns the repository that a request is for. One that holds nothing is
// empty to those who read, and made for those who publish. Whoever may do neither is
// sent to an empty one as well, which refuses in its own words: strangers must not
// make repositories, nor have the store searched for them.
func (s *Server) tenantOf(r *http.Request, names []string) (*Server, error) {
	if err := checkTenant(names); err != nil {
		return nil, err
	}
	path := strings.Join(names, "/")
	known, full := s.tenants.find(path)
	if known != nil {
		return known, nil
	}
	writes := r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
	if !s.mayEnter(r, path+"/", writes) {
		return s.below(&blob.Memory{}, path+"/"), nil
	}
	store, err := blob.Below(s.catalog.store, path+"/")
	if err != nil {
		return nil, badRequest("repository-invalid", err.Error(), "use shorter names")
	}
	if holds, err := holdsCharts(r.Context(), store); err != nil {
		return nil, readProblem(err)
	} else if !holds && !writes {
		return s.below(&blob.Memory{}, path+"/"), nil
	}
	if full {
		return nil, &problem{
			Status: http.StatusInsufficientStorage, Code: "repositories-full",
			Message: fmt.Sprintf("the server holds %d repositories already", maxTenants), Hint: "start another server for others",
		}
	}
	return s.startTenant(r.Context(), path)
}

// mayEnter reports whether a request may find a repository that nobody has asked for
// yet, or make it. What it may do there the repository finds out.
func (s *Server) mayEnter(r *http.Request, path string, writes bool) bool {
	auth, p := s.options.Auth, principal{all: true}
	if auth != nil {
		c := s.identify(r)
		if c.err != nil || c.wait > 0 {
			return false
		}
		p = c.principal
	}
	verb, open := VerbRead, auth != nil && auth.AnonymousRead
	if writes {
		verb, open = VerbPush, false
	}
	if !open && !p.mayBelow(verb, path) {
		return false
	}
	return s.limits.requests.spent(limitKey(p.name, noteOf(r.Context()).remote)) == 0
}

// holdsCharts reports whether a part of the store has records or archives.
func holdsCharts(ctx context.Context, store blob.Store) (bool, error) {
	for _, folder := range []string{shardFolder, ociFolder, ""} {
		for info, err := range store.List(ctx, folder, "") {
			if err != nil {
				return false, err
			}
			if folder != "" || strings.HasSuffix(info.Key, repo.ArchiveExt) {
				return true, nil
			}
		}
	}
	return false, nil
}

// startTenant reads a repository, once for all who wait for it. A failure is
// forgotten, so that the next request tries again.
func (s *Server) startTenant(ctx context.Context, path string) (*Server, error) {
	s.tenants.mu.Lock()
	t, ok := s.tenants.kept[path]
	if !ok {
		t = &tenant{}
		s.tenants.kept[path] = t
	}
	s.tenants.mu.Unlock()
	t.once.Do(func() {
		// It outlives the request that began it.
		started, err := s.newTenant(context.WithoutCancel(ctx), path)
		s.tenants.mu.Lock()
		defer s.tenants.mu.Unlock()
		if t.server, t.err = started, err; err != nil {
			delete(s.tenants.kept, path)
		}
	})
	return t.server, t.err
}

func (s *Server) newTenant(ctx context.Context, path string) (*Server, error) {
	store, err := blob.Below(s.catalog.store, path+"/")
	if err != nil {
		return nil, err
	}
	key := tenantFolder + strings.ReplaceAll(path, "/", "~") + shardExt
	if _, err := s.catalog.store.PutIfAbsent(ctx, key, strings.NewReader("{}")); err != nil && !errors.Is(err, blob.ErrExists) && !isReadOnly(err) {
		return nil, storageProblem(err)
	}
	t := s.below(store, path+"/")
	if err := t.Refresh(ctx); err != nil {
		return nil, fmt.Errorf("read the repository %s: %w", path, err)
	}
	return t, nil
}

// below returns a server of a part of the store, which shares everything else.
func (s *Server) below(store blob.Store, path string) *Server {
	options := s.options
	options.Depth = 0
	t := &Server{
		path: path, catalog: newCatalog(store, options.Log), options: options, loading: s.loading, small: s.small,
		metrics: s.metrics, limits: s.limits, hooks: s.hooks, tokens: s.tokens, downloads: s.downloads, journal: s.journal, origins: s.origins, issuer: s.issuer, comparisons: s.comparisons, pages: s.pages,
	}
	t.catalog.watch(options)
	t.inner = t.viewed(t.repository())
	return t
}

// started returns the repositories in memory, by path.
func (s *Server) started() []*Server {
	s.tenants.mu.Lock()
	defer s.tenants.mu.Unlock()
	var all []*Server
	for _, t := range s.tenants.kept {
		if t.server != nil {
			all = append(all, t.server)
		}
	}
	slices.SortFunc(all, func(a, b *Server) int { return strings.Compare(a.path, b.path) })
	return all
}

// refreshTenants reads all repositories again. One that fails is logged, for the
// others are none the worse.
func (s *Server) refreshTenants(ctx context.Context) {
	for _, t := range s.started() {
		if err := t.Refresh(ctx); err != nil && ctx.Err() == nil {
			s.options.Log.ErrorContext(ctx, "cannot read a repository again", slog.String("repository", t.path), slog.Any("error", err))
		}
	}
}

// everyTenant returns all repositories that were ever published to, the root
// first. Those that nobody has asked for yet are read now, several at once.
func (s *Server) everyTenant(ctx context.Context) ([]*Server, error) {
	if s.options.Depth == 0 {
		return []*Server{s}, nil
	}
	paths, err := s.tenantPaths(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]*Server, 1+len(paths))
	all[0] = s
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	for i, path := range paths {
		group.Go(func() (err error) {
			all[1+i], err = s.startTenant(groupCtx, path)
			return err
		})
	}
	err = group.Wait()
	return all, err
}

// tenantPaths lists the repositories in the store.
func (s *Server) tenantPaths(ctx context.Context) ([]string, error) {
	var paths []string
	for info, err := range s.catalog.store.List(ctx, tenantFolder, "") {
		if err != nil {
			return nil, readProblem(err)
		}
		path := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(info.Key, tenantFolder), shardExt), "~", "/")
		names := strings.Split(path, "/")
		if len(names) != s.options.Depth || checkTenant(names) != nil {
			continue // of another depth, at another time
		}
		paths = append(paths, path)
	}
	return paths, nil
}
