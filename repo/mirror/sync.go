package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"gantry/repo"
	"gantry/repo/client"
	"gantry/repo/server"
)

// Target is the repository that charts are copied to: a [server.Server], or a
// [server.Publisher] where the journal is to tell of it.
type Target interface {
	Published(name, version string) (digest string, ok bool)
	Holds(stem string, file *os.File) (what server.Identity, there bool, err error)
	Publish(ctx context.Context, p server.Package) (server.Identity, error)
	Sign(ctx context.Context, text []byte) error
}

// Options say what to copy, and how.
type Options struct {
	Select Selection
	// Parallel is how many charts are copied at once. Default: 8.
	Parallel int
	// DryRun looks at the upstream, and copies nothing.
	DryRun bool
	// Tell is called with every version that is through, one at a time.
	Tell func(Step)
}

const defaultParallel = 8

// Step is what became of a version.
type Step struct {
	// Name is that of the chart, or of a file that is none.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Done is copied, present, or failed.
	Done string `json:"done"`
	// Error says why it failed.
	Error string `json:"error,omitempty"`
	// Number counts the steps, of so many in all.
	Number int `json:"-"`
	Of     int `json:"-"`
}

// What becomes of a version.
const (
	Copied  = "copied"
	Present = "present"
	Failed  = "failed"
)

// copier counts the steps of a copy.
type copier struct {
	mu    sync.Mutex
	steps []Step
	of    int
	tell  func(Step)
}

func (c *copier) done(name, version, what string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Step{Name: name, Version: version, Done: what, Number: len(c.steps) + 1, Of: c.of}
	if err != nil {
		s.Error = err.Error()
	}
	c.steps = append(c.steps, s)
	if c.tell != nil {
		c.tell(s)
	}
}

// Sync copies the chosen versions of an upstream that a repository does not have,
// with their signatures. It returns what became of each; the error is that of an
// upstream which cannot be read at all.
func Sync(ctx context.Context, c *client.Client, from client.Repository, to Target, o Options) ([]Step, error) {
	index, _, err := c.UpdateCharts(ctx, from, o.Select.Charts)
	if err != nil {
		return nil, err
	}
	chosen, err := o.Select.Choose(index)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gantry-mirror-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	run := &copier{of: len(chosen), tell: o.Tell}
	way := &way{client: c, from: from, to: to, dir: dir}
	var group errgroup.Group
	group.SetLimit(max(1, o.Parallel))
	if o.Parallel == 0 {
		group.SetLimit(defaultParallel)
	}
	for _, e := range chosen {
		group.Go(func() error {
			if ctx.Err() == nil {
				done, err := way.take(ctx, e, o.DryRun)
				run.done(e.Name, e.Version, done, err)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are steps
	return run.steps, ctx.Err()
}

// way leads from an upstream to a repository.
type way struct {
	client *client.Client
	from   client.Repository
	to     Target
	// dir keeps what is on the way.
	dir string
}

// take decides what is to be done about a version, and does it.
func (w *way) take(ctx context.Context, e *repo.Entry, dryRun bool) (done string, err error) {
	switch digest, there := w.to.Published(e.Name, e.Version); {
	case there && (e.Digest == "" || repo.SameDigest(e.Digest, digest)):
		return Present, nil
	case there:
		return Failed, errors.New("it is published here with other content")
	case dryRun:
		return Copied, nil
	}
	if err := w.copy(ctx, e); err != nil {
		return Failed, err
	}
	return Copied, nil
}

// copy fetches a version and publishes it.
func (w *way) copy(ctx context.Context, e *repo.Entry) error {
	p, done, err := fetch(ctx, w.client, w.from, e, w.dir)
	if err != nil {
		return err
	}
	defer done()
	_, err = w.to.Publish(ctx, p)
	return err
}

// fetch fetches a version, whose digest is checked on the way, with its signature.
// Both are in a folder of their own below dir until the caller is done.
func fetch(ctx context.Context, c *client.Client, from client.Repository, e *repo.Entry, dir string) (p server.Package, done func(), err error) {
	// Two versions could have one file name below different URLs.
	own, err := os.MkdirTemp(dir, "gantry-fetch-*")
	if err != nil {
		return p, nil, err
	}
	clean := func() {
		if p.Archive != nil {
			_ = p.Archive.Close()
		}
		_ = os.RemoveAll(own)
	}
	defer func() {
		if err != nil {
			clean()
		}
	}()
	found, err := c.At(ctx, from, e)
	if err != nil {
		return p, nil, err
	}
	file, err := c.Download(ctx, found, own)
	if err != nil {
		return p, nil, err
	}
	p = server.Package{Name: e.Name, Version: e.Version, Created: e.Created}
	if p.Archive, err = os.Open(file); err != nil {
		return p, nil, err
	}
	signature, err := c.DownloadProvenance(ctx, found, filepath.Join(own, "signature"))
	if status, ok := errors.AsType[*client.StatusError](err); ok && (status.Status == http.StatusNotFound || status.Status == http.StatusForbidden) {
		// Buckets of S3 say 403 of what is not there.
		return p, clean, nil
	}
	if err != nil {
		return p, nil, fmt.Errorf("fetch the signature: %w", err)
	}
	p.Provenance, err = os.ReadFile(signature)
	return p, clean, err
}

// Through is an upstream for a server that fetches what is asked for.
type Through struct {
	Client *client.Client
	From   client.Repository
	// Charts are patterns of names, as those of a [Selection]. Default: all.
	Charts []string
	// Dir is where archives are on their way. Default: the system's.
	Dir string
}

// Index fetches the index if it has changed.
func (t Through) Index(ctx context.Context) (*repo.Index, error) {
	index, _, err := t.Client.UpdateCharts(ctx, t.From, t.Charts)
	if index == nil {
		return nil, err
	}
	// One that could not be kept in the cache is good all the same.
	chosen := *index
	chosen.Entries = map[string][]*repo.Entry{}
	for name, entries := range index.Entries {
		if (Selection{Charts: t.Charts}).named(name) {
			chosen.Entries[name] = entries
		}
	}
	return &chosen, nil
}

// Fetch fetches a version.
func (t Through) Fetch(ctx context.Context, e *repo.Entry) (server.Package, func(), error) {
	return fetch(ctx, t.Client, t.From, e, t.Dir)
}
