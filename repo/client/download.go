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

	"github.com/gofrs/flock"

	"gantry/repo"
)

// partial is an archive on its way: a file beside its target, which gets its name
// when it is whole and right.
type partial struct {
	file *os.File
	size int64
	// etag is that of the content which has come so far. Without one the content
	// cannot be told from another one, and is asked for from the start, unless it is
	// pinned: its URL has its digest, as in a registry, and never another content.
	etag   string
	pinned bool
	// joined reports that the content is of several answers.
	joined bool
	limit  int64

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

// same reports whether the rest can be asked for of the same content.
func (p *partial) same() bool { return p.size > 0 && (p.pinned || p.etag != "") }

// ask asks for what is missing.
func (p *partial) ask(header http.Header) {
	header.Del("Range")
	header.Del("If-Range")
	if !p.same() {
		return
	}
	header.Set("Range", fmt.Sprintf("bytes=%d-", p.size))
	if !p.pinned {
		header.Set("If-Range", p.etag)
	}
}

// download fetches an archive. When the connection breaks off, it goes on from
// there. Parts that turn out not to belong together are fetched anew, once.
func (s *session) download(ctx context.Context, chart Chart, target string) (err error) {
	p := s.client.resume(chart, s.client.limits.Archive)
	if p == nil {
		if p, err = newPartial(target, s.client.limits.Archive); err != nil {
			return err
		}
	}
	p.pinned = chart.oci != nil
	p.recall()
	defer func() { p.drop(err) }()
	err = s.fetch(ctx, chart, p)
	if p.mismatched(err) {
		if err := p.restart(); err != nil {
			return err
		}
		err = s.fetch(ctx, chart, p)
	}
	if err != nil {
		return err
	}
	return p.finish(target)
}

// errOtherPart reports an answer that does not begin where the last one broke off.
var errOtherPart = errors.New("the answer is another part than the one that was asked for")

// mismatched reports an error that may come of what was there before.
func (p *partial) mismatched(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok && status.Status == http.StatusRequestedRangeNotSatisfiable {
		// There is no more than what is here, which may be another content.
		return p.size > 0
	}
	return p.size > 0 && errors.Is(err, errOtherPart) || p.joined && errors.Is(err, ErrDigest)
}

// restart forgets what has come.
func (p *partial) restart() error {
	p.size, p.etag, p.joined = 0, "", false
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return p.file.Truncate(0)
}

// fetch fetches what is missing of an archive, and checks the whole.
func (s *session) fetch(ctx context.Context, chart Chart, p *partial) error {
	header := http.Header{}
	p.ask(header)
	err := s.get(ctx, chart.URL, header, func(resp *http.Response) error {
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
	if err != nil {
		return err
	}
	return p.check(chart)
}

// begin goes on where the answer does: behind what is there already, or from the
// start.
func (p *partial) begin(resp *http.Response) error {
	if resp.StatusCode == http.StatusPartialContent {
		if p.size == 0 || !strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", p.size)) {
			return fmt.Errorf("%s: %w", resp.Request.URL.Redacted(), errOtherPart)
		}
		p.joined = p.joined || p.size > 0
		_, err := p.file.Seek(p.size, io.SeekStart)
		return err
	}
	if err := p.restart(); err != nil {
		return err
	}
	p.etag = resp.Header.Get("ETag")
	if strings.HasPrefix(p.etag, "W/") || resp.Uncompressed {
		p.etag = "" // not the same bytes each time
	}
	return p.remember()
}

func (p *partial) receive(body io.Reader) error {
	n, err := io.Copy(p.file, io.LimitReader(body, p.limit-p.size+1))
	p.size += n
	if p.size > p.limit {
		return fmt.Errorf("%w: more than %d MiB", ErrTooLarge, p.limit>>20)
	}
	return err
}

// check compares the content with its digest.
func (p *partial) check(chart Chart) error {
	if _, err := p.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	sum, _, err := repo.Digest(p.file)
	if err != nil || chart.Digest == "" || repo.SameDigest(sum, chart.Digest) {
		return err
	}
	said := "index"
	if chart.oci != nil {
		said = "manifest"
	}
	return fmt.Errorf("%s: %w: it is sha256:%s, and the %s says sha256:%s", redact(chart.URL), ErrDigest, sum, said, strings.TrimPrefix(chart.Digest, "sha256:"))
}

// finish gives the content its name.
func (p *partial) finish(target string) error {
	if err := errors.Join(p.file.Chmod(0o644), p.file.Close()); err != nil {
		return err
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
