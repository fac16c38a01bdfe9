package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"gantry/charts/diag"
	"gantry/repo"
)

// seen is what is remembered of a cached index, beside it, to ask the server
// only whether it has changed. The digest tells whether somebody else, such as
// Helm, has written the index since.
type seen struct {
	URL    string `json:"url"`
	ETag   string `json:"etag"`
	Digest string `json:"digest"`
}

func (c *Client) indexFile(name string) string {
	return filepath.Join(c.paths.Cache, name+"-index.yaml")
}

func (c *Client) chartsFile(name string) string {
	return filepath.Join(c.paths.Cache, name+"-charts.txt")
}

func (c *Client) seenFile(name string) string {
	return filepath.Join(c.paths.Cache, name+"-index.gantry.json")
}

// Update fetches the index of a repository, unless it has not changed, and
// writes it to the cache as the server sent it, where Helm reads it as well. It
// reports whether there was something new.
func (c *Client) Update(ctx context.Context, r Repository) (index *repo.Index, changed bool, err error) {
	if err := CheckName(r.Name); err != nil {
		return nil, false, err
	}
	target, err := resolve(r.URL, "index.yaml")
	if err != nil {
		return nil, false, err
	}
	s, err := c.session(r)
	if err != nil {
		return nil, false, err
	}
	defer s.close()
	have, etag := c.known(r.Name, target)
	var data []byte
	var newTag string
	err = s.get(ctx, target, etag, func(resp *http.Response) error {
		if resp.StatusCode == http.StatusNotModified {
			data, newTag = have, etag
			return nil
		}
		newTag = resp.Header.Get("ETag")
		data, err = readLimited(resp.Body, c.limits.Index)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	index, err = parseIndex(redact(target), data)
	if err != nil {
		return nil, false, err
	}
	if newTag == etag && etag != "" {
		return index, false, nil
	}
	return index, true, c.keep(r.Name, target, newTag, data, index)
}

func parseIndex(name string, data []byte) (*repo.Index, error) {
	index, _, err := repo.Parse(name, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return index, nil
}

// known returns the cached index and its tag, when both belong together.
func (c *Client) known(name, target string) (data []byte, etag string) {
	note, err := os.ReadFile(c.seenFile(name))
	if err != nil {
		return nil, ""
	}
	var s seen
	if err := json.Unmarshal(note, &s); err != nil || s.URL != target {
		return nil, ""
	}
	data, err = os.ReadFile(c.indexFile(name))
	if err != nil || digest(data) != s.Digest {
		return nil, ""
	}
	return data, s.ETag
}

// keep writes the files that Helm writes, and the note last: without it the next
// update asks for everything.
func (c *Client) keep(name, target, etag string, data []byte, index *repo.Index) error {
	if err := os.MkdirAll(c.paths.Cache, 0o755); err != nil {
		return err
	}
	var names strings.Builder
	for _, chart := range index.Names() {
		names.WriteString(chart + "\n")
	}
	if err := writeFile(c.indexFile(name), data, 0o644); err != nil {
		return err
	}
	if err := writeFile(c.chartsFile(name), []byte(names.String()), 0o644); err != nil {
		return err
	}
	if etag == "" {
		return ignoreMissing(os.Remove(c.seenFile(name)))
	}
	note, err := json.Marshal(seen{URL: target, ETag: etag, Digest: digest(data)})
	if err != nil {
		return err
	}
	return writeFile(c.seenFile(name), note, 0o644)
}

// Cached returns the index of a repository as it was last fetched, by whichever
// tool, and what is wrong with it. It is [fs.ErrNotExist] when it never was.
func (c *Client) Cached(name string) (*repo.Index, diag.List, error) {
	if err := CheckName(name); err != nil {
		return nil, nil, err
	}
	path := c.indexFile(name)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	return repo.Parse(path, data)
}

// Forget removes what is cached of a repository.
func (c *Client) Forget(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	return errors.Join(
		ignoreMissing(os.Remove(c.seenFile(name))),
		ignoreMissing(os.Remove(c.chartsFile(name))),
		ignoreMissing(os.Remove(c.indexFile(name))),
	)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d MiB", ErrTooLarge, limit>>20)
	}
	return data, err
}

func digest(data []byte) string {
	sum, _, _ := repo.Digest(strings.NewReader(string(data))) // memory can be read
	return sum
}
