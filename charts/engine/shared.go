package engine

import (
	"reflect"
	"slices"
	"text/template/parse"
)

// changers are the functions that change what they are given, and tpl, whose
// text may call them.
func changers() []string {
	return []string{"set", "unset", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite", "sortAlpha", "tpl"}
}

// changesMaps reports whether a template calls one of the changers.
func changesMaps(tree *parse.Tree) bool {
	if tree.Root == nil {
		return false
	}
	found, names := false, changers()
	walk(tree.Root, func(n parse.Node) {
		if call, ok := n.(*parse.IdentifierNode); ok && slices.Contains(names, call.Ident) {
			found = true
		}
	})
	return found
}

// setsContext reports whether the text of a file sets something in the context of its
// chart, which those after it see; root is whether the dot is that context.
func setsContext(n parse.Node, root bool) bool {
	within := root
	switch n := n.(type) {
	case *parse.CommandNode:
		f, ok := n.Args[0].(*parse.IdentifierNode)
		if ok && len(n.Args) > 1 && (f.Ident == "set" || f.Ident == "unset") && (&judge{dollar: true}).isRoot(n.Args[1], root) {
			return true
		}
	case *parse.RangeNode, *parse.WithNode:
		within = false
	}
	return slices.ContainsFunc(children(n), func(child parse.Node) bool { return setsContext(child, within) })
}

// places are where maps and lists lie.
type places map[uintptr]bool

// sharedPlaces finds the maps and lists that every template sees.
func sharedPlaces(all []source) places {
	seen := places{}
	for i := range all {
		seen.add(reflect.ValueOf(all[i].sees))
	}
	return seen
}

func (p places) add(v reflect.Value) {
	switch v.Kind() {
	case reflect.Interface:
		p.add(v.Elem())
	case reflect.Pointer:
		if p.first(v) {
			p.add(v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			p.add(field)
		}
	case reflect.Map:
		// Those of .Files hold bytes.
		if v.Type().Elem().Kind() != reflect.Slice && p.first(v) {
			for each := v.MapRange(); each.Next(); {
				p.add(each.Value())
			}
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); p.first(v) && (k == reflect.Interface || k == reflect.Pointer) {
			for i := range v.Len() {
				p.add(v.Index(i))
			}
		}
	default: // nothing that a template could change is in there
	}
}

// first notes a place, and reports whether it was new. Nothing lies at nil.
func (p places) first(v reflect.Value) bool {
	at := v.Pointer()
	if at == 0 || v.Kind() == reflect.Slice && v.Len() == 0 || p[at] {
		return false
	}
	p[at] = true
	return true
}

// touches reports whether a value, or one within it, is shared.
func (p places) touches(v any) bool {
	if p == nil {
		return false
	}
	mine := places{}
	mine.add(reflect.ValueOf(v))
	for at := range mine {
		if p[at] {
			return true
		}
	}
	return false
}

// has reports whether a map is shared.
func (p places) has(m map[string]any) bool {
	return p != nil && m != nil && p[reflect.ValueOf(m).Pointer()]
}

// alone reports whether a text neither defines templates nor calls one other
// than by include.
func alone(trees map[string]*parse.Tree) bool {
	if len(trees) > 1 {
		return false
	}
	calls := false
	for _, tree := range trees {
		walk(tree.Root, func(n parse.Node) {
			_, is := n.(*parse.TemplateNode)
			calls = calls || is
		})
	}
	return !calls
}
