package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
	goyaml "go.yaml.in/yaml/v2"
	"helm.sh/helm/v3/pkg/chartutil"
	"sigs.k8s.io/yaml"
	goyaml3 "sigs.k8s.io/yaml/goyaml.v3"

	"gantry/charts/alias"
	"gantry/charts/archive"
)

// toYAML writes a value as YAML, and nothing when that cannot be done.
//
// helm writes JSON, reads that as YAML and writes YAML. Of values that come back
// from there as they went, which are nearly all, only the last step is taken.
func toYAML(value any) (string, error) {
	budget := MaxItems
	write := yaml.Marshal
	if plain(value, 0, &budget) {
		if text, ok := obvious(value); ok {
			return strings.TrimSuffix(text, "\n"), nil
		}
		write = goyaml.Marshal
	}
	if budget <= 0 {
		return "", errTooMany()
	}
	data, err := write(value)
	if err != nil {
		return "", nil //nolint:nilerr // helm's templates rely on it
	}
	return strings.TrimSuffix(string(data), "\n"), nil
}

func errTooMany() error {
	return fmt.Errorf("%w: more than %d values to write at once", ErrLimit, MaxItems)
}

// deepest is how deep the values of a chart are, by far.
const deepest = 100

// plain reports whether a value is the same after it was written as JSON and read
// as YAML, as far as YAML shows. It takes from the budget what it looks at.
func plain(value any, depth int, budget *int) bool {
	if *budget--; *budget <= 0 || depth > deepest {
		return false
	}
	switch v := value.(type) {
	case nil, bool:
		return true
	case int:
		return true
	case int64:
		return true
	case float64:
		return plainNumber(v)
	case string:
		return plainText(v)
	case map[string]any:
		return plainMap(v, depth, budget)
	case chartutil.Values:
		return plainMap(v, depth, budget)
	case map[string]string:
		for key, text := range v {
			if !plainKey(key) || !plainText(text) {
				return false
			}
		}
		return v != nil
	case []any:
		for _, each := range v {
			if !plain(each, depth+1, budget) {
				return false
			}
		}
		return v != nil
	default:
		return false
	}
}

func plainMap(m map[string]any, depth int, budget *int) bool {
	for key, each := range m {
		if !plainKey(key) || !plain(each, depth+1, budget) {
			return false
		}
	}
	return m != nil
}

// plainNumber holds for numbers that are written alike whether they are taken
// for an integer or not, and for those that are no integer.
func plainNumber(f float64) bool {
	const limit = 1e5
	if f == 0 {
		return !math.Signbit(f)
	}
	return math.Abs(f) < limit && math.Abs(f) > 1/limit
}

// plainKey is plainText, and neither long nor the key that merges.
func plainKey(key string) bool {
	const simple = 100
	return len(key) < simple && key != "<<" && plainText(key)
}

// plainText holds for texts without characters that YAML does not take as they
// are.
func plainText(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return plainRunes(text)
		}
	}
	return true
}

func plainRunes(text string) bool {
	for _, r := range text {
		switch {
		case r == '\n', r == '\t', r >= ' ' && r < 0x7f:
		case r >= 0xa0 && r < 0xd800 && r != 0x2028 && r != 0x2029, r >= 0xe000 && r < 0xfe00:
		default:
			return false
		}
	}
	return utf8.ValidString(text)
}

// within returns an error when a value is larger than can be written.
func within(value any) error {
	budget := MaxItems
	count(value, 0, &budget)
	if budget <= 0 {
		return errTooMany()
	}
	return nil
}

func count(value any, depth int, budget *int) {
	if *budget--; *budget <= 0 || depth > deepest {
		return
	}
	switch v := value.(type) {
	case map[string]any:
		for _, each := range v {
			count(each, depth+1, budget)
		}
	case chartutil.Values:
		for _, each := range v {
			count(each, depth+1, budget)
		}
	case []any:
		for _, each := range v {
			count(each, depth+1, budget)
		}
	}
}

func toYAMLPretty(value any) (string, error) {
	if err := within(value); err != nil {
		return "", err
	}
	var b bytes.Buffer
	e := goyaml3.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(value); err != nil {
		return "", nil //nolint:nilerr // helm's templates rely on it
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func toJSON(value any) (string, error) {
	if err := within(value); err != nil {
		return "", err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return "", nil //nolint:nilerr // helm's templates rely on it
	}
	return string(data), nil
}

func toTOML(value any) string {
	var b bytes.Buffer
	if err := toml.NewEncoder(&b).Encode(value); err != nil {
		return err.Error()
	}
	return b.String()
}

// The functions below read a text. What is wrong with it stands in the result,
// under the key Error or as the only element.

func fromYAML(text string) map[string]any {
	return readMap(text, readYAML)
}

func fromYAMLArray(text string) []any {
	return readList(text, readYAML)
}

// readYAML reads no text whose aliases mean more than a file may have.
func readYAML(data []byte, into any) error {
	if err := alias.Check(data, archive.MaxFileBytes); err != nil {
		return err
	}
	return yaml.Unmarshal(data, into)
}

func fromJSON(text string) map[string]any { return readMap(text, json.Unmarshal) }

func fromJSONArray(text string) []any { return readList(text, json.Unmarshal) }

func fromTOML(text string) map[string]any { return readMap(text, toml.Unmarshal) }

func readMap(text string, decode func([]byte, any) error) map[string]any {
	m := map[string]any{}
	if err := decode([]byte(text), &m); err != nil {
		m["Error"] = err.Error()
	}
	return m
}

func readList(text string, decode func([]byte, any) error) []any {
	list := []any{}
	if err := decode([]byte(text), &list); err != nil {
		list = []any{err.Error()}
	}
	return list
}
