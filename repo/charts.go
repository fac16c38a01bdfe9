package repo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// ChartList names the charts of an index and what their parts of it are: with it,
// whoever has an older index fetches what has changed alone. The index is the
// head, the parts of the charts with commas between them, and the tail.
type ChartList struct {
	Head   string     `json:"head"`
	Charts []ChartSum `json:"charts"`
	Tail   string     `json:"tail"`
}

// ChartSum is the SHA-256, in hexadecimal, of a chart's part of an index:
// "name":[versions].
type ChartSum struct {
	Name string `json:"name"`
	Sum  string `json:"sum"`
}

// ChartListFile is where a server has the list, beside the index, and
// ChartListHeader what tells of it in the answer with the index.
const (
	ChartListFile   = "index-charts.json"
	ChartListHeader = "X-Index-Charts"
)

// Parts returns the part of each chart of an index in JSON, by name.
func Parts(index []byte) (map[string][]byte, error) {
	var x struct {
		Entries map[string]json.RawMessage `json:"entries"`
	}
	if err := json.Unmarshal(index, &x); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotIndex, err)
	}
	parts := make(map[string][]byte, len(x.Entries))
	for name, versions := range x.Entries {
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		parts[name] = append(append(key, ':'), versions...)
	}
	return parts, nil
}

// Missing returns the names of the charts whose parts are not there as the list
// has them.
func (l *ChartList) Missing(parts map[string][]byte) []string {
	var names []string
	for _, c := range l.Charts {
		if part, ok := parts[c.Name]; !ok || !c.matches(part) {
			names = append(names, c.Name)
		}
	}
	return names
}

func (c ChartSum) matches(part []byte) bool {
	sum := sha256.Sum256(part)
	return hex.EncodeToString(sum[:]) == c.Sum
}

// Join puts the index together. All parts must be there.
func (l *ChartList) Join(parts map[string][]byte) []byte {
	size := len(l.Head) + len(l.Tail) + len(l.Charts)
	for _, c := range l.Charts {
		size += len(parts[c.Name])
	}
	out := bytes.NewBuffer(make([]byte, 0, size))
	out.WriteString(l.Head)
	for i, c := range l.Charts {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(parts[c.Name])
	}
	out.WriteString(l.Tail)
	return out.Bytes()
}
