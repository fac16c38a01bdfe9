package engine

import (
	"fmt"
	"maps"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
)

// scope is a set of templates that see each other, with the functions that are
// bound to it. One goroutine uses it.
type scope struct {
	meter *meter
	set   *template.Template
	// blank is an empty set with the same functions.
	blank *template.Template
	funcs template.FuncMap
	// named is whether templates may speak of the set's own name.
	named  bool
	strict bool
	lint   bool
	lookup Lookup
	// kept are the texts that tpl has parsed.
	kept map[string]*template.Template
	// now is shared with the scopes of tpl.
	now *rootContext
	// memo is nil where what templates see may change.
	memo *memo
}

// newScope returns the scope of a program for one more goroutine.
func newScope(p *program, m *meter) *scope {
	s := &scope{meter: m, named: p.named, strict: p.strict, lint: p.lint, lookup: p.lookup, now: &rootContext{}}
	s.bind(template.Must(p.set.Clone()))
	if !p.changes || m.shared != nil {
		s.memo = newMemo(s.set)
	}
	return s
}

// bind takes a set over, and binds its functions to the scope.
func (s *scope) bind(set *template.Template) {
	s.kept = map[string]*template.Template{}
	s.funcs = s.functions()
	s.set = set.Funcs(s.funcs)
	s.blank = template.New(setName).Option(missingKey(s.strict)).Funcs(s.funcs)
}

// functions returns what templates can call, as helm has it: the functions of
// sprig, less those that read the environment, and helm's own.
func (s *scope) functions() template.FuncMap {
	funcs := sprig.TxtFuncMap()
	delete(funcs, "env")
	delete(funcs, "expandenv")
	addMeasured(funcs)
	if s.meter != nil {
		addChangers(funcs, s.meter.shared, s.now)
	}
	maps.Copy(funcs, template.FuncMap{
		"toToml": toTOML, "fromToml": fromTOML,
		"toYaml": toYAML, "toYamlPretty": toYAMLPretty, "fromYaml": fromYAML, "fromYamlArray": fromYAMLArray,
		"toJson": toJSON, "fromJson": fromJSON, "fromJsonArray": fromJSONArray,
		"include": s.include, "tpl": s.tpl, "required": s.required, "fail": s.fail,
		"lookup": s.find,
		// The network is not asked.
		"getHostByName": func(string) string { return "" },
	})
	return funcs
}

// find looks an object up, if there is a cluster to ask.
func (s *scope) find(apiVersion, kind, namespace, name string) (map[string]any, error) {
	if s.lookup == nil {
		return map[string]any{}, nil
	}
	return s.lookup(apiVersion, kind, namespace, name)
}

// saidError is what a template has to say to the user by required or fail.
type saidError struct{ text string }

func (e *saidError) Error() string { return e.text }

func (s *scope) required(message string, value any) (any, error) {
	switch {
	case value != nil && value != "":
		return value, nil
	case s.lint:
		return "", nil
	default:
		return value, &saidError{message}
	}
}

func (s *scope) fail(message string) (string, error) {
	if s.lint {
		return "", nil
	}
	return "", &saidError{message}
}

// include executes a template, and returns what it writes.
func (s *scope) include(name string, data any) (string, error) {
	if s.memo == nil || !s.now.is(data) || !s.memo.holds(name) {
		return s.call(name, data)
	}
	key := included{s.now.chart, name}
	if text, ok := s.memo.texts[key]; ok {
		return text, s.meter.step(len(text))
	}
	text, err := s.call(name, data)
	if err == nil {
		s.memo.texts[key] = text
	}
	return text, err
}

// call executes a template that is included.
func (s *scope) call(name string, data any) (string, error) {
	same := s.meter.same
	if same[name] > maxSame {
		return "", fmt.Errorf("rendering template has a nested reference name: %s: unable to execute template", name)
	}
	same[name]++
	out := s.meter.output()
	err := s.set.ExecuteTemplate(out, name, data)
	same[name]--
	return out.String(), err
}

// tpl executes a text as a template.
func (s *scope) tpl(text string, data any) (string, error) {
	t, err := s.parsed(text)
	if err != nil {
		return "", fmt.Errorf("cannot parse template %q: %w", text, err)
	}
	out := s.meter.output()
	if err := t.Execute(out, data); err != nil {
		return "", &tplError{text, err}
	}
	return noValue(out.String()), nil
}

// tplError is an error of a text that tpl executes.
type tplError struct {
	text string
	err  error
}

func (e *tplError) Error() string {
	return fmt.Sprintf("error during tpl function execution for %q: %s", e.text, e.err)
}
func (e *tplError) Unwrap() error { return e.err }

// parsed parses a text that sees the templates of the scope, or returns it as it
// was parsed before.
func (s *scope) parsed(text string) (*template.Template, error) {
	if t, ok := s.kept[text]; ok {
		return t, nil
	}
	t, err := s.parse(text)
	if err != nil {
		return nil, err
	}
	if len(s.kept) >= maxKept {
		clear(s.kept)
	}
	s.kept[text] = t
	return t, nil
}

func (s *scope) parse(text string) (*template.Template, error) {
	trees, err := parseText(setName, text, s.funcs, builtins())
	if err != nil {
		return nil, err
	}
	p := program{marks: s.meter.marks}
	var t *template.Template
	if alone(trees) && !s.named && !strings.Contains(text, setName) {
		if t, err = s.blank.Clone(); err != nil {
			return nil, err
		}
	} else {
		// What it defines, it alone sees, and whatever it calls.
		within := &scope{meter: s.meter, named: s.named, strict: s.strict, lookup: s.lookup, now: s.now}
		clone, err := s.set.Clone()
		if err != nil {
			return nil, err
		}
		within.bind(clone)
		t = within.set.New(setName)
	}
	if err := install(t, trees); err != nil {
		return nil, err
	}
	for _, tree := range trees {
		p.mark(tree)
	}
	return t, nil
}
