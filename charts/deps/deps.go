package deps

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
)

// Options are the knobs of [Update] and [Build].
type Options struct {
	// Now is the clock, for the lock file. It is required.
	Now func() time.Time
	// Observe is told of every chart that is there, one at a time. It may be nil.
	Observe func(Fetched)
}

// Fetched is a chart that was put into charts/.
type Fetched struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Repository string `json:"repository"`
	// File is the archive in charts/; it is empty for a chart that was there
	// already and has no repository.
	File string `json:"file,omitempty"`
	// Digest is the SHA-256 of the archive.
	Digest string `json:"digest,omitempty"`
	// Done and Total count, for progress.
	Done  int `json:"-"`
	Total int `json:"-"`
}

// Result is what was done.
type Result struct {
	Charts []Fetched `json:"charts"`
	// Removed are archives that were in charts/ and are no dependency.
	Removed []string `json:"removed"`
	// Locked tells whether the lock file was written.
	Locked bool `json:"locked"`
}

// parallel is how many charts are asked for at the same time.
const parallel = 6

// Update chooses the newest versions that the chart in a folder asks for, puts
// them into charts/ and writes the lock file.
func Update(ctx context.Context, dir string, source Source, o Options) (*Result, error) {
	w, err := open(dir, source, o)
	if err != nil {
		return nil, err
	}
	locked, err := w.choose(ctx)
	if err != nil {
		return nil, err
	}
	return w.install(ctx, locked)
}

// Build puts what the lock file says into charts/. Without a lock file it is
// [Update].
func Build(ctx context.Context, dir string, source Source, o Options) (*Result, error) {
	w, err := open(dir, source, o)
	if err != nil {
		return nil, err
	}
	lock := w.chart.Lock
	if lock == nil {
		return Update(ctx, dir, source, o)
	}
	same, err := inSync(w.chart.Metadata, w.located, lock)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, &OutOfSyncError{Lock: filepath.Join(dir, lockName(w.chart.Metadata))}
	}
	return w.install(ctx, lock.Dependencies)
}

// work is one update of one folder.
type work struct {
	dir    string
	chart  *chart.Chart
	source Source
	Options

	// located are the dependencies with the URLs of their repositories, as helm
	// hashes them.
	located []*chart.Dependency
}

func open(dir string, source Source, o Options) (*work, error) {
	c, err := archive.Load(dir)
	if err != nil {
		return nil, err
	}
	if err := checkLock(dir, c); err != nil {
		return nil, err
	}
	w := &work{dir: dir, chart: c, source: source, Options: o}
	for _, d := range c.Metadata.Dependencies {
		located := *d
		if !local(d.Repository) {
			if located.Repository, err = source.Locate(d.Repository); err != nil {
				return nil, fmt.Errorf("dependency %s: %w", d.Name, err)
			}
		}
		w.located = append(w.located, &located)
	}
	return w, nil
}

// fileScheme is what the repository of a chart in a folder begins with.
const fileScheme = "file://"

// local reports whether a dependency lies on this machine: in charts/, or in a
// folder.
func local(repository string) bool {
	return repository == "" || strings.HasPrefix(repository, fileScheme)
}

// choose returns the versions that the dependencies mean now.
func (w *work) choose(ctx context.Context) ([]*chart.Dependency, error) {
	locked := make([]*chart.Dependency, len(w.located))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, d := range w.located {
		group.Go(func() error {
			version, err := w.version(ctx, d)
			locked[i] = &chart.Dependency{Name: d.Name, Repository: d.Repository, Version: version}
			return err
		})
	}
	return locked, group.Wait()
}

func (w *work) version(ctx context.Context, d *chart.Dependency) (string, error) {
	switch {
	case d.Repository == "":
		// As helm has it: what lies in charts/ is locked as it was asked for.
		err := w.inside(d)
		return d.Version, err
	case local(d.Repository):
		c, err := w.folder(d)
		if err != nil {
			return "", err
		}
		return choose(d.Name, d.Repository, d.Version, []string{c.Metadata.Version})
	}
	versions, err := w.source.Versions(ctx, d.Repository, d.Name)
	if err != nil {
		return "", fmt.Errorf("dependency %s: %w", d.Name, err)
	}
	return choose(d.Name, d.Repository, d.Version, versions)
}

// inside looks for a chart that lies in charts/ and comes from nowhere.
func (w *work) inside(d *chart.Dependency) error {
	var have []string
	for _, c := range w.chart.Dependencies() {
		if c.Name() != d.Name {
			continue
		}
		if meets(c.Metadata.Version, d.Version) {
			return nil
		}
		have = append(have, c.Metadata.Version)
	}
	return &UnsatisfiedError{Name: d.Name, Constraint: d.Version, Have: have}
}

// folder reads the chart of a dependency that lies in a folder.
func (w *work) folder(d *chart.Dependency) (*chart.Chart, error) {
	path := filepath.FromSlash(strings.TrimPrefix(d.Repository, fileScheme))
	if !filepath.IsAbs(path) {
		path = filepath.Join(w.dir, path)
	}
	c, err := archive.Load(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("dependency %s: %w", d.Name, err)
	case c.Name() != d.Name:
		return nil, fmt.Errorf("dependency %s: %s is the chart %s", d.Name, path, c.Name())
	}
	if missing := archive.MissingDependencies(c); len(missing) > 0 {
		return nil, &IncompleteError{Name: d.Name, Dir: path, Missing: missing}
	}
	return c, nil
}

// IncompleteError reports a chart in a folder that lacks dependencies of its own.
type IncompleteError struct {
	Name, Dir string
	Missing   []string
}

// Error names the chart and what it lacks.
func (e *IncompleteError) Error() string {
	return fmt.Sprintf("dependency %s: %s lacks charts itself: %s", e.Name, e.Dir, strings.Join(e.Missing, ", "))
}

// install fetches charts of exactly these versions, puts them into charts/, and
// writes the lock file.
func (w *work) install(ctx context.Context, locked []*chart.Dependency) (*Result, error) {
	archives, charts, err := w.fetch(ctx, locked)
	if err != nil {
		return nil, err
	}
	result := &Result{Charts: charts}
	if result.Removed, err = replace(w.dir, archives, w.keeps()); err != nil {
		return nil, err
	}
	result.Locked, err = writeLock(w.dir, w.chart, w.located, locked, w.Now())
	return result, err
}

// keeps are the names of charts in charts/ that come from nowhere else.
func (w *work) keeps() []string {
	var names []string
	for _, d := range w.located {
		if d.Repository == "" {
			names = append(names, d.Name)
		}
	}
	return names
}

// pinned is a chart of which the version is known.
type pinned struct{ name, version, repository string }

// fetch returns the archives by the names of their files.
func (w *work) fetch(ctx context.Context, locked []*chart.Dependency) (map[string][]byte, []Fetched, error) {
	var wanted []pinned
	for _, d := range locked {
		if p := (pinned{d.Name, d.Version, d.Repository}); !slices.Contains(wanted, p) {
			wanted = append(wanted, p)
		}
	}
	list, contents := make([]Fetched, len(wanted)), make([][]byte, len(wanted))
	var one sync.Mutex
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, p := range wanted {
		group.Go(func() error {
			data, f, err := w.get(ctx, p)
			if err != nil {
				return err
			}
			one.Lock()
			defer one.Unlock()
			done++
			f.Done, f.Total = done, len(wanted)
			list[i], contents[i] = f, data
			if w.Observe != nil {
				w.Observe(f)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, nil, err
	}
	archives := map[string][]byte{}
	for i, f := range list {
		if f.File == "" {
			continue
		}
		if _, twice := archives[f.File]; twice {
			return nil, nil, fmt.Errorf("two dependencies would both be charts/%s: %s %s comes from different repositories", f.File, f.Name, f.Version)
		}
		archives[f.File] = contents[i]
	}
	return archives, list, nil
}

// get returns one archive, and looks whether it is what it should be.
func (w *work) get(ctx context.Context, p pinned) ([]byte, Fetched, error) {
	f := Fetched{Name: p.name, Version: p.version, Repository: p.repository}
	d := &chart.Dependency{Name: p.name, Version: p.version, Repository: p.repository}
	var data []byte
	switch {
	case p.repository == "":
		err := w.inside(d)
		return nil, f, err
	case local(p.repository):
		c, err := w.folder(d)
		if err != nil {
			return nil, f, err
		}
		var b bytes.Buffer
		if err := archive.Pack(&b, c); err != nil {
			return nil, f, err
		}
		data = b.Bytes()
	default:
		var err error
		if data, err = w.source.Fetch(ctx, p.repository, p.name, p.version); err != nil {
			return nil, f, fmt.Errorf("dependency %s: %w", p.name, err)
		}
	}
	c, err := archive.Unpack(bytes.NewReader(data))
	if err != nil {
		return nil, f, fmt.Errorf("dependency %s: %w", p.name, err)
	}
	if c.Name() != p.name || c.Metadata.Version != p.version && !meets(c.Metadata.Version, "="+p.version) {
		return nil, f, fmt.Errorf("dependency %s: %s sent %s %s for version %s", p.name, p.repository, c.Name(), c.Metadata.Version, p.version)
	}
	f.File, f.Digest = archive.FileName(c.Metadata), "sha256:"+archive.Digest(data)
	return data, f, nil
}

// replace puts a new folder in the place of charts/: these archives, and what was
// there beside archives. It returns the archives that are gone.
func replace(dir string, archives map[string][]byte, keep []string) (removed []string, err error) {
	beside, err := os.MkdirTemp(dir, ".charts-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(beside)
	fresh, target := filepath.Join(beside, "new"), filepath.Join(dir, "charts")
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return nil, err
	}
	removed, err = carryOver(target, fresh, archives, keep)
	if err != nil {
		return nil, err
	}
	for name, data := range archives {
		if err := os.WriteFile(filepath.Join(fresh, name), data, 0o644); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(fresh)
	if err != nil {
		return nil, err
	}
	if len(entries) == 0 {
		if _, err := os.Stat(target); err != nil {
			return removed, nil
		}
	}
	return removed, archive.Swap(fresh, target, filepath.Join(beside, "old"))
}
