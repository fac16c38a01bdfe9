package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

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
}

func newPartial(target string, limit int64) (*partial, error) {
	f, err := os.CreateTemp(filepath.Dir(target), ".gantry-*")
	return &partial{file: f, limit: limit}, err
}

// drop removes what has not become the target.
func (p *partial) drop() {
	_ = p.file.Close()
	_ = os.Remove(p.file.Name())
}

// download fetches an archive. When the connection breaks off, it goes on from
// there.
func (s *session) download(ctx context.Context, chart Chart, target string) error {
	p, err := newPartial(target, s.client.limits.Archive)
	if err != nil {
		return err
	}
	defer p.drop()
	header := http.Header{}
	err = s.get(ctx, chart.URL, header, func(resp *http.Response) error {
		if err := p.begin(resp); err != nil {
			return err
		}
		err := p.receive(resp.Body)
		if errors.Is(err, ErrTooLarge) {
			return fmt.Errorf("%s: %w", redact(chart.URL), err)
		}
		if p.size > 0 && p.etag != "" {
			header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
			header.Set("If-Range", p.etag)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.finish(chart, target)
}

// begin goes on where the answer does: behind what is there already, or from the
// start.
func (p *partial) begin(resp *http.Response) error {
	if resp.StatusCode == http.StatusPartialContent {
		if strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.size)) {
			return nil
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
	return p.file.Truncate(0)
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
	return os.Rename(p.file.Name(), target)
}

// save keeps a body that was not asked for by this package.
func (c *Client) save(body io.Reader, chart Chart, target string) error {
	p, err := newPartial(target, c.limits.Archive)
	if err != nil {
		return err
	}
	defer p.drop()
	if err := p.receive(body); err != nil {
		return fmt.Errorf("%s: %w", redact(chart.URL), err)
	}
	return p.finish(chart, target)
}
