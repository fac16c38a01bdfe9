package alias

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// ErrLimit is what an error about aliases that mean too much wraps.
var ErrLimit = errors.New("its aliases mean too much")

// Check says why YAML must not be read into memory: its aliases mean more than the limit,
// in bytes, or it cannot be told what they mean.
func Check(data []byte, limit int64) error {
	_, err := More(data, limit)
	return err
}

// More returns about how many bytes YAML has more when its aliases are written out. The
// error is that of [Check].
func More(data []byte, limit int64) (int64, error) {
	if !mayHaveAliases(data) {
		return 0, nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return 0, err // another reader may take it
	}
	m := measure{sizes: map[*yaml.Node]int64{}, limit: limit}
	size := m.node(&doc)
	if size > limit {
		return 0, fmt.Errorf("%w: with its aliases written out it has more than %d bytes", ErrLimit, limit)
	}
	return max(0, size-int64(len(data))), nil
}

// measure adds up what nodes have when they are written out, each once.
type measure struct {
	sizes map[*yaml.Node]int64
	limit int64
}

// perNode is what stands between values at least: a comma, a colon.
const perNode = 1

// node stops counting beyond the limit.
func (m measure) node(n *yaml.Node) int64 {
	if n.Kind == yaml.AliasNode {
		size, known := m.sizes[n.Alias]
		if !known { // it stands in its own value
			return m.limit + 1
		}
		return size
	}
	size := perNode + int64(len(n.Value))
	for _, child := range n.Content {
		if size += m.node(child); size > m.limit {
			size = m.limit + 1
			break
		}
	}
	if n.Anchor != "" {
		m.sizes[n] = size
	}
	return size
}

// mayHaveAliases reports whether there is what looks like an anchor and like an alias.
// In nearly all files there is not, and they need not be read twice.
func mayHaveAliases(data []byte) bool { return hasSign(data, '&') && hasSign(data, '*') }

// hasSign looks for a sign with a name behind it, and none before it, for then it is in
// the middle of a word.
func hasSign(data []byte, sign byte) bool {
	for i, c := range data {
		if c == sign && i+1 < len(data) && inName(data[i+1]) && (i == 0 || !inName(data[i-1])) {
			return true
		}
	}
	return false
}

func inName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
