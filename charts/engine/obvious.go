package engine

import (
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chartutil"
)

// obvious writes a value as the YAML library does, where that cannot be done in
// another way: mappings, lists, numbers and words. It reports false for all else,
// and leaves it to the library to find the quotes and breaks that are needed.
//
// Charts write the same few small values again and again, and the library takes
// most of its time to prepare itself for each.
func obvious(value any) (string, bool) {
	var w obviousWriter
	w.value(value, 0)
	return string(w.text), !w.odd
}

// obviousWriter writes values, until one is odd.
type obviousWriter struct {
	text []byte
	odd  bool
}

// value writes a value from the end of the text on. Its other lines, and the lines
// of what it holds, are so deep in the text.
func (w *obviousWriter) value(value any, depth int) {
	switch v := value.(type) {
	case chartutil.Values:
		w.value(v.AsMap(), depth)
		return
	case map[string]any:
		if len(v) > 0 {
			w.mapping(v, depth)
			return
		}
	case []any:
		if len(v) > 0 {
			w.list(v, depth)
			return
		}
	}
	w.scalar(value)
	w.text = append(w.text, '\n')
}

func (w *obviousWriter) mapping(m map[string]any, depth int) {
	keys := make([]string, 0, len(m))
	for key := range m {
		w.odd = w.odd || !obviousKey(key)
		keys = append(keys, key)
	}
	if w.odd {
		return
	}
	slices.SortFunc(keys, compareKeys)
	for i, key := range keys {
		if i > 0 {
			w.indent(depth)
		}
		w.text = append(w.text, key...)
		w.text = append(w.text, ':')
		w.field(m[key], depth)
	}
}

// field writes what belongs to a key: behind it, or on lines of its own. Those of
// a list are no deeper than the key.
func (w *obviousWriter) field(value any, depth int) {
	switch v := value.(type) {
	case chartutil.Values:
		w.field(v.AsMap(), depth)
		return
	case map[string]any:
		if len(v) > 0 {
			w.text = append(w.text, '\n')
			w.indent(depth + 1)
			w.mapping(v, depth+1)
			return
		}
	case []any:
		if len(v) > 0 {
			w.text = append(w.text, '\n')
			w.indent(depth)
			w.list(v, depth)
			return
		}
	}
	w.text = append(w.text, ' ')
	w.value(value, depth)
}

func (w *obviousWriter) list(list []any, depth int) {
	for i, item := range list {
		if i > 0 {
			w.indent(depth)
		}
		w.text = append(w.text, "- "...)
		w.value(item, depth+1)
	}
}

func (w *obviousWriter) indent(depth int) {
	for range depth {
		w.text = append(w.text, "  "...)
	}
}

// scalar writes a value that takes one line, empty collections among them.
func (w *obviousWriter) scalar(value any) {
	switch v := value.(type) {
	case nil:
		w.text = append(w.text, "null"...)
	case bool:
		w.text = strconv.AppendBool(w.text, v)
	case int:
		w.text = strconv.AppendInt(w.text, int64(v), 10)
	case int64:
		w.text = strconv.AppendInt(w.text, v, 10)
	case float64:
		w.odd = w.odd || !plainNumber(v)
		w.text = strconv.AppendFloat(w.text, v, 'g', -1, 64)
	case string:
		w.odd = w.odd || !obviousText(v)
		w.text = append(w.text, v...)
	case map[string]any:
		w.odd = w.odd || v == nil
		w.text = append(w.text, "{}"...)
	case []any:
		w.odd = w.odd || v == nil
		w.text = append(w.text, "[]"...)
	default:
		w.odd = true
	}
}

// obviousText holds for words, paths and addresses, and for amounts such as 100m.
func obviousText(text string) bool {
	if amount(text) {
		return true
	}
	if text == "" || !letter(text[0]) && text[0] != '/' || ambiguous(text) || text[len(text)-1] == ':' {
		return false
	}
	for i := range len(text) {
		if c := text[i]; !letter(c) && !digit(c) && strings.IndexByte("-._/:", c) < 0 {
			return false
		}
	}
	return true
}

// amount holds for digits and a unit that is no exponent.
func amount(text string) bool {
	number := strings.TrimRight(text, "mkMGTi")
	return number != "" && number != text && strings.Trim(number, "0123456789") == ""
}

// obviousKey holds for words without digits, which the library orders by their
// value.
func obviousKey(key string) bool {
	const simple = 100
	if key == "" || len(key) > simple || !letter(key[0]) || ambiguous(key) {
		return false
	}
	for i := range len(key) {
		if c := key[i]; !letter(c) && strings.IndexByte("-._/", c) < 0 {
			return false
		}
	}
	return true
}

// compareKeys orders obvious keys as the library does: letters come last.
func compareKeys(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] {
			continue
		}
		if letter(a[i]) != letter(b[i]) {
			if letter(b[i]) {
				return -1
			}
			return 1
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}
