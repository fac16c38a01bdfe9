package compose

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/interpolation"
	"github.com/compose-spec/compose-go/v2/loader"
	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"go.yaml.in/yaml/v4"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"gantry/charts/diag"
)

// explain finds out why compose-go refused the files: it says one thing, and
// there may be many.
func (in *input) explain(refusal error, t *trail, list *diag.List) {
	schema, err := compileSchema()
	if err != nil {
		list.Add(diag.Diagnostic{Severity: diag.Error, Code: codeCompose, Summary: fmt.Sprintf("the schema of Compose cannot be read: %v", err)})
		return
	}
	for _, f := range in.disk.files {
		if f == nil {
			continue
		}
		for _, doc := range f.docs {
			v := &validator{file: f, doc: doc, list: list}
			v.check(schema, in.env)
		}
	}
	if !list.HasErrors() {
		list.Add(diag.Diagnostic{Severity: diag.Error, Pos: t.bestGuess(refusal.Error(), in), Code: codeCompose, Summary: strings.Join(strings.Fields(refusal.Error()), " ")})
	}
}

// bestGuess returns the position of the longest key that a message of compose-go
// mentions: its errors carry no path that could be asked for.
func (t *trail) bestGuess(text string, in *input) diag.Pos {
	best, pos := 0, diag.Pos{}
	if len(in.files) > 0 {
		pos.File = in.disk.shown(in.files[0])
	}
	for key := range (&Origins{t.root}).Keys() {
		if path := key.Path.String(); len(path) > best && len(key.Path) > 1 && strings.Contains(text, path) {
			best, pos = len(path), key.Pos
		}
	}
	return pos
}

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

func (v *validator) check(schema *jsonschema.Schema, env environment) {
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
	err := schema.Validate(jsonValue(model))
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		for _, leaf := range leaves(invalid) {
			v.report(leaf)
		}
	}
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
				Summary: fmt.Sprintf("%q is not what belongs here: a number, or true or false", text),
			})
		}
		return
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
	if n == nil || depth > maxDepth || n.Tag == "!reset" {
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if isMerge(n.Content[i]) {
				merged(out, resolve(n.Content[i+1]), depth)
			}
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !isMerge(n.Content[i]) {
				out[n.Content[i].Value] = plain(n.Content[i+1], depth+1)
			}
		}
		return out
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			out = append(out, plain(item, depth+1))
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

// jsonValue returns a value as the schema library wants it.
func jsonValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = jsonValue(e)
		}
		return v
	case []any:
		for i, e := range v {
			v[i] = jsonValue(e)
		}
		return v
	case nil, bool, string, int, int64, uint64, float64:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// leaves returns the errors that say something. Of the alternatives of a value
// only the ones that the value comes nearest to are of use: those that are wrong
// deepest inside it.
func leaves(err *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(err.Causes) == 0 {
		return []*jsonschema.ValidationError{err}
	}
	var all []*jsonschema.ValidationError
	for _, cause := range err.Causes {
		all = append(all, leaves(cause)...)
	}
	switch err.ErrorKind.(type) {
	case *kind.OneOf, *kind.AnyOf:
	default:
		return all
	}
	deepest := slices.MaxFunc(all, func(a, b *jsonschema.ValidationError) int { return len(a.InstanceLocation) - len(b.InstanceLocation) })
	all = slices.DeleteFunc(all, func(e *jsonschema.ValidationError) bool {
		return len(e.InstanceLocation) < len(deepest.InstanceLocation)
	})
	return oneType(all)
}

// oneType puts "must be a string" and "must be a mapping" of one value together.
func oneType(all []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	var want []string
	for _, e := range all {
		t, ok := e.ErrorKind.(*kind.Type)
		if !ok || !slices.Equal(e.InstanceLocation, all[0].InstanceLocation) {
			return slices.DeleteFunc(all, func(e *jsonschema.ValidationError) bool {
				_, isType := e.ErrorKind.(*kind.Type)
				return isType && len(want) > 0
			})
		}
		want = append(want, t.Want...)
	}
	slices.Sort(want)
	first := *all[0]
	got := first.ErrorKind.(*kind.Type).Got
	first.ErrorKind = &kind.Type{Got: got, Want: slices.Compact(want)}
	return []*jsonschema.ValidationError{&first}
}

// report turns an error of the schema into diagnostics.
func (v *validator) report(e *jsonschema.ValidationError) {
	path := diag.Path(e.InstanceLocation)
	add := func(path diag.Path, code, summary, hint string) {
		v.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: v.position(path), Path: slices.Clone(path), Code: code, Summary: summary, Hint: hint})
	}
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			add(append(slices.Clip(path), key), codeUnknown, "is not a key of Compose here", unknownHint(path, key))
		}
	case *kind.FalseSchema:
		// Where one attribute is wrong, the schema refuses all its neighbours too.
		if last := len(path) - 1; last >= 0 && !slices.Contains(knownKeys(path[:last]), path[last]) {
			add(path, codeUnknown, "is not a key of Compose here", unknownHint(path[:last], path[last]))
		}
	case *kind.Type:
		add(path, codeType, fmt.Sprintf("must be %s, and is %s", typeNames(k.Want), typeNames([]string{k.Got})), "")
	case *kind.Required:
		add(path, codeIncomplete, "lacks "+strings.Join(k.Missing, ", "), "add it")
	case *kind.Enum:
		var want []string
		for _, w := range k.Want {
			want = append(want, fmt.Sprint(w))
		}
		add(path, codeValue, fmt.Sprintf("%v is none of %s", k.Got, strings.Join(want, ", ")), didYouMean(fmt.Sprint(k.Got), want))
	case *kind.Format:
		add(path, codeValue, fmt.Sprintf("%v is no %s", k.Got, k.Want), map[string]string{"duration": "write a number and a unit, such as 30s or 1m30s"}[k.Want])
	default:
		add(path, codeValue, e.ErrorKind.LocalizedString(message.NewPrinter(language.English)), "")
	}
}

func typeNames(types []string) string {
	var names []string
	for _, t := range types {
		switch t {
		case "object":
			t = "a mapping"
		case "array":
			t = "a list"
		case "null":
			t = "empty"
		case "string":
			t = "text"
		case "integer", "number":
			t = "a number"
		case "boolean":
			t = "true or false"
		}
		if !slices.Contains(names, t) {
			names = append(names, t)
		}
	}
	return strings.Join(names, " or ")
}

// unknownHint names the key that is nearest to one that Compose does not know.
func unknownHint(path diag.Path, key string) string {
	if hint := didYouMean(key, knownKeys(path)); hint != "" {
		return hint
	}
	return "remove it, or write x-" + key + " to keep it as an extension"
}

// knownKeys are the keys that Compose knows below a path.
func knownKeys(path diag.Path) []string {
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

func matches(pattern []string, path diag.Path) bool {
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
