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
func Sync(ctx context.Context, c *client.Client, from client.Repository, to *server.Server, o Options) ([]Step, error) {
	index, _, err := c.Update(ctx, from)
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
	var group errgroup.Group
	group.SetLimit(max(1, o.Parallel))
	if o.Parallel == 0 {
		group.SetLimit(defaultParallel)
	}
	for _, e := range chosen {
		group.Go(func() error {
			switch digest, there := to.Published(e.Name, e.Version); {
			case ctx.Err() != nil:
			case there && (e.Digest == "" || repo.SameDigest(e.Digest, digest)):
				run.done(e.Name, e.Version, Present, nil)
			case there:
				run.done(e.Name, e.Version, Failed, errors.New("it is published here with other content"))
			case o.DryRun:
				run.done(e.Name, e.Version, Copied, nil)
			default:
				if err := copyOne(ctx, c, from, e, to, dir); err != nil {
					run.done(e.Name, e.Version, Failed, err)
				} else {
					run.done(e.Name, e.Version, Copied, nil)
				}
			}
			return nil
		})
	}
	_ = group.Wait() // failures are steps
	return run.steps, ctx.Err()
}

// copyOne fetches a version, whose digest is checked on the way, and publishes it.
func copyOne(ctx context.Context, c *client.Client, from client.Repository, e *repo.Entry, to *server.Server, dir string) error {
	found, err := c.At(ctx, from, e)
	if err != nil {
		return err
	}
	// Two versions could have one file name below different URLs.
	own, err := os.MkdirTemp(dir, "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(own)
	file, err := c.Download(ctx, found, own)
	if err != nil {
		return err
	}
	archive, err := os.Open(file)
	if err != nil {
		return err
	}
	defer archive.Close()
	p := server.Package{Archive: archive, Name: e.Name, Version: e.Version, Created: e.Created}
	signature, err := c.DownloadProvenance(ctx, found, filepath.Join(own, "signature"))
	if status, ok := errors.AsType[*client.StatusError](err); ok && (status.Status == http.StatusNotFound || status.Status == http.StatusForbidden) {
		// Buckets of S3 say 403 of what is not there.
		return to.Publish(ctx, p)
	}
	if err != nil {
		return fmt.Errorf("fetch the signature: %w", err)
	}
	if p.Provenance, err = os.ReadFile(signature); err != nil {
		return err
	}
	return to.Publish(ctx, p)
}
