package engine

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"text/template"
	"text/template/parse"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
)

// source is one template of a chart or of a chart within it.
type source struct {
	// name begins with the name of the chart: shop/templates/web.yaml.
	name string
	text string
	// basePath is the folder of the chart's templates.
	basePath string
	// sees is what the templates of its chart see as the dot. They share it.
	sees map[string]any
}

// partial reports whether the template is there for others to include only.
func (s *source) partial() bool { return strings.HasPrefix(path.Base(s.name), "_") }

// sources lists the templates of a chart in the order in which they are read and
// executed: the deepest first, and those of one depth from z to a. Of two
// templates that define the same name, the later one counts.
func sources(c *chart.Chart, visible chartutil.Values) []source {
	byName := map[string]source{}
	gather(c, visible, byName)
	return slices.SortedFunc(maps.Values(byName), func(a, b source) int {
		if d := strings.Count(b.name, "/") - strings.Count(a.name, "/"); d != 0 {
			return d
		}
		return strings.Compare(b.name, a.name)
	})
}

// gather adds the templates of a chart, and of those within, and returns what
// its templates see.
func gather(c *chart.Chart, visible chartutil.Values, into map[string]source) map[string]any {
	within := map[string]any{}
	sees := map[string]any{
		"Chart": struct {
			chart.Metadata
			IsRoot bool
		}{*c.Metadata, c.IsRoot()},
		"Files":        newFiles(c.Files),
		"Release":      visible["Release"],
		"Capabilities": visible["Capabilities"],
		"Values":       chartutil.Values{},
		"Subcharts":    within,
	}
	if c.IsRoot() {
		sees["Values"] = visible["Values"]
	} else if values, err := visible.Table("Values." + c.Name()); err == nil {
		sees["Values"] = values
	}
	for _, child := range c.Dependencies() {
		within[child.Name()] = gather(child, sees, into)
	}
	library := strings.EqualFold(c.Metadata.Type, "library")
	for _, t := range c.Templates {
		if t == nil || library && !strings.HasPrefix(filepath.Base(t.Name), "_") {
			continue
		}
		name := path.Join(c.ChartFullPath(), t.Name)
		into[name] = source{name: name, text: string(t.Data), basePath: path.Join(c.ChartFullPath(), "templates"), sees: sees}
	}
	return sees
}

// program is the parsed templates of a chart. It is not changed any more, so
// that several goroutines can run it.
type program struct {
	sources []source
	set     *template.Template
	marks   marks
	// changes reports whether a template calls a function that changes a map.
	changes bool
	// ordered reports whether a template changes what those after it see, for sure.
	ordered bool
	// named reports whether a template speaks of the name of the set itself.
	named bool
	// strict makes a value that is not there an error.
	strict bool
	// lint makes required and fail let everything pass.
	lint bool
	// lookup answers templates that look objects up; nil when there is no cluster.
	lookup Lookup
}

// setName is the name of the set of all templates. It is helm's, and stands in
// messages; a template that tpl executes has it, too.
const setName = "gotpl"

// marks are texts put into the templates, which an [output] takes for what they
// are by where they lie: text/template tells the writer, and nobody else, how
// far it is.
type marks struct{ enter, leave []byte }

// compile parses the templates, several at once.
func compile(sources []source, strict bool) (*program, error) {
	p := &program{sources: sources, strict: strict, marks: marks{enter: []byte{0}, leave: []byte{0}}}
	funcs := (&scope{}).functions()
	parsed, err := parseAll(sources, funcs)
	if err != nil {
		return nil, err
	}
	p.set = template.New(setName).Option(missingKey(strict)).Funcs(funcs)
	for i, s := range sources {
		if err := install(p.set.New(s.name), parsed[i]); err != nil {
			return nil, err
		}
		p.named = p.named || strings.Contains(s.text, setName)
	}
	for i, trees := range parsed {
		for name, tree := range trees {
			p.changes = p.changes || changesMaps(tree)
			p.ordered = p.ordered || name == sources[i].name && tree.Root != nil && setsContext(tree.Root, true)
			p.mark(tree)
		}
	}
	return p, nil
}

func missingKey(strict bool) string {
	if strict {
		return "missingkey=error"
	}
	return "missingkey=zero"
}

// install adds the trees of one file to the set of t.
func install(t *template.Template, trees map[string]*parse.Tree) error {
	for _, name := range slices.Sorted(maps.Keys(trees)) {
		if _, err := t.AddParseTree(name, trees[name]); err != nil {
			return err
		}
	}
	return nil
}

// parseAll parses each source. The error is that of the first source that has
// one.
func parseAll(sources []source, funcs template.FuncMap) ([]map[string]*parse.Tree, error) {
	parsed := make([]map[string]*parse.Tree, len(sources))
	errs := make([]error, len(sources))
	known := builtins()
	inParallel(len(sources), func(next func() (int, bool)) {
		for i, ok := next(); ok; i, ok = next() {
			parsed[i], errs[i] = parseText(sources[i].name, sources[i].text, funcs, known)
		}
	})
	for i, err := range errs {
		if err != nil {
			names := slices.Concat(slices.Collect(maps.Keys(funcs)), slices.Collect(maps.Keys(known)))
			return nil, suggestFunction(explainTemplate(err, sources[i].name), names)
		}
	}
	return parsed, nil
}

func parseText(name, text string, funcs ...map[string]any) (trees map[string]*parse.Tree, err error) {
	if deep(text) {
		return nil, fmt.Errorf("template: %s:1: %w: more than %d blocks inside each other", name, ErrLimit, maxNesting)
	}
	return parse.Parse(name, text, "", "", funcs...)
}

// deep reports whether the blocks of a template stand deeper inside each other
// than a stack should.
func deep(text string) bool {
	if strings.Count(text, "{{") <= maxNesting {
		return false
	}
	depth := 0
	for _, action := range strings.Split(text, "{{")[1:] {
		word, _, _ := strings.Cut(strings.TrimLeft(action, "- \t\r\n"), " ")
		switch word, _, _ = strings.Cut(word, "}}"); strings.TrimRight(word, "-") {
		case "if", "range", "with", "define", "block":
			if depth++; depth > maxNesting {
				return true
			}
		case "end":
			depth--
		}
	}
	return false
}

// builtins are the names of the functions that text/template adds of its own.
// Their values are not called: the parser only looks whether they are there.
func builtins() map[string]any {
	known := map[string]any{}
	for _, name := range []string{
		"and", "call", "html", "index", "slice", "js", "len", "not", "or", "print", "printf", "println", "urlquery",
		"eq", "ge", "gt", "le", "lt", "ne",
	} {
		known[name] = true
	}
	return known
}

// mark puts the marks into a tree: one where it begins, one where it ends, and
// an empty text where each round of a loop begins, so that the writer hears of
// loops that write nothing.
func (p *program) mark(tree *parse.Tree) {
	if tree.Root == nil {
		return
	}
	walk(tree.Root, func(n parse.Node) {
		if loop, ok := n.(*parse.RangeNode); ok && loop.List != nil {
			loop.List.Nodes = slices.Insert(loop.List.Nodes, 0, parse.Node(&parse.TextNode{NodeType: parse.NodeText, Pos: loop.Pos}))
		}
	})
	text := func(mark []byte) parse.Node {
		return &parse.TextNode{NodeType: parse.NodeText, Pos: tree.Root.Pos, Text: mark}
	}
	tree.Root.Nodes = slices.Concat([]parse.Node{text(p.marks.enter)}, tree.Root.Nodes, []parse.Node{text(p.marks.leave)})
}

// inParallel runs work on every processor. next hands out the numbers below n
// in order, each once.
func inParallel(n int, work func(next func() (int, bool))) {
	var taken atomic.Int64
	next := func() (int, bool) {
		i := int(taken.Add(1)) - 1
		return i, i < n
	}
	workers := workersFor(n)
	if workers == 1 {
		work(next)
		return
	}
	var group sync.WaitGroup
	for range workers {
		group.Go(func() { work(next) })
	}
	group.Wait()
}
