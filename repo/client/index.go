package client

import (
	"bytes"
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
	// Charts is where the server lists the charts of the index with their sums.
	Charts string `json:"charts,omitempty"`
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

// Update fetches the index of a repository, unless it has not changed, and from
// a server that tells them apart only the charts that have. It
// writes it to the cache as the server sent it, where Helm reads it as well. It
// reports whether there was something new. The index of a chart in a registry,
// oci://HOST/PATH/CHART, is made of its tags, and that of oci://HOST/PATH of the
// charts right below it, where the registry lists its repositories.
func (c *Client) Update(ctx context.Context, r Repository) (index *repo.Index, changed bool, err error) {
	return c.UpdateCharts(ctx, r, nil)
}

// UpdateCharts does as [Client.Update] for somebody who wants those charts alone whose
// names match one of the patterns. Below a path of a registry the others are not asked
// for, and charts that are all named are found where the registry lists nothing; an
// index that a repository makes itself has more.
func (c *Client) UpdateCharts(ctx context.Context, r Repository, patterns []string) (index *repo.Index, changed bool, err error) {
	if err := CheckName(r.Name); err != nil {
		return nil, false, err
	}
	if strings.HasPrefix(r.URL, ociScheme) {
		return c.updateOCI(ctx, r, patterns)
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
	have := c.known(r.Name, target)
	now, err := s.fetchIndex(ctx, target, have)
	if err != nil {
		return nil, false, err
	}
	index, err = parseIndex(redact(target), now.data)
	if err != nil {
		return nil, false, err
	}
	if now.etag == have.etag && now.etag != "" {
		return index, false, nil
	}
	return index, true, c.keep(r.Name, target, now, index)
}

// fetchIndex returns the index as it is now, and have itself when that is still
// so.
func (s *session) fetchIndex(ctx context.Context, target string, have fetched) (fetched, error) {
	if have.list != "" {
		now, err := s.fetchChanged(ctx, target, have)
		if !errors.Is(err, errWhole) {
			return now, err
		}
	}
	var now fetched
	err := s.get(ctx, target, ifNoneMatch(have.etag), func(resp *http.Response) (err error) {
		if resp.StatusCode == http.StatusNotModified {
			now = have
			return nil
		}
		now = fetched{etag: resp.Header.Get("ETag"), list: plainList(resp.Header.Get(repo.ChartListHeader))}
		now.data, err = readLimited(resp.Body, s.client.limits.Index)
		return err
	})
	return now, err
}

func parseIndex(name string, data []byte) (*repo.Index, error) {
	index, _, err := repo.Parse(name, data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return index, nil
}

// known returns the cached index and its tag, when both belong together.
func (c *Client) known(name, target string) fetched {
	note, err := os.ReadFile(c.seenFile(name))
	if err != nil {
		return fetched{}
	}
	var s seen
	if err := json.Unmarshal(note, &s); err != nil || s.URL != target {
		return fetched{}
	}
	data, err := os.ReadFile(c.indexFile(name))
	if err != nil || digest(data) != s.Digest {
		return fetched{}
	}
	return fetched{data: data, etag: s.ETag, list: plainList(s.Charts)}
}

// keep writes the files that Helm writes, and the note last: without it the next
// update asks for everything.
func (c *Client) keep(name, target string, now fetched, index *repo.Index) error {
	if err := os.MkdirAll(c.paths.Cache, 0o755); err != nil {
		return err
	}
	var names strings.Builder
	for _, chart := range index.Names() {
		names.WriteString(chart + "\n")
	}
	if err := writeFile(c.indexFile(name), now.data, 0o644); err != nil {
		return err
	}
	if err := writeFile(c.chartsFile(name), []byte(names.String()), 0o644); err != nil {
		return err
	}
	if now.etag == "" {
		return ignoreMissing(os.Remove(c.seenFile(name)))
	}
	note, err := json.Marshal(seen{URL: target, ETag: now.etag, Digest: digest(now.data), Charts: now.list})
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
		ignoreMissing(os.Remove(c.newestFile(name))),
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
	sum, _, _ := repo.Digest(bytes.NewReader(data)) // memory can be read
	return sum
}
