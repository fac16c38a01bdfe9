package compose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/tree"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
	"gantry/convert/schema"
)

// explain finds out why compose-go refused the files: it says one thing, and
// there may be many.
func (in *input) explain(refusal error, t *trail, list *diag.List) {
	spec, err := compiledSchema()
	if err != nil {
		list.Add(diag.Diagnostic{Severity: diag.Error, Code: codeCompose, Summary: fmt.Sprintf("the schema of Compose cannot be read: %v", err)})
		return
	}
	for _, f := range in.disk.files {
		if f == nil || !in.disk.parse(f) {
			continue
		}
		for _, doc := range f.docs {
			v := &validator{file: f, doc: doc, list: list}
			v.check(spec, in.env)
		}
	}
	if !list.HasErrors() {
		list.Add(diag.Diagnostic{Severity: diag.Error, Pos: t.bestGuess(refusal.Error(), in), Code: codeCompose, Summary: strings.Join(strings.Fields(refusal.Error()), " ")})
	}
}

// bestGuess returns the position of the longest key that a message of compose-go
// mentions: its errors carry no path that could be asked for. Its decoder writes
// services[web].ports[0] for services.web.ports.0.
func (t *trail) bestGuess(text string, in *input) diag.Pos {
	best, pos := 0, diag.Pos{}
	text += strings.NewReplacer("[", ".", "]", "").Replace(text)
	if len(in.files) > 0 {
		pos.File = in.disk.shown(in.files[0])
	}
	for key := range t.root.sorted().all() {
		if path := key.Path.String(); len(path) > best && len(key.Path) > 1 && strings.Contains(text, path) {
			best, pos = len(path), key.Pos
		}
	}
	return pos
}

// compiledSchema is the schema of Compose. It does not change.
//
//nolint:gochecknoglobals // compiled once
var compiledSchema = sync.OnceValues(compileSchema)

func compileSchema() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(composeschema.Schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("compose-spec.json", doc); err != nil {
		return nil, err
	}
	c.RegisterFormat(&jsonschema.Format{Name: "duration", Validate: func(v any) error {
		s, ok := v.(string)
		if !ok {
			return errors.New("is no duration")
		}
		_, err := time.ParseDuration(s)
		return err
	}})
	return c.Compile("compose-spec.json")
}

// validator checks one document against the schema.
type validator struct {
	file *file
	doc  *yaml.Node
	list *diag.List
}

func (v *validator) check(spec *jsonschema.Schema, env environment) {
	model, ok := plain(v.doc, 0).(map[string]any)
	if !ok {
		return
	}
	opts := loader.ToOptions(&types.ConfigDetails{Environment: types.Mapping(env)}, nil).Interpolate
	opts.Substitute = lenient
	v.casts(v.doc, nil, opts)
	if filled, err := interpolation.Interpolate(model, *opts); err == nil {
		model = filled
	}
	for _, p := range schema.Problems(spec.Validate(schema.Value(model)), words()) {
		v.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: v.position(p.Path), Path: p.Path, Code: p.Code, Summary: p.Summary, Hint: p.Hint})
	}
}

// words are those in which the schema of Compose is spoken of.
func words() schema.Words {
	return schema.Words{
		Unknown:   "is not a key of Compose here",
		Known:     knownKeys,
		Otherwise: otherwise,
		Formats:   map[string]string{"duration": "write a number and a unit, such as 30s or 1m30s"},
	}
}

// otherwise is the hint for a key that is like none that Compose knows below a path.
func otherwise(path []string, key string) string {
	if takesNames(path) {
		return "write a name of the letters a to z and A to Z, digits, . _ and -"
	}
	return "remove it, or write x-" + key + " to keep it as an extension"
}

// takesNames reports whether the keys below a path are names that the user gives.
func takesNames(path []string) bool {
	return slices.ContainsFunc(composeschema.AttributePaths(), func(p tree.Path) bool {
		parts := strings.Split(string(p), ".")
		return len(parts) > len(path) && parts[len(path)] == "*" && matches(parts[:len(path)], path)
	})
}

// casts reports text that is none of the number or truth that Compose reads from
// it: the schema lets text pass there, since it may be a variable.
func (v *validator) casts(n *yaml.Node, path diag.Path, opts *interpolation.Options) {
	n = resolve(n)
	if n == nil || len(path) > maxDepth {
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			v.casts(n.Content[i+1], append(slices.Clip(path), n.Content[i].Value), opts)
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			v.casts(item, append(slices.Clip(path), strconv.Itoa(i)), opts)
		}
	case yaml.ScalarNode:
		v.cast(n, path, opts)
	}
}

func (v *validator) cast(n *yaml.Node, path diag.Path, opts *interpolation.Options) {
	if n.ShortTag() != "!!str" {
		return
	}
	text, err := lenient(n.Value, template.Mapping(opts.LookupValue))
	if err != nil || text == "" {
		return
	}
	for pattern, cast := range opts.TypeCastMapping {
		if !matchesAll(pattern.Parts(), path) {
			continue
		}
		if _, err := cast(text); err != nil {
			v.list.Add(diag.Diagnostic{
				Severity: diag.Error, Pos: v.position(path), Path: slices.Clone(path), Code: codeType,
				Summary: fmt.Sprintf("%q is not %s", text, wanted(cast)),
			})
		}
		return
	}
}

// wanted says what text a cast takes.
func wanted(cast interpolation.Cast) string {
	takes := func(text string) bool {
		_, err := cast(text)
		return err == nil
	}
	switch {
	case takes("true"):
		return "true or false"
	case takes("1.5"):
		return "a number"
	default:
		return "a whole number"
	}
}

// matchesAll reports whether a pattern is one for the whole path.
func matchesAll(pattern []string, path diag.Path) bool {
	return len(pattern) == len(path) && matches(pattern, path)
}

// lenient fills variables, and takes 1 for those that must be set and are not:
// they are reported elsewhere, and 1 passes for text, a number and true.
func lenient(text string, lookup template.Mapping) (string, error) {
	known := func(name string) (string, bool) {
		if v, ok := lookup(name); ok && v != "" {
			return v, ok
		}
		return "1", true
	}
	filled, err := template.SubstituteWithOptions(text, lookup, template.WithoutLogging)
	if err != nil {
		filled, err = template.SubstituteWithOptions(text, known, template.WithoutLogging)
	}
	if err != nil {
		return "1", nil //nolint:nilerr // the syntax is reported by the trail
	}
	return filled, nil
}

// plain returns a node as maps, lists and scalars, aliases followed.
func plain(n *yaml.Node, depth int) any {
	n = resolve(n)
	if n == nil || depth > maxDepth || isReset(n) {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return plainMapping(n, depth)
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			if !isReset(resolve(item)) {
				out = append(out, plain(item, depth+1))
			}
		}
		return out
	default:
		var out any
		if err := n.Decode(&out); err != nil {
			return n.Value
		}
		return out
	}
}

func plainMapping(n *yaml.Node, depth int) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			merged(out, resolve(n.Content[i+1]), depth)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		switch key, val := n.Content[i], resolve(n.Content[i+1]); {
		case isMerge(key):
		case isReset(val):
			delete(out, key.Value)
		default:
			out[key.Value] = plain(val, depth+1)
		}
	}
	return out
}

// isReset reports whether a value takes away what other files have in its place.
func isReset(n *yaml.Node) bool { return n != nil && n.Tag == "!reset" }

func merged(out map[string]any, n *yaml.Node, depth int) {
	if n == nil {
		return
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range slices.Backward(n.Content) {
			merged(out, resolve(item), depth)
		}
		return
	}
	if from, ok := plain(n, depth+1).(map[string]any); ok {
		maps.Copy(out, from)
	}
}

// knownKeys are the keys that Compose knows below a path.
func knownKeys(path []string) []string {
	var known []string
	depth := len(path)
	for _, p := range composeschema.AttributePaths() {
		parts := strings.Split(string(p), ".")
		if len(parts) == depth+1 && matches(parts[:depth], path) && parts[depth] != "*" && parts[depth] != "[]" {
			known = append(known, parts[depth])
		}
	}
	return known
}

func matches(pattern, path []string) bool {
	for i, part := range pattern {
		if part != "*" && part != "[]" && part != path[i] {
			return false
		}
	}
	return true
}

// position returns where a value of the document stands: its key, or itself in a
// list.
func (v *validator) position(path diag.Path) diag.Pos {
	n, at := v.doc, v.doc
	for _, key := range path {
		n = resolve(n)
		k, val := find(n, key, 0)
		if val == nil {
			break
		}
		n, at = val, k
	}
	return diag.Pos{File: v.file.shown, Line: at.Line, Column: at.Column}
}

// find returns the key node and the value of a key, also of a merged mapping, or
// the item of a list.
func find(n *yaml.Node, key string, depth int) (at, val *yaml.Node) {
	if n == nil || depth > maxDepth {
		return nil, nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		return findInMapping(n, key, depth)
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i], n.Content[i]
		}
		for _, item := range n.Content { // behind <<: several mappings
			if at, val = find(resolve(item), key, depth+1); val != nil {
				return at, val
			}
		}
	}
	return nil, nil
}

// findInMapping prefers the mapping's own keys to those merged into it.
func findInMapping(n *yaml.Node, key string, depth int) (at, val *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && !isMerge(n.Content[i]) {
			return n.Content[i], n.Content[i+1]
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if !isMerge(n.Content[i]) {
			continue
		}
		if at, val = find(resolve(n.Content[i+1]), key, depth+1); val != nil {
			return at, val
		}
	}
	return nil, nil
}
