package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// An archive that broke off is kept in the cache with what its server said of it, so
// that the next run asks for the rest alone. Only archives whose digest is known
// are: nothing else tells whether the parts belong together. A lock, which ends with
// its process, keeps two processes from writing to one file.

const (
	partialFolder = "gantry-partial"
	partialExt    = ".part"
	// partialAge is how long what broke off is kept.
	partialAge = 7 * 24 * time.Hour
)

// partialNote is what is remembered beside a partial archive.
type partialNote struct {
	URL  string `json:"url"`
	ETag string `json:"etag"`
}

// resume returns what has come of an archive before, or an empty file where nothing has.
// It is nil where that cannot be kept.
func (c *Client) resume(chart Chart, limit int64) *partial {
	if chart.Digest == "" {
		return nil
	}
	dir := filepath.Join(c.paths.Cache, partialFolder)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil
	}
	c.forgetPartials(dir)
	path := filepath.Join(dir, digest([]byte(chart.URL + "\n" + chart.Digest))[:32]+partialExt)
	lock := lockAlone(path + ".lock")
	if lock == nil {
		return nil
	}
	p := &partial{limit: limit, lock: lock, note: path + ".json", url: chart.URL}
	var err error
	if p.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		_ = lock.Unlock()
		return nil
	}
	return p
}

// lockAlone takes a lock, or returns nil where another process has it. Who has it removes
// its file at the end, so the file must still be the one of that name.
func lockAlone(path string) *flock.Flock {
	lock := flock.New(path)
	if locked, err := lock.TryLock(); err != nil || !locked {
		return nil
	}
	held, err := lock.Stat()
	there, thereErr := os.Stat(path)
	if cmp.Or(err, thereErr) != nil || !os.SameFile(held, there) {
		_ = lock.Unlock()
		return nil
	}
	return lock
}

// recall finds out how much of which content is there.
func (p *partial) recall() {
	if p.note == "" {
		return
	}
	info, err := p.file.Stat()
	text, noteErr := os.ReadFile(p.note)
	var note partialNote
	if cmp.Or(err, noteErr) != nil || json.Unmarshal(text, &note) != nil || note.URL != p.url || info.Size() >= p.limit {
		return
	}
	p.size, p.etag = info.Size(), note.ETag
}

// remember notes what is about to come.
func (p *partial) remember() error {
	if p.note == "" {
		return nil
	}
	if p.etag == "" && !p.pinned {
		return ignoreMissing(os.Remove(p.note))
	}
	text, err := json.Marshal(partialNote{p.url, p.etag})
	if err != nil {
		return err
	}
	return writeFile(p.note, text, 0o600)
}

// worth reports whether what has come is worth to be kept for another run.
func (p *partial) worth(err error) bool {
	return p.note != "" && p.same() && !errors.Is(err, ErrDigest) && !errors.Is(err, ErrTooLarge)
}

// forgetPartials removes what nobody came back for.
func (c *Client) forgetPartials(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && c.now().Sub(info.ModTime()) > partialAge {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}
