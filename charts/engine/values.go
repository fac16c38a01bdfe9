package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/strvals"
	sigsyaml "sigs.k8s.io/yaml"

	"gantry/charts/diag"
)

// Values gathers values the way helm's flags do: later files override earlier
// ones key by key, and what is set overrides the files.
type Values struct {
	// Files are the names of YAML files (-f).
	Files []string
	// JSON, Set, String, File and Literal are expressions as in --set-json,
	// --set, --set-string, --set-file and --set-literal, applied in this order.
	JSON, Set, String, File, Literal []string
	// Read returns the content of a file that Files or File name.
	Read func(name string) ([]byte, error)
}

// Merged is values, and where they come from.
type Merged struct {
	// Map holds the values.
	Map map[string]any

	files []valuesFile
	// set are the values of the flags that set single ones, in the order in which they
	// are applied.
	set []valuesFlag
}

type valuesFile struct {
	name string
	root *yaml.Node
}

type valuesFlag struct {
	flag   string
	values map[string]any
}

// Merge reads and merges the values. Whatever is wrong with any of them is in
// the list.
func (v Values) Merge() (*Merged, diag.List) {
	var list diag.List
	m := &Merged{Map: map[string]any{}}
	for _, name := range v.Files {
		m.addFile(name, v.Read, &list)
	}
	for _, kind := range []struct {
		flag        string
		expressions []string
		parse       func(string, map[string]any) error
	}{
		{"--set-json", v.JSON, strvals.ParseJSON},
		{"--set", v.Set, strvals.ParseInto},
		{"--set-string", v.String, strvals.ParseIntoString},
		{"--set-file", v.File, v.parseFile},
		{"--set-literal", v.Literal, strvals.ParseLiteralInto},
	} {
		for _, expression := range kind.expressions {
			m.addFlag(kind.flag, expression)
			if err := kind.parse(expression, m.Map); err != nil {
				key, _, given := strings.Cut(expression, "=")
				if given {
					key += "=…" // values can be secrets
				}
				list.Add(diag.Diagnostic{
					Severity: diag.Error, Pos: diag.Pos{File: kind.flag + " " + key}, Code: "values-set",
					Summary: err.Error(), Hint: "write it as key=value; commas separate several, and a backslash takes the meaning off a dot or a comma",
				})
			}
		}
	}
	return m, list
}

func (v Values) parseFile(expression string, into map[string]any) error {
	return strvals.ParseIntoFile(expression, into, func(name []rune) (any, error) {
		data, err := v.Read(string(name))
		return string(data), err
	})
}

// addFlag remembers what an expression sets. It needs no value for that.
func (m *Merged) addFlag(flag, expression string) {
	key, _, _ := strings.Cut(expression, "=")
	values := map[string]any{}
	parse := func() error { return strvals.ParseIntoString(expression, values) }
	switch flag {
	case "--set-json":
		parse = func() error { return strvals.ParseJSON(expression, values) }
	case "--set-file", "--set-literal":
		parse = func() error { return strvals.ParseIntoString(key+"=", values) }
	}
	if parse() == nil {
		m.set = append(m.set, valuesFlag{flag, values})
	}
}

func (m *Merged) addFile(name string, read func(string) ([]byte, error), list *diag.List) {
	bad := func(line int, code, summary string) {
		list.Add(diag.Diagnostic{Severity: diag.Error, Pos: diag.Pos{File: name, Line: line}, Code: code, Summary: summary})
	}
	data, err := read(name)
	if err != nil {
		bad(0, "values-missing", err.Error())
		return
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		line, problem := splitLine(err.Error())
		bad(line, "values-syntax", problem)
		return
	}
	values := map[string]any{}
	if err := sigsyaml.Unmarshal(data, &values); err != nil {
		bad(0, "values-type", "values are a mapping of keys to values: "+yamlProblem(err.Error()))
		return
	}
	m.Map = overlay(m.Map, values)
	if doc.Kind == yaml.DocumentNode {
		m.files = append(m.files, valuesFile{name: name, root: doc.Content[0]})
	}
}

// overlay lays over onto base, mapping by mapping, and changes neither.
func overlay(base, over map[string]any) map[string]any {
	out := make(map[string]any, len(base)+len(over))
	maps.Copy(out, base)
	for k, v := range over {
		below, isMap := v.(map[string]any)
		under, wasMap := out[k].(map[string]any)
		if isMap && wasMap {
			v = overlay(under, below)
		}
		out[k] = v
	}
	return out
}

// splitLine takes the line number off a message of the YAML parser.
func splitLine(message string) (int, string) {
	message = strings.TrimPrefix(message, "yaml: ")
	rest, ok := strings.CutPrefix(message, "line ")
	if !ok {
		return 0, message
	}
	number, problem, ok := strings.Cut(rest, ": ")
	line, err := strconv.Atoi(number)
	if !ok || err != nil {
		return 0, message
	}
	return line, problem
}

// Diagnostics says which values a schema refused, and where they were given: by the last flag
// or in the last file that has the key, or in the chart's own values. defaults are those of
// the chart that is the root; a name that it does not know may be one of theirs, misspelt.
func (m *Merged) Diagnostics(e *SchemaError, root string, defaults map[string]any) diag.List {
	var list diag.List
	for _, p := range e.Problems {
		path := p.Path
		if p.Chart != "" && p.Chart != root {
			path = append(diag.Path{p.Chart}, path...)
		}
		pos, node := m.find(path)
		flag := ""
		if strings.HasPrefix(pos.File, "--") {
			flag = pos.File
		}
		d := diag.Diagnostic{
			Severity: diag.Error, Pos: pos, Path: path, Code: "values-schema", Hint: quotesHint(p.Problem, flag, node),
			Summary: fmt.Sprintf("the chart's values.schema.json refuses this value: %s", p.Problem),
		}
		if last := len(path) - 1; p.Problem == unknownValue {
			if siblings, ok := asMap(value(defaults, path[:last])); ok {
				d.Hint = diag.DidYouMean(path[last], slices.Sorted(maps.Keys(siblings)))
			}
		}
		list.Add(d)
	}
	return list
}

// value returns what is at a path of values, or nil.
func value(values any, path diag.Path) any {
	for _, key := range path {
		if list, ok := values.([]any); ok {
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(list) {
				return nil
			}
			values = list[i]
			continue
		}
		m, _ := asMap(values)
		values = m[key]
	}
	return values
}

// find returns where a key was set, or the nearest key above it, and what the file has
// there, if it is one.
func (m *Merged) find(path diag.Path) (diag.Pos, *yaml.Node) {
	for n := len(path); n > 0; n-- {
		for _, f := range slices.Backward(m.set) {
			if value(f.values, path[:n]) != nil {
				return diag.Pos{File: f.flag}, nil
			}
		}
		for _, f := range slices.Backward(m.files) {
			if node := lookup(f.root, path[:n]); node != nil {
				return diag.Pos{File: f.name, Line: node.Line, Column: node.Column}, node
			}
		}
	}
	return diag.Pos{}, nil
}

func lookup(node *yaml.Node, path diag.Path) *yaml.Node {
	for _, key := range path {
		if node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		next := child(node, key)
		if next == nil {
			return nil
		}
		node = next
	}
	return node
}

func child(node *yaml.Node, key string) *yaml.Node {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i]
		}
	default: // a scalar has no children
	}
	return nil
}
