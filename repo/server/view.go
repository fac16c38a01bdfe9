package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/Masterminds/semver/v3"

	"gantry/repo"
)

// view is a part of the repository with an index of its own: below its path it
// is a repository like any other, for clients whom the whole is too large for.
type view struct {
	// chart and prefix choose charts by name; empty takes all.
	chart, prefix string
	// readable are the patterns of the charts that somebody may read, one a
	// line; empty takes all.
	readable string
	// path is that of the repository, which patterns name with the chart.
	path     string
	versions versionView
}

// versionView chooses versions of a chart.
type versionView struct {
	// stable leaves out pre-releases.
	stable bool
	// latest takes that many, the newest; 0 takes all.
	latest int
}

const (
	// maxLatest is the largest number that a view may ask for. Beyond it there
	// is little to be saved.
	maxLatest = 1000
	// maxViews is how many views of one state of the repository, or of a chart,
	// are kept.
	maxViews = 32
)

// snapshotViews keeps views of a snapshot.
type snapshotViews struct {
	mu    sync.Mutex
	views map[view]*snapshot
}

// segmentViews keeps views of a chart: they outlive the snapshot, so that an
// upload costs a view one chart, too.
type segmentViews struct {
	mu    sync.Mutex
	views map[versionView]*segment
}

// through returns what of the repository a view shows.
func (s *snapshot) through(v view) *snapshot {
	switch {
	case v == view{}:
		return s
	case v.chart != "": // is as quickly made as found
		var one []*segment
		if seg := s.find(v.chart); seg != nil {
			one = append(one, seg)
		}
		return newSnapshot(s.encoder, v.choose(one))
	}
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if seen, ok := s.views.views[v]; ok {
		return seen
	}
	seen := newSnapshot(s.encoder, v.choose(s.segments))
	s.views.views = keep(s.views.views, v, seen)
	return seen
}

// choose returns what of the charts the view shows.
func (v view) choose(all []*segment) []*segment {
	var chosen []*segment
	for _, seg := range all {
		name := seg.shard.Chart
		if len(seg.shard.Versions) == 0 || v.chart != "" && name != v.chart || !strings.HasPrefix(name, v.prefix) || !v.mayRead(name) {
			continue
		}
		chosen = append(chosen, seg.through(v.versions))
	}
	return chosen
}

// keep adds a view to those that are kept. It takes the place of any other: whoever asks
// for many does not keep those out for ever that are asked for again and again.
func keep[K comparable, V any](views map[K]V, k K, v V) map[K]V {
	if views == nil {
		views = map[K]V{}
	}
	for old := range views {
		if len(views) < maxViews {
			break
		}
		delete(views, old)
	}
	views[k] = v
	return views
}

func (v view) mayRead(name string) bool {
	return v.readable == "" || slices.ContainsFunc(strings.Split(v.readable, "\n"), func(pattern string) bool { return matchStar(pattern, v.path+name) })
}

// through returns what of a chart a view shows.
func (seg *segment) through(v versionView) *segment {
	if v == (versionView{}) {
		return seg
	}
	seg.views.mu.Lock()
	defer seg.views.mu.Unlock()
	if seen, ok := seg.views.views[v]; ok {
		return seen
	}
	sh := seg.shard
	sh.Versions = v.choose(sh.Versions)
	seen := seg
	if len(sh.Versions) < len(seg.shard.Versions) {
		seen = seg.encoder.segment(sh, "")
	}
	seg.views.views = keep(seg.views.views, v, seen)
	return seen
}

func (v versionView) choose(records []record) []record {
	var chosen []record
	for _, r := range records {
		if v.stable && preRelease(r.Version) {
			continue
		}
		if chosen = append(chosen, r); len(chosen) == v.latest {
			break
		}
	}
	return chosen
}

func preRelease(version string) bool {
	v, err := semver.NewVersion(version)
	return err == nil && v.Prerelease() != ""
}

// parseViews reads the views at the beginning of a path, /@stable/@latest/3/,
// and returns the rest. Views in a row narrow one another; what is stable is
// found before what is latest.
func parseViews(path string) (v view, rest string, err error) {
	for rest = path; strings.HasPrefix(rest, "/@"); {
		word, after, _ := strings.Cut(rest[len("/@"):], "/")
		if word == "stable" {
			v.versions.stable, rest = true, "/"+after
			continue
		}
		value, after, ok := strings.Cut(after, "/")
		if value, err = url.PathUnescape(value); err != nil || !ok || value == "" {
			return view{}, "", viewProblem(path)
		}
		rest = "/" + after
		switch word {
		case "chart":
			v.chart = value
		case "prefix":
			v.prefix = value
		case "latest":
			if v.versions.latest, err = strconv.Atoi(value); err != nil || v.versions.latest < 1 || v.versions.latest > maxLatest {
				return view{}, "", viewProblem(path)
			}
		default:
			return view{}, "", viewProblem(path)
		}
	}
	return v, rest, nil
}

func viewProblem(path string) *problem {
	return &problem{
		Status: http.StatusNotFound, Code: "view-unknown",
		Message: "there is no view at " + path,
		Hint:    "the views are /@chart/NAME/, /@prefix/PREFIX/, /@latest/NUMBER/ and /@stable/, also one after another",
	}
}

type viewKey struct{}

// shown returns what the request may see of the repository: what who asks may
// read, and of that what the view shows that its path begins with.
func (s *Server) shown(ctx context.Context) *snapshot {
	v, _ := ctx.Value(viewKey{}).(view)
	if patterns := who(ctx).patterns(VerbRead); !slices.Contains(patterns, "*") {
		// A line without a pattern matches no name: who may read nothing is
		// shown nothing.
		v.readable, v.path = strings.Join(patterns, "\n")+"\n", s.path
	}
	return s.catalog.current().through(v)
}

// belowView reports whether a view answers to what is left of the path.
func belowView(method, rest string) bool {
	if method != http.MethodGet && method != http.MethodHead {
		return false
	}
	return rest == "/index.yaml" || rest == "/"+repo.ChartListFile || strings.HasPrefix(rest, "/charts/") || rest == "/api/charts" || strings.HasPrefix(rest, "/api/charts/")
}

// viewed lets the routes that show charts be reached below the paths of views.
func (s *Server) viewed(mux http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/@") {
			mux.ServeHTTP(w, r)
			return
		}
		v, rest, err := parseViews(r.URL.EscapedPath())
		if err == nil && !belowView(r.Method, rest) {
			err = viewProblem(r.URL.Path)
		}
		if err != nil {
			s.answer(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(w, r)
			return
		}
		below := r.Clone(context.WithValue(r.Context(), viewKey{}, v))
		below.URL.RawPath = rest
		if below.URL.Path, err = url.PathUnescape(rest); err != nil {
			below.URL.Path = rest
		}
		mux.ServeHTTP(w, below)
	})
}
