package lint

import (
	"cmp"
	"iter"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// reading is a value that a template reads.
type reading struct {
	path diag.Path
	pos  diag.Pos
}

var (
	// valuesRead are the places where a template reads values: .Values.web.port, and
	// index .Values "web-admin".
	valuesRead = pattern.Lazy(`\.Values\b((?:\.\w+)*)(?:\s+"([\w.-]+)")?`)
	// templateComments are comments of a template, and yamlComments those of YAML.
	templateComments = pattern.Lazy(`(?s)\{\{-?\s*/\*.*?\*/\s*-?\}\}`)
	yamlComments     = pattern.Lazy(`(?m)(?:^|\s)#.*`)
	// failures are what a template says where it fails.
	failures = pattern.Lazy(`\b(?:fail|required)\b[^}]*`)
)

// readings finds what the texts of a chart read: its templates, those of the
// charts within, which may get its values handed, and values that are templates
// themselves. all is true where a text takes all values, or some by a name that is
// not written there.
func readings(c *chart.Chart) (found []reading, all bool) {
	for name, text := range textsWithin(c, "") {
		text = withoutComments(text)
		for _, m := range valuesRead().FindAllStringSubmatchIndex(text, -1) {
			path := strings.FieldsFunc(text[m[2]:m[3]], func(r rune) bool { return r == '.' })
			if m[4] >= 0 && len(path) == 0 {
				path = append(path, text[m[4]:m[5]]) // index .Values "name"
			}
			all = all || len(path) == 0
			found = append(found, reading{path, position(name, text, m[0])})
		}
	}
	return found, all
}

// textsWithin goes through the texts of a chart and of the charts within it, by name.
func textsWithin(c *chart.Chart, prefix string) iter.Seq2[string, string] {
	return func(yield func(name, text string) bool) {
		for _, f := range texts(c) {
			if !yield(prefix+f.Name, string(f.Data)) {
				return
			}
		}
		for _, sub := range c.Dependencies() {
			for name, text := range textsWithin(sub, prefix+"charts/"+sub.Name()+"/") {
				if !yield(name, text) {
					return
				}
			}
		}
	}
}

// texts returns the files of a chart that are templates, or may be used as such.
func texts(c *chart.Chart) []*chart.File {
	files := slices.Clone(c.Templates)
	for _, f := range c.Raw {
		if f.Name == valuesFile {
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
	return templateComments().ReplaceAllStringFunc(text, func(comment string) string {
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
	if s.readsAll || s.chart.Metadata.Type == "library" {
		return nil
	}
	used := slices.Clone(s.elsewhere)
	for _, r := range s.readings {
		if r.pos.File != valuesFile || len(r.path) > 0 {
			used = append(used, r.path)
		}
	}
	var list diag.List
	walk(s.values, nil, func(e entry) bool {
		known, deeper := reads(used, e.path)
		if !known && !deeper && e.key.Value != "<<" {
			list.Add(e.problem("no template reads this value"))
		}
		return !known && deeper
	})
	return list
}

// ofDependencies are the values that helm and the charts within read.
func ofDependencies(c *chart.Chart) []diag.Path {
	used := []diag.Path{{"global"}, {"exports"}}
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
	if s.values == nil || s.chart.Metadata.Type == "library" {
		return nil
	}
	var list diag.List
	told := map[string]bool{}
	for _, r := range s.readings {
		if !strings.HasPrefix(r.pos.File, "templates/") {
			continue
		}
		missing, beside := undeclared(s.values, r.path)
		if missing == nil || told[missing.String()] {
			continue
		}
		if s.asks(r.pos.File, missing) || s.mentions(missing) {
			continue
		}
		told[missing.String()] = true
		list.Add(diag.Diagnostic{
			Pos: r.pos, Path: append(diag.Path{"Values"}, missing...), Summary: "is not in values.yaml",
			Hint: cmp.Or(diag.DidYouMean(missing[len(missing)-1], keys(beside)), "add it with its default, so that people see what they can set"),
		})
	}
	return list
}

// undeclared returns the part of a path that leads out of the values, and the
// mapping where it would have to be.
func undeclared(values *yaml.Node, path diag.Path) (missing diag.Path, beside *yaml.Node) {
	node := values
	for i, key := range path {
		if node.Kind != yaml.MappingNode || len(node.Content) == 0 {
			return nil, nil // whoever sets it decides what is in it
		}
		next := child(node, key)
		if next == nil {
			return path[:i+1], node
		}
		node = next
	}
	return nil, nil
}

// mentions reports whether who looks for a value learns of it although values.yaml
// does not have it: it is one of helm's conventions or for a chart within, or the
// schema or a comment in values.yaml names it.
func (s *subject) mentions(path diag.Path) bool {
	key := path[len(path)-1]
	known, _ := reads(s.elsewhere, path)
	return known || key == "nameOverride" || key == "fullnameOverride" || strings.Contains(string(s.chart.Schema), `"`+key+`"`) ||
		names(yamlComments(), s.text(valuesFile), key)
}

// asks reports whether a template fails and names a value: it was renamed or taken
// away, or has to be given.
func (s *subject) asks(template string, path diag.Path) bool {
	return names(failures(), s.text(template), path[len(path)-1])
}

// names reports whether a word is in one of the passages of a text.
func names(passages *regexp.Regexp, text, word string) bool {
	whole := regexp.MustCompile(`\b` + regexp.QuoteMeta(word) + `\b`)
	return slices.ContainsFunc(passages.FindAllString(text, -1), whole.MatchString)
}
