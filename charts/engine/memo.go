package engine

import (
	"reflect"
	"slices"
	"text/template"
	"text/template/parse"
)

// memo keeps what templates have written that write the same each time: names and
// labels, which most charts include several times for each object.
//
// A template is steady when it is included with the context of its chart, reads of
// it only what no template changes, calls functions that depend on their arguments
// alone, and includes none but steady ones.
type memo struct {
	set *template.Template
	// steady holds the verdicts so far, by name.
	steady map[string]bool
	texts  map[included]string
}

// included is a template that was included with the context of a chart.
type included struct{ chart, name string }

func newMemo(set *template.Template) *memo {
	return &memo{set: set, steady: map[string]bool{}, texts: map[included]string{}}
}

// holds reports whether a template writes the same each time that it is included with
// the context of its chart.
func (m *memo) holds(name string) bool {
	steady, known := m.steady[name]
	if !known {
		steady = m.judge(name)
		m.steady[name] = steady
	}
	return steady
}

// rootContext is what the template that is being executed sees as $. Those of one chart
// see the same, but for what is changing.
type rootContext struct {
	root map[string]any
	// chart is the path of the chart's templates.
	chart string
}

// is reports whether a value is the context itself.
func (c *rootContext) is(v any) bool {
	data, ok := v.(map[string]any)
	return ok && reflect.ValueOf(data).Pointer() == reflect.ValueOf(c.root).Pointer()
}

// judge looks at a template and all that it includes.
func (m *memo) judge(name string) bool {
	calls := []call{{name, true}}
	for i := 0; i < len(calls); i++ { // calls grows
		t := m.set.Lookup(calls[i].name)
		if t == nil || t.Tree == nil || t.Root == nil {
			return false
		}
		j := judge{dollar: calls[i].root}
		j.node(t.Root, calls[i].root)
		if j.odd {
			return false
		}
		for _, c := range j.calls {
			if !slices.Contains(calls, c) {
				calls = append(calls, c)
			}
		}
	}
	return true
}

// call is a template that is included, with the context of the chart or with
// something else.
type call struct {
	name string
	root bool
}

// judge looks for what makes a template odd. Wherever the context of the chart
// itself is handed to somebody other than a template, it gives up following it.
type judge struct {
	// dollar is whether $ is the context of the chart.
	dollar bool
	calls  []call
	odd    bool
}

// node looks at a node and those below it; root is whether the dot is the context of
// the chart there.
func (j *judge) node(n parse.Node, root bool) {
	switch n := n.(type) {
	case *parse.RangeNode:
		j.branch(&n.BranchNode, root, false)
	case *parse.WithNode:
		j.branch(&n.BranchNode, root, false)
	case *parse.IfNode:
		j.branch(&n.BranchNode, root, root)
	case *parse.TemplateNode:
		j.template(n, root)
	case *parse.CommandNode:
		j.command(n, root)
	case *parse.IdentifierNode:
		j.odd = j.odd || !dependable(n.Ident)
	case *parse.DotNode:
		j.odd = j.odd || root
	case *parse.FieldNode:
		j.odd = j.odd || root && changing(n.Ident[0])
	case *parse.VariableNode:
		j.odd = j.odd || j.isDollar(n) && (len(n.Ident) == 1 || changing(n.Ident[1]))
	case *parse.ListNode, *parse.ActionNode, *parse.PipeNode, *parse.ChainNode:
		for _, child := range children(n) {
			j.node(child, root)
		}
	case *parse.TextNode, *parse.CommentNode, *parse.StringNode, *parse.NumberNode, *parse.BoolNode, *parse.NilNode, *parse.BreakNode, *parse.ContinueNode:
	default:
		j.odd = true
	}
}

// branch looks at a condition or a loop, whose body sees another dot.
func (j *judge) branch(b *parse.BranchNode, root, within bool) {
	j.node(b.Pipe, root)
	j.node(b.List, within)
	if b.ElseList != nil {
		j.node(b.ElseList, root)
	}
}

func (j *judge) isDollar(v *parse.VariableNode) bool { return j.dollar && v.Ident[0] == "$" }

// isRoot reports whether a node is the context of the chart.
func (j *judge) isRoot(n parse.Node, root bool) bool {
	switch n := n.(type) {
	case *parse.DotNode:
		return root
	case *parse.VariableNode:
		return j.isDollar(n) && len(n.Ident) == 1
	}
	return false
}

func (j *judge) template(n *parse.TemplateNode, root bool) {
	if n.Pipe == nil {
		j.calls = append(j.calls, call{n.Name, false})
		return
	}
	if cmds := n.Pipe.Cmds; len(cmds) == 1 && len(cmds[0].Args) == 1 && j.isRoot(cmds[0].Args[0], root) {
		j.calls = append(j.calls, call{n.Name, true})
		return
	}
	j.calls = append(j.calls, call{n.Name, false})
	j.node(n.Pipe, root)
}

// command looks at a function and its arguments. What to include has to be said by
// its name.
func (j *judge) command(n *parse.CommandNode, root bool) {
	args := n.Args
	if f, ok := args[0].(*parse.IdentifierNode); ok && f.Ident == "include" && len(args) > 1 {
		name, ok := args[1].(*parse.StringNode)
		if !ok {
			j.odd = true
			return
		}
		args = args[2:]
		whole := len(args) == 1 && j.isRoot(args[0], root)
		j.calls = append(j.calls, call{name.Text, whole})
		if whole {
			return
		}
	}
	for _, arg := range args {
		j.node(arg, root)
	}
}

// changing holds for what of a chart's context is another thing in each template.
func changing(field string) bool { return field == "Template" || field == "Subcharts" }

// dependable holds for functions that always answer the same. Those that change what
// they are given are not among them, nor those that may fail on purpose.
func dependable(function string) bool {
	switch function {
	case "and", "or", "not", "eq", "ne", "lt", "le", "gt", "ge", "len", "index", "slice", "print", "printf", "println",
		"default", "empty", "coalesce", "ternary", "kindIs", "kindOf", "typeIs", "typeOf", "hasKey", "get", "dig", "dict", "list", "pick", "omit",
		"quote", "squote", "cat", "indent", "nindent", "replace", "trim", "trimAll", "trimPrefix", "trimSuffix", "trunc", "lower", "upper", "title",
		"camelcase", "kebabcase", "snakecase", "nospace", "abbrev", "contains", "hasPrefix", "hasSuffix", "repeat", "plural", "regexMatch", "regexFind",
		"regexReplaceAll", "regexReplaceAllLiteral", "join", "split", "splitList", "splitn", "toString", "toStrings", "first", "last", "rest", "initial",
		"has", "without", "uniq", "compact", "concat", "semver", "semverCompare", "int", "int64", "float64", "atoi", "add", "add1", "sub", "mul", "div", "mod", "max", "min",
		"b64enc", "b64dec", "sha1sum", "sha256sum", "adler32sum", "toYaml", "toJson", "fromYaml", "fromJson", "base", "dir":
		return true
	}
	return false
}
