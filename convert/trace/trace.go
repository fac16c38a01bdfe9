package trace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/extension"
	"gantry/convert/hosts"
	"gantry/convert/manifest"
)

// Variable is a variable whose whole effect is known: a chart can offer it.
type Variable struct {
	Name, Value string
	// Required tells that the Compose file does not do without a value (:?).
	Required bool
	// Number tells that it stands for numbers, such as those of ports.
	Number bool
	// Services are the Compose services that it has to do with, sorted.
	Services []string
}

// Fixed is a variable that keeps its present value, and why.
type Fixed struct{ Name, Why string }

// Found is what became of the variables, in the order of their names.
type Found struct {
	Variables []Variable
	Fixed     []Fixed
	marks     map[id][]mark
}

// id names an object.
type id struct{ kind, name string }

func idOf(o manifest.Object) id { return id{o.Kind(), plainName(o)} }

// mark is a text of an object, and what it is with its variables: ${TAG}.
type mark struct {
	// path leads to the text by the indices of fields and items.
	path []int
	text string
}

// Conversion converts the application again, with some variables set. Nobody is
// told of its diagnostics.
type Conversion func(ctx context.Context, variables map[string]string) ([]manifest.Object, error)

// Application is what the variables of an application are found by.
type Application struct {
	// Mentioned are the variables that its files mention, and Objects what it converts to.
	Mentioned []compose.Variable
	Objects   []manifest.Object
	// Hosts are the new names of hosts in its strings.
	Hosts hosts.Renames
	// Again converts it, and Secret tells variables that are secrets by their names: their
	// values are not offered.
	Again  Conversion
	Secret func(name string) bool
}

// Variables finds what the variables of the files decide in the objects. An error is one
// of the world around.
func Variables(ctx context.Context, app Application) (*Found, error) {
	s := &search{again: app.Again, hosts: app.Hosts, fixed: map[string]string{}, left: mostConversions}
	if err := s.read(app.Objects); err != nil {
		return nil, err
	}
	candidates := s.candidates(app.Mentioned, app.Secret)
	kept, err := s.explained(ctx, candidates)
	if err != nil {
		return nil, err
	}
	found := &Found{marks: map[id][]mark{}}
	if len(kept) > 0 {
		// Text that two variables share is seen only when both change.
		d, err := s.try(ctx, kept)
		if err != nil {
			return nil, err
		}
		if d.why != "" {
			for _, c := range kept {
				s.fixed[c.Name] = d.why
			}
		} else {
			found.marks = d.marks
			found.Variables = d.used(kept)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.fixed)) {
		found.Fixed = append(found.Fixed, Fixed{name, s.fixed[name]})
	}
	return found, nil
}

// search is one search for what variables decide.
type search struct {
	again   Conversion
	hosts   hosts.Renames
	objects []manifest.Object
	trees   []*manifest.Node
	// words is every text of the objects, and numbers those that were handed out as
	// other values.
	words, numbers string
	// turn counts the words that were handed out.
	turn int
	// fixed says of variables that are not offered, why.
	fixed map[string]string
	// left is how many more conversions may be made.
	left int
}

// mostConversions bounds the search in files with hundreds of variables: those of
// which it is not known by then what they decide are not offered.
const mostConversions = 60

func (s *search) read(objects []manifest.Object) error {
	s.objects = objects
	var words strings.Builder
	for _, o := range objects {
		tree, err := o.Node()
		if err != nil {
			return err
		}
		s.trees = append(s.trees, tree)
		collect(&words, tree)
	}
	s.words = words.String()
	return nil
}

func collect(words *strings.Builder, n *manifest.Node) {
	words.WriteString(n.Value + "\n")
	for _, f := range n.Fields {
		words.WriteString(f.Key + "\n")
		collect(words, f.Value)
	}
	for _, item := range n.Items {
		collect(words, item)
	}
}

// candidate is a variable, and the value that takes the place of its own.
type candidate struct {
	Variable
	other string
	// renamed is the value where it is a host, or has one in it.
	renamed string
	// paths are the keys whose values mention it.
	paths []diag.Path
}

// Why a variable keeps its value.
const (
	isSecret  = "is a secret"
	isChart   = "decides values of a chart that this one depends on, which do not follow it"
	isLiteral = "stands for itself somewhere, as `$${NAME}` does"
	isTwofold = "has different defaults"
	isRefused = "does not take just any value: it is checked, or calculated with"
	isUnknown = "is one of many variables that decide more than texts"
	isObjects = "decides which objects there are"
	isTwo     = "is a host in one place and something else in another, and the host has another name in Kubernetes"
)

// candidates are the variables that may be offered, sorted. Those that Docker
// Compose reads itself are not the application's.
func (s *search) candidates(mentioned []compose.Variable, secret func(string) bool) []candidate {
	byName, paths := map[string]compose.Variable{}, map[string][]diag.Path{}
	for _, v := range mentioned {
		paths[v.Name] = append(paths[v.Name], v.Path)
		first, known := byName[v.Name]
		switch {
		case strings.HasPrefix(v.Name, "COMPOSE_"):
			continue
		case secret(v.Name):
			s.fixed[v.Name] = isSecret
			continue
		case ofChart(v.Path):
			s.fixed[v.Name] = isChart
			continue
		case strings.Contains(s.words, "${"+v.Name+"}"):
			s.fixed[v.Name] = isLiteral
			continue
		case known && first.Value != v.Value:
			s.fixed[v.Name] = isTwofold
		}
		v.Required = v.Required || known && first.Required
		byName[v.Name] = v
	}
	var out []candidate
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if v := byName[name]; s.fixed[name] == "" {
			other := s.other(v.Value)
			out = append(out, candidate{Variable{Name: name, Value: v.Value, Required: v.Required}, other, s.renamed(v.Value), paths[name]})
		}
	}
	return out
}

// renamed returns a value with the new names of its hosts. What is nothing but a name is one
// where it stands as a host.
func (s *search) renamed(value string) string {
	if name, known := s.hosts[value]; known {
		return name
	}
	renamed, _ := s.hosts.Rewrite("", value)
	return renamed
}

// ofChart reports whether a path leads to what is said of a chart that runs in
// place of a service.
func ofChart(path diag.Path) bool {
	return len(path) > 3 && path[0] == "services" && path[2] == extension.Key && path[3] == "chart"
}

var wordly = pattern.Lazy(`[A-Za-z0-9]+`)

// other returns a value of the same form that is nowhere in the objects: another
// number for a number, and otherwise the same punctuation between other words, so that
// a host stays a host.
func (s *search) other(value string) string {
	if number, err := strconv.ParseUint(value, 10, 32); err == nil {
		return s.otherNumber(number)
	}
	word := s.word()
	for strings.Contains(s.words, word) {
		word = s.word()
	}
	if !wordly().MatchString(value) {
		return word
	}
	return wordly().ReplaceAllString(value, word)
}

// otherNumber returns the next number that is nowhere, because lists of ports are
// sorted: where there is none that is a port, too, one from the middle of the ports.
func (s *search) otherNumber(number uint64) string {
	const lastPort = 65535
	other := s.freeNumber(number + 1)
	if number <= lastPort && other > lastPort {
		other = s.freeNumber(lastPort/2 + 1)
	}
	text := strconv.FormatUint(other, 10)
	s.numbers += text + "\n"
	return text
}

// freeNumber returns the first number from n on whose digits are nowhere.
func (s *search) freeNumber(n uint64) uint64 {
	taken := func(digits string) bool {
		return strings.Contains(s.words, digits) || strings.Contains(s.numbers, digits)
	}
	for taken(strconv.FormatUint(n, 10)) {
		n++
	}
	return n
}

// word returns a word that was not handed out before. None is a part of another.
func (s *search) word() string {
	s.turn++
	return fmt.Sprintf("gv%dx", s.turn-1)
}

// explained returns those of the variables whose whole effect is known, and notes
// why the others' is not. It parts those that are seen where something changes that
// must not from the rest, or else halves them, until it knows who is to blame.
func (s *search) explained(ctx context.Context, candidates []candidate) ([]candidate, error) {
	if len(candidates) == 0 {
		return nil, nil
	}
	if s.left == 0 {
		for _, c := range candidates {
			s.fixed[c.Name] = isUnknown
		}
		return nil, nil
	}
	d, err := s.try(ctx, candidates)
	if err != nil || d.why == "" {
		return candidates, err
	}
	if len(candidates) == 1 {
		s.fixed[candidates[0].Name] = d.why
		return nil, nil
	}
	var first, second []candidate
	for _, c := range candidates {
		if d.blamed[c.Name] {
			second = append(second, c)
		} else {
			first = append(first, c)
		}
	}
	if len(first) == 0 || len(second) == 0 {
		first, second = candidates[:len(candidates)/2], candidates[len(candidates)/2:]
	}
	kept, err := s.explained(ctx, first)
	if err != nil {
		return nil, err
	}
	more, err := s.explained(ctx, second)
	kept = slices.Concat(kept, more)
	slices.SortFunc(kept, func(a, b candidate) int { return strings.Compare(a.Name, b.Name) })
	return kept, err
}

// try converts with other values of the variables, and compares.
func (s *search) try(ctx context.Context, candidates []candidate) (*difference, error) {
	d := &difference{
		candidates: candidates, marks: map[id][]mark{}, seen: map[string]map[string]bool{}, text: map[string]bool{}, blamed: map[string]bool{},
		values: map[string]string{},
	}
	values := map[string]string{}
	for _, c := range candidates {
		values[c.Name] = c.other
	}
	s.left--
	objects, err := s.again(ctx, values)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		d.refused(err)
		return d, nil
	}
	return d, d.compare(s, objects)
}
