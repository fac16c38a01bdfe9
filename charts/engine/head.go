package engine

import (
	"strings"

	"helm.sh/helm/v3/pkg/release"
	"sigs.k8s.io/yaml"
)

// head is what the order of documents depends on, and whether they are hooks.
type head struct {
	APIVersion string   `json:"apiVersion"`
	Kind       string   `json:"kind"`
	Metadata   metadata `json:"metadata"`
}

type metadata struct {
	Name        string            `json:"name"`
	Annotations map[string]string `json:"annotations"`
}

// readHead reads the head of a document. The error says that the document is not
// YAML.
//
// helm decodes every document for that, which takes a third of its time. Nearly
// all are written so plainly that one look at each line tells that they are
// YAML; the decoder is asked about the others.
func readHead(document string) (head, error) {
	var l look
	if l.document(document) {
		return l.head, nil
	}
	var h head
	return h, yaml.Unmarshal([]byte(document), &h)
}

// look is a look at a document, line by line. It gives up on whatever is not
// obvious; what it accepts, the decoder reads as it does. Of annotations, it
// keeps helm's own.
type look struct {
	head head
	// open are the mappings and lists that the line is in, outermost first.
	open []collection
	// empty is whether the line before ended with a key without a value, and next
	// which part of the head that key begins.
	empty bool
	next  part
	// block is whether the lines are those of a block of text. It ends left of the
	// column end; its own column is known from its first line on.
	block       bool
	end, column int
	// had are the parts that were there before.
	had [parts]bool
}

type collection struct {
	column int
	list   bool
	part   part
}

// part is a part of a document.
type part int

const (
	partOther part = iota
	partDocument
	partMetadata
	partAnnotations
	partScalar // where no mapping or list may stand
	partName
	partKind
	partAPIVersion
	parts
)

func (l *look) document(text string) bool {
	l.open = make([]collection, 0, 16)
	for text != "" {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if !l.line(line) {
			return false
		}
	}
	return true
}

func (l *look) line(line string) bool {
	for i := range len(line) {
		if c := line[i]; c < ' ' || c > '~' {
			return false
		}
	}
	text := strings.TrimLeft(line, " ")
	column := len(line) - len(text)
	if text == "" {
		return !l.block || l.column >= 0 || column <= l.end
	}
	if l.block && column >= l.end {
		if l.column < 0 {
			l.column = column
		}
		return column >= l.column
	}
	l.block = false
	if text[0] == '#' {
		return true
	}
	if item, ok := strings.CutPrefix(text, "- "); ok {
		return l.item(column, item)
	}
	key, value, ok := cutKey(text)
	return ok && l.enter(column, false) && l.entry(key, value)
}

// item takes an element of a list.
func (l *look) item(column int, line string) bool {
	if !l.enter(column, true) {
		return false
	}
	text := strings.TrimLeft(line, " ")
	if key, value, ok := cutKey(text); ok {
		l.open = append(l.open, collection{column: column + 2 + len(line) - len(text)})
		return l.entry(key, value)
	}
	l.empty = false
	return l.value(text)
}

// entry takes a key of the innermost mapping, and its value.
func (l *look) entry(key, value string) bool {
	l.empty = value == "" || value[0] == '#'
	if l.empty {
		value = ""
	}
	if !l.known(l.open[len(l.open)-1].part, key, value) {
		return false
	}
	return l.empty || l.value(value)
}

// enter closes the collections that end before a line, and opens one where the
// line begins it.
func (l *look) enter(column int, list bool) bool {
	if len(l.open) == 0 {
		l.open = append(l.open, collection{part: partDocument})
		return column == 0 && !list
	}
	for l.open[len(l.open)-1].column > column {
		if l.open = l.open[:len(l.open)-1]; len(l.open) == 0 {
			return false
		}
		l.empty = false
	}
	top := l.open[len(l.open)-1]
	switch {
	case top.column == column && top.list == list:
		return true
	case top.column == column && top.list:
		// The list stood as far left as the key that it is the value of.
		l.open = l.open[:len(l.open)-1]
		n := len(l.open)
		return n > 0 && l.open[n-1].column == column && !l.open[n-1].list
	case !l.empty || list && l.next != partOther || l.next == partScalar:
		return false
	}
	l.open = append(l.open, collection{column: column, list: list, part: l.next})
	l.empty = false
	return true
}

// known notes what belongs to the head. It reports whether the value can be taken
// as it is written.
func (l *look) known(within part, key, value string) bool {
	l.next = partOther
	switch within {
	case partDocument:
		switch key {
		case "apiVersion":
			return l.keep(partAPIVersion, value, &l.head.APIVersion)
		case "kind":
			return l.keep(partKind, value, &l.head.Kind)
		case "metadata":
			l.next = partMetadata
			return value == "" && l.once(partMetadata)
		}
		return !foldsTo(key, "apiVersion", "kind", "metadata")
	case partMetadata:
		switch key {
		case "name":
			return l.keep(partName, value, &l.head.Metadata.Name)
		case "annotations":
			l.next = partAnnotations
			return (value == "" || value == "{}") && l.once(partAnnotations)
		}
		return !foldsTo(key, "name", "annotations")
	case partAnnotations:
		l.next = partScalar
		return l.annotation(key, value)
	default:
		return true
	}
}

// once reports whether a part comes for the first time.
func (l *look) once(p part) bool {
	again := l.had[p]
	l.had[p] = true
	return !again
}

func (l *look) keep(p part, value string, into *string) bool {
	text, ok := plainScalar(value)
	*into = text
	return ok && l.once(p)
}

func (l *look) annotation(key, value string) bool {
	switch key {
	case release.HookAnnotation, release.HookWeightAnnotation:
		text, ok := plainScalar(value)
		if _, again := l.head.Metadata.Annotations[key]; again || !ok {
			return false
		}
		if l.head.Metadata.Annotations == nil {
			l.head.Metadata.Annotations = map[string]string{}
		}
		l.head.Metadata.Annotations[key] = text
		return true
	default:
		return value == "" || value[0] != '{' && value[0] != '['
	}
}

// foldsTo reports whether a key differs from one of others in its case only: the
// decoder takes it for that one.
func foldsTo(key string, others ...string) bool {
	for _, other := range others {
		if len(key) == len(other) && strings.EqualFold(key, other) {
			return true
		}
	}
	return false
}

// value takes what stands behind a key or the mark of an element.
func (l *look) value(text string) bool {
	text = strings.TrimRight(text, " ")
	if text == "" {
		return false
	}
	switch c := text[0]; {
	case c == '"' || c == '\'':
		_, ok := quoted(text)
		return ok
	case c == '|' || c == '>':
		if text = text[1:]; text != "" && text != "-" && text != "+" {
			return false
		}
		l.block, l.end, l.column = true, l.open[len(l.open)-1].column+1, -1
		return true
	case c == '[' || c == '{':
		return flow(text)
	case c == '-':
		return len(text) > 1 && text[1] != ' ' && text[1] != '-' && text[1] != '.' && wholeText(text)
	case letter(c) || digit(c) || strings.IndexByte("/_($~<^\\", c) >= 0:
		return wholeText(text)
	default:
		return false
	}
}

// wholeText holds for a text without quotes that is one value to its end.
func wholeText(text string) bool {
	text, _, _ = strings.Cut(text, " #")
	return !strings.Contains(text, ": ") && text[len(text)-1] != ':'
}

// cutKey splits a line into a key, if it begins with one, and its value.
func cutKey(line string) (key, value string, ok bool) {
	const longest = 128
	end := 0
	for end < len(line) && (letter(line[end]) || digit(line[end]) || strings.IndexByte("_./-", line[end]) >= 0) {
		end++
	}
	if end == 0 || end == len(line) || line[end] != ':' || end+1 < len(line) && line[end+1] != ' ' {
		return "", "", false
	}
	key = line[:end]
	// What could be something else than a text is not obvious.
	if end > longest || !letter(key[0]) || ambiguous(key) {
		return "", "", false
	}
	return key, strings.Trim(line[end+1:], " "), true
}

// plainScalar returns the text that a value stands for, where nobody could take
// it for anything else.
func plainScalar(value string) (string, bool) {
	if value == "" {
		return "", false
	}
	if value[0] == '"' || value[0] == '\'' {
		return quoted(value)
	}
	value, _, _ = strings.Cut(value, " #")
	value = strings.TrimRight(value, " ")
	if value == "" || !letter(value[0]) || ambiguous(value) {
		return "", false
	}
	for i := range len(value) {
		if c := value[i]; !letter(c) && !digit(c) && strings.IndexByte("-./_,", c) < 0 {
			return "", false
		}
	}
	return value, true
}

// ambiguous holds for words that YAML may take for a truth or for nothing.
func ambiguous(word string) bool {
	const longest = len("false")
	if len(word) > longest {
		return false
	}
	switch strings.ToLower(word) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// quoted returns what stands between quotes, where the value ends with them and
// nothing within needs to be decoded.
func quoted(text string) (string, bool) {
	within := text[1:]
	end := strings.IndexByte(within, text[0])
	if end < 0 || text[0] == '"' && strings.IndexByte(within[:end], '\\') >= 0 {
		return "", false
	}
	rest := strings.TrimLeft(within[end+1:], " ")
	if rest != "" && (rest[0] != '#' || within[end+1] != ' ') {
		return "", false
	}
	return within[:end], true
}

// flow takes lists of words on one line, and empty collections.
func flow(text string) bool {
	if text == "{}" || text == "[]" {
		return true
	}
	list, ok := strings.CutPrefix(text, "[")
	list, closed := strings.CutSuffix(list, "]")
	if !ok || !closed || strings.IndexByte(list, '#') >= 0 {
		return false
	}
	for item := range strings.SplitSeq(list, ",") {
		if _, ok := plainScalar(strings.Trim(item, " ")); !ok {
			return false
		}
	}
	return true
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func digit(c byte) bool  { return c >= '0' && c <= '9' }
