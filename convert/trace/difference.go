package trace

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// difference is what other values of some variables change in the objects.
type difference struct {
	candidates []candidate
	marks      map[id][]mark
	// seen are the services of each variable's marks, and text tells which variables
	// stand in text rather than for a number.
	seen map[string]map[string]bool
	text map[string]bool
	// values are those of the variables in the objects, where hosts may have new names.
	values map[string]string
	// why says what changes that no variable explains, or "": nothing does. blamed are
	// the variables that are seen there.
	why    string
	blamed map[string]bool

	service, object string
}

// jobHash is the end of a Job's name, which changes with its pods.
var jobHash = pattern.Lazy(`-[0-9a-f]{6}$`)

func plainName(o manifest.Object) string {
	if o.Kind() == "Job" {
		return jobHash().ReplaceAllString(o.GetName(), "")
	}
	return o.GetName()
}

// compare looks for what differs in objects.
func (d *difference) compare(s *search, others []manifest.Object) error {
	if !slices.EqualFunc(s.objects, others, func(a, b manifest.Object) bool { return idOf(a) == idOf(b) && a.Service == b.Service }) {
		return d.objects(s, others)
	}
	for i, o := range others {
		tree, err := o.Node()
		if err != nil {
			return err
		}
		d.service, d.object = o.Service, o.Kind()+" "+plainName(o)
		switch {
		case o.Kind() == "Secret":
			d.secret(tree)
		case o.Kind() == "Job":
			tree.Get("metadata").Set("name", s.trees[i].Get("metadata", "name"))
		}
		var marks []mark
		if o.Kind() != "Secret" {
			d.nodes(s.trees[i], tree, nil, nil, func(m mark) { marks = append(marks, m) })
		}
		if len(marks) > 0 {
			d.marks[idOf(o)] = marks
		}
	}
	return nil
}

// objects looks for whom to blame for objects that there were not before.
func (d *difference) objects(s *search, others []manifest.Object) error {
	d.why = isObjects
	for _, o := range others {
		if slices.ContainsFunc(s.objects, func(known manifest.Object) bool { return idOf(known) == idOf(o) }) {
			continue
		}
		tree, err := o.Node()
		if err != nil {
			return err
		}
		d.blame(tree, isObjects)
	}
	return nil
}

// refused looks for whom to blame for values that the conversion does not take: the
// variables that stand where its errors are.
func (d *difference) refused(err error) {
	d.why = isRefused
	problems, ok := errors.AsType[*diag.Errors](err)
	if !ok {
		return
	}
	for _, problem := range problems.List {
		for _, c := range d.candidates {
			if problem.Severity == diag.Error && len(problem.Path) > 1 && slices.ContainsFunc(c.paths, func(at diag.Path) bool { return begins(at, problem.Path) || begins(problem.Path, at) }) {
				d.blamed[c.Name] = true
			}
		}
	}
}

func begins(path, with diag.Path) bool {
	return len(path) >= len(with) && slices.Equal(path[:len(with)], with)
}

// blame names the variables whose other values are seen in a tree.
func (d *difference) blame(tree *manifest.Node, why string) {
	d.why = why
	var words strings.Builder
	collect(&words, tree)
	for _, c := range d.candidates {
		if strings.Contains(words.String(), wordly().FindString(c.other)) {
			d.blamed[c.Name] = true
		}
	}
}

// secret looks for a variable that is a secret itself: no chart holds it. What it
// is a part of, such as a URL with a password, is given in one piece.
func (d *difference) secret(tree *manifest.Node) {
	for _, field := range []string{"data", "stringData"} {
		values := tree.Get(field)
		if values == nil {
			continue
		}
		for _, f := range values.Fields {
			text := f.Value.Value
			if decoded, err := base64.StdEncoding.DecodeString(text); err == nil && field == "data" {
				text = string(decoded)
			}
			for _, c := range d.candidates {
				if c.other == text {
					d.why, d.blamed[c.Name] = isSecret, true
				}
			}
		}
	}
}

// nodes compares two trees, and notes the texts that variables explain. keys and
// path lead to them.
func (d *difference) nodes(a, b *manifest.Node, keys []string, path []int, found func(mark)) {
	if ignored(keys) {
		return
	}
	if a.Kind != b.Kind || len(a.Fields) != len(b.Fields) || len(a.Items) != len(b.Items) {
		d.unexplained(keys, b)
		return
	}
	for i, f := range a.Fields {
		if f.Key != b.Fields[i].Key {
			d.unexplained(append(slices.Clip(keys), f.Key), b)
			return
		}
		d.nodes(f.Value, b.Fields[i].Value, append(slices.Clip(keys), f.Key), append(slices.Clip(path), i), found)
	}
	for i, item := range a.Items {
		d.nodes(item, b.Items[i], append(slices.Clip(keys), strconv.Itoa(i)), append(slices.Clip(path), i), found)
	}
	if a.Value == b.Value {
		return
	}
	text, why := d.explain(a, b, keys)
	if why != "" {
		d.blame(b, why)
		return
	}
	found(mark{path, text})
}

// ignored reports whether a field follows from others: the checksum of a ConfigMap,
// and the name of a port that has no other than its number.
func ignored(keys []string) bool {
	if len(keys) < 2 {
		return false
	}
	last := keys[len(keys)-1]
	return last == "checksum/config" || last == "name" && len(keys) > 2 && keys[len(keys)-3] == "ports"
}

// explain returns the text with its variables, where these make all the difference, or
// why they do not.
func (d *difference) explain(a, b *manifest.Node, keys []string) (text, why string) {
	text = b.Value
	var in []candidate
	for _, c := range d.candidates {
		if strings.Contains(text, c.other) {
			in = append(in, c)
			text = strings.ReplaceAll(text, c.other, "${"+c.Name+"}")
		}
	}
	values, ok := valuesIn(a.Value, b.Value, in)
	if !ok {
		return "", d.more(keys)
	}
	for _, c := range in {
		if before, known := d.values[c.Name]; known && before != values[c.Name] {
			return "", isTwo
		}
		d.values[c.Name] = values[c.Name]
		if d.seen[c.Name] == nil {
			d.seen[c.Name] = map[string]bool{}
		}
		d.seen[c.Name][d.service] = true
		if a.Kind == manifest.String {
			d.text[c.Name] = true
		}
	}
	return text, ""
}

// valuesIn returns which of their values variables have in a text: other is the text with
// other values. Those with hosts that are called otherwise now have two.
func valuesIn(now, other string, in []candidate) (map[string]string, bool) {
	values := map[string]string{}
	var two []candidate
	for _, c := range in {
		values[c.Name] = c.Value
		if c.renamed != c.Value {
			two = append(two, c)
		} else {
			other = strings.ReplaceAll(other, c.other, c.Value)
		}
	}
	var try func(text string, left []candidate) bool
	try = func(text string, left []candidate) bool {
		if len(left) == 0 {
			return text == now
		}
		c := left[0]
		for _, value := range []string{c.Value, c.renamed} {
			values[c.Name] = value
			if try(strings.ReplaceAll(text, c.other, value), left[1:]) {
				return true
			}
		}
		return false
	}
	return values, len(two) <= mostHosts && try(other, two)
}

// mostHosts is how many variables with hosts are looked for in one text: each has two
// values to try.
const mostHosts = 6

func (d *difference) unexplained(keys []string, b *manifest.Node) {
	d.blame(b, d.more(keys))
}

func (d *difference) more(keys []string) string {
	return fmt.Sprintf("decides more than a text of %s (%s)", d.object, strings.Join(keys, "."))
}

// used returns the variables that make a difference.
func (d *difference) used(candidates []candidate) []Variable {
	var out []Variable
	for _, c := range candidates {
		services := slices.Sorted(maps.Keys(d.seen[c.Name]))
		if len(services) == 0 {
			continue
		}
		v := c.Variable
		v.Value = d.values[v.Name]
		v.Number = !d.text[v.Name]
		v.Services = slices.DeleteFunc(services, func(name string) bool { return name == "" })
		out = append(out, v)
	}
	return out
}

// Mark puts the variables into the tree of an object.
func (f *Found) Mark(o manifest.Object, tree *manifest.Node) {
	if f == nil {
		return
	}
	for _, m := range f.marks[idOf(o)] {
		n := tree
		for _, i := range m.path {
			if n.Kind == manifest.Map {
				n = n.Fields[i].Value
			} else {
				n = n.Items[i]
			}
		}
		n.Value = m.text
	}
}
