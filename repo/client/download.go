package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"gantry/repo"
)

// partial is an archive on its way: a file beside its target, which gets its name
// when it is whole and right.
type partial struct {
	file *os.File
	size int64
	// etag is that of the content which has come so far. Without one the content
	// cannot be told from another one, and is asked for from the start.
	etag  string
	limit int64

	// url, note and lock are those of a file that outlives the process (resume.go).
	url, note string
	lock      *flock.Flock
}

func newPartial(target string, limit int64) (*partial, error) {
	f, err := os.CreateTemp(filepath.Dir(target), ".gantry-*")
	return &partial{file: f, limit: limit}, err
}

// drop removes what has not become the target, unless another run can go on from
// there.
func (p *partial) drop(err error) {
	_ = p.file.Close()
	if err == nil || !p.worth(err) {
		_ = os.Remove(p.file.Name())
		if p.note != "" {
			_ = os.Remove(p.note)
		}
	}
	if p.lock != nil {
		_ = os.Remove(p.lock.Path())
		_ = p.lock.Unlock()
	}
}

// ask asks for what is missing.
func (p *partial) ask(header http.Header) {
	if p.size > 0 && p.etag != "" {
		header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
		header.Set("If-Range", p.etag)
		return
	}
	header.Del("Range")
	header.Del("If-Range")
}

// download fetches an archive. When the connection breaks off, it goes on from
// there.
func (s *session) download(ctx context.Context, chart Chart, target string) (err error) {
	p := s.client.resume(chart, s.client.limits.Archive)
	if p == nil {
		if p, err = newPartial(target, s.client.limits.Archive); err != nil {
			return err
		}
	}
	defer func() { p.drop(err) }()
	err = s.fetch(ctx, chart, p)
	if status, ok := errors.AsType[*StatusError](err); ok && status.Status == http.StatusRequestedRangeNotSatisfiable && p.size > 0 {
		// There is no more than what is here, which may be another content.
		p.size = 0
		err = s.fetch(ctx, chart, p)
	}
	if err != nil {
		return err
	}
	return p.finish(chart, target)
}

// fetch fetches what is missing of an archive.
func (s *session) fetch(ctx context.Context, chart Chart, p *partial) error {
	header := http.Header{}
	p.ask(header)
	return s.get(ctx, chart.URL, header, func(resp *http.Response) error {
		if err := p.begin(resp); err != nil {
			return err
		}
		err := p.receive(resp.Body)
		if errors.Is(err, ErrTooLarge) {
			return fmt.Errorf("%s: %w", redact(chart.URL), err)
		}
		p.ask(header)
		return err
	})
}

// begin goes on where the answer does: behind what is there already, or from the
// start.
func (p *partial) begin(resp *http.Response) error {
	if resp.StatusCode == http.StatusPartialContent {
		if strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.size)) {
			_, err := p.file.Seek(p.size, io.SeekStart)
			return err
		}
		return fmt.Errorf("%s: the answer is another part than the one that was asked for", resp.Request.URL.Redacted())
	}
	p.size, p.etag = 0, resp.Header.Get("ETag")
	if strings.HasPrefix(p.etag, "W/") || resp.Uncompressed {
		p.etag = "" // not the same bytes each time
	}
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return cmp.Or(p.file.Truncate(0), p.remember())
}

func (p *partial) receive(body io.Reader) error {
	n, err := io.Copy(p.file, io.LimitReader(body, p.limit-p.size+1))
	p.size += n
	if p.size > p.limit {
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, p.limit>>20)
	}
	return err
}

// finish checks the content and gives it its name.
func (p *partial) finish(chart Chart, target string) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum, _, err := repo.Digest(p.file)
	if err = errors.Join(err, p.file.Chmod(0o644), p.file.Close()); err != nil {
		return err
	}
	if chart.Digest != "" && !repo.SameDigest(sum, chart.Digest) {
		return fmt.Errorf("%s: %w: it is sha256:%s, and the index says sha256:%s", redact(chart.URL), ErrDigest, sum, strings.TrimPrefix(chart.Digest, "sha256:"))
	}
	if p.note == "" {
		return os.Rename(p.file.Name(), target)
	}
	return p.move(target)
}

// move gives a file of the cache its name, which may be on another file system.
func (p *partial) move(target string) error {
	if err := os.Rename(p.file.Name(), target); err == nil {
		return nil
	}
	data, err := os.ReadFile(p.file.Name())
	if err != nil {
		return err
	}
	return writeFile(target, data, 0o644)
}

// save keeps a body that was not asked for by this package.
func (c *Client) save(body io.Reader, chart Chart, target string) (err error) {
	p, err := newPartial(target, c.limits.Archive)
	if err != nil {
		return err
	}
	defer func() { p.drop(err) }()
	if err := p.receive(body); err != nil {
		return fmt.Errorf("%s: %w", redact(chart.URL), err)
	}
	return p.finish(chart, target)
}
