package client

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"gantry/repo"
)

// Newest is the newest release of each chart of a repository, by name: what a
// search looks through. Reading it takes milliseconds where the index takes
// seconds.
type Newest struct {
	Charts []Summary `json:"charts"`
	// Skipped is how many entries of the index nobody could install.
	Skipped int `json:"skipped,omitempty"`
	// Size and Changed are those of the index that it is made of, which another
	// tool may replace.
	Size    int64     `json:"size"`
	Changed time.Time `json:"changed"`
}

// Summary is what a search shows of a chart.
type Summary struct {
	Name        string   `json:"name"`
	Version     string   `json:"version"`
	AppVersion  string   `json:"appVersion,omitempty"`
	Description string   `json:"description,omitempty"`
	Keywords    []string `json:"keywords,omitempty"`
}

func (c *Client) newestFile(name string) string {
	return filepath.Join(c.paths.Cache, name+"-newest.gantry.json")
}

// Newest returns the newest releases in the index of a repository as it was last
// fetched, by whichever tool. It is [fs.ErrNotExist] when it never was.
func (c *Client) Newest(name string) (Newest, error) {
	if err := CheckName(name); err != nil {
		return Newest{}, err
	}
	info, err := os.Stat(c.indexFile(name))
	if err != nil {
		return Newest{}, err
	}
	var known Newest
	text, err := os.ReadFile(c.newestFile(name))
	if err == nil && json.Unmarshal(text, &known) == nil && known.Size == info.Size() && known.Changed.Equal(info.ModTime()) {
		return known, nil
	}
	index, list, err := c.Cached(name)
	if err != nil {
		return Newest{}, err
	}
	n := newest(index)
	n.Skipped, n.Size, n.Changed = len(list), info.Size(), info.ModTime()
	// It can be made again: that it cannot be kept costs time alone.
	if text, err := json.Marshal(n); err == nil {
		_ = writeFile(c.newestFile(name), text, 0o644)
	}
	return n, nil
}

func newest(index *repo.Index) Newest {
	var n Newest
	for _, name := range index.Names() {
		e, err := index.Find(name, "")
		if err != nil {
			continue // pre-releases only
		}
		n.Charts = append(n.Charts, Summary{e.Name, e.Version, e.AppVersion, e.Description, e.Keywords})
	}
	return n
}
