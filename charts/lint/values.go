package lint

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
)

// reading is a value that a template reads.
type reading struct {
	path diag.Path
	pos  diag.Pos
}

// readings finds what the texts of a chart read: its templates, those of the
// charts within, which may get its values handed, and values that are templates
// themselves. all is true where a text takes all values, or some by a name that is
// not written there.
func readings(c *chart.Chart) (found []reading, all bool) {
	read := regexp.MustCompile(`\.Values\b((?:\.\w+)*)(?:\s+"([\w.-]+)")?`)
	var gather func(c *chart.Chart, prefix string)
	scan := func(name, text string) {
		text = withoutComments(text)
		for _, m := range read.FindAllStringSubmatchIndex(text, -1) {
			path := strings.FieldsFunc(text[m[2]:m[3]], func(r rune) bool { return r == '.' })
			if m[4] >= 0 && len(path) == 0 {
				path = append(path, text[m[4]:m[5]]) // index .Values "name"
			}
			all = all || len(path) == 0
			found = append(found, reading{path, position(name, text, m[0])})
		}
	}
	gather = func(c *chart.Chart, prefix string) {
		for _, f := range texts(c) {
			scan(prefix+f.Name, string(f.Data))
		}
		for _, sub := range c.Dependencies() {
			gather(sub, prefix+"charts/"+sub.Name()+"/")
		}
	}
	gather(c, "")
	return found, all
}

// texts returns the files of a chart that are templates, or may be used as such.
func texts(c *chart.Chart) []*chart.File {
	files := slices.Clone(c.Templates)
	for _, f := range c.Raw {
		if f.Name == "values.yaml" {
			files = append(files, f)
		}
	}
	for _, f := range c.Files {
		if strings.Contains(string(f.Data), "{{") {
			files = append(files, f)
		}
	}
	return files
}

// withoutComments blanks the comments of a template, so that positions stay.
func withoutComments(text string) string {
	return regexp.MustCompile(`(?s)\{\{-?\s*/\*.*?\*/\s*-?\}\}`).ReplaceAllStringFunc(text, func(comment string) string {
		return strings.Map(func(r rune) rune {
			if r == '\n' {
				return r
			}
			return ' '
		}, comment)
	})
}

func position(file, text string, offset int) diag.Pos {
	before := text[:offset]
	return diag.Pos{File: file, Line: 1 + strings.Count(before, "\n"), Column: offset - strings.LastIndex(before, "\n")}
}

func unusedValues(s *subject) diag.List {
	found, all := readings(s.chart)
	if all || s.chart.Metadata.Type == "library" {
		return nil
	}
	used := ofDependencies(s.chart)
	for _, r := range found {
		if r.pos.File != "values.yaml" || len(r.path) > 0 {
			used = append(used, r.path)
		}
	}
	var list diag.List
	var look func(node *yaml.Node, path diag.Path)
	look = func(node *yaml.Node, path diag.Path) {
		for i := 0; node.Kind == yaml.MappingNode && i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			below := append(slices.Clone(path), key.Value)
			switch known, deeper := reads(used, below); {
			case known:
			case deeper:
				look(value, below)
			case key.Value != "<<":
				list.Add(diag.Diagnostic{Pos: diag.Pos{File: "values.yaml", Line: key.Line, Column: key.Column}, Path: below, Summary: "no template reads this value"})
			}
		}
	}
	if root := values(s.chart); root != nil {
		look(root, nil)
	}
	return list
}

// ofDependencies are the values that helm and the charts within read.
func ofDependencies(c *chart.Chart) []diag.Path {
	used := []diag.Path{{"global"}}
	for _, d := range c.Metadata.Dependencies {
		used = append(used, diag.Path{d.Name}, diag.Path{"tags"})
		if d.Alias != "" {
			used = append(used, diag.Path{d.Alias})
		}
		for condition := range strings.SplitSeq(d.Condition, ",") {
			if condition = strings.TrimSpace(condition); condition != "" {
				used = append(used, strings.Split(condition, "."))
			}
		}
	}
	for _, sub := range c.Dependencies() {
		used = append(used, diag.Path{sub.Name()})
	}
	return used
}

// reads reports whether a value, or one above it, is read, and whether one below it
// is.
func reads(used []diag.Path, path diag.Path) (known, deeper bool) {
	for _, u := range used {
		n := min(len(u), len(path))
		if !slices.Equal(u[:n], path[:n]) {
			continue
		}
		known = known || len(u) <= len(path)
		deeper = deeper || len(u) > len(path)
	}
	return known, deeper
}

func undeclaredValues(s *subject) diag.List {
	root := values(s.chart)
	if root == nil || s.chart.Metadata.Type == "library" {
		return nil
	}
	found, _ := readings(s.chart)
	var list diag.List
	for _, r := range found {
		if strings.HasPrefix(r.pos.File, "charts/") || r.pos.File == "values.yaml" {
			continue
		}
		node := root
		for i, key := range r.path {
			if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
				break
			}
			next := child(node, key)
			if next == nil {
				if near := misspelt(key, node); near != "" {
					list.Add(diag.Diagnostic{Pos: r.pos, Path: append(diag.Path{"Values"}, r.path[:i+1]...), Summary: "is not in values.yaml", Hint: "did you mean \"" + near + "\"?"})
				}
				break
			}
			node = next
		}
	}
	return list
}

// misspelt returns the key of a mapping that differs from a word in one letter
// or two next to each other, or in its case; "" when there is none.
func misspelt(word string, node *yaml.Node) string {
	const shortest = 4
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i].Value
		if strings.EqualFold(key, word) || len(word) >= shortest && len(key) == len(word) && swapped(key, word) {
			return key
		}
	}
	return ""
}

// swapped reports whether two neighbours in one word stand the other way round in
// the other.
func swapped(a, b string) bool {
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// values returns the mapping in values.yaml.
func values(c *chart.Chart) *yaml.Node {
	for _, f := range c.Raw {
		var doc yaml.Node
		if f.Name == "values.yaml" && yaml.Unmarshal(f.Data, &doc) == nil && doc.Kind == yaml.DocumentNode && doc.Content[0].Kind == yaml.MappingNode {
			return doc.Content[0]
		}
	}
	return nil
}
