package compose

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// extends notes the keys that a service or job takes over from another, before
// its own. Inherited keys have the positions where they were written.
func (t *trail) extends(s scope, path diag.Path, service *yaml.Node, into *origin) {
	base := t.base(s, path, service, nil)
	if base != nil {
		overlay(into, base)
	}
}

// link is one step of a chain of extends.
type link struct{ file, service string }

// base returns the origins of what a service extends, or nil.
func (t *trail) base(s scope, path diag.Path, service *yaml.Node, chain []link) *origin {
	n := value(service, "extends")
	if n == nil {
		return nil
	}
	at := append(slices.Clip(path), "extends")
	name, from := "", ""
	if n.Kind == yaml.ScalarNode {
		name = t.fill(s, n, at)
	} else {
		name = first(t.strings(s, value(n, "service"), at))
		from = first(t.strings(s, value(n, "file"), at))
	}
	if name == "" {
		return nil
	}
	inner := s
	if from != "" {
		if inner.file = t.extendsFile(s, n, from); inner.file == nil {
			return nil
		}
		inner.dir = filepath.Dir(inner.file.path)
	}
	step := link{inner.file.path, name}
	if slices.Contains(chain, step) || len(chain) >= maxDepth {
		t.disk.list.Add(diag.Diagnostic{
			Severity: diag.Error, Pos: s.at(n), Path: at, Code: codeCycle, Summary: fmt.Sprintf("extends itself by way of %q", name), Hint: "remove one of the extends",
		})
		return nil
	}
	return t.inherited(inner, path[0], step, s.at(n), append(chain, step))
}

func (t *trail) extendsFile(s scope, n *yaml.Node, from string) *file {
	if isRemote(from) {
		t.disk.fail(codeUnreadable, s.at(n), from+" is not a local file, and gantry fetches none", "copy it into the project")
		return nil
	}
	return t.disk.read(s.join(from), s.at(n))
}

// inherited notes the service of a file, with what it extends itself.
func (t *trail) inherited(s scope, section string, step link, from diag.Pos, chain []link) *origin {
	var service *yaml.Node
	var names []string
	for _, doc := range s.file.docs {
		services := value(doc, section)
		if v := value(services, step.service); v != nil {
			service = v
		}
		names = append(names, keysOf(services)...)
	}
	if service == nil {
		if t.root.get(section, step.service) == nil { // an include may have brought it
			t.disk.fail(codeUndefined, from, fmt.Sprintf("extends %q, which %s does not have", step.service, s.file.shown), diag.DidYouMean(step.service, names))
		}
		return nil
	}
	path := diag.Path{section, step.service}
	into := &origin{}
	if base := t.base(s, path, service, chain); base != nil {
		overlay(into, base)
	}
	// The variables of the base are reported where the base stands, once.
	quiet := t.quiet()
	quiet.record(s, service, path, into)
	t.nodes = quiet.nodes
	into.next.remove("extends")
	return into
}

func keysOf(n *yaml.Node) []string {
	var keys []string
	if n = resolve(n); n != nil && n.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(n.Content); i += 2 {
			keys = append(keys, n.Content[i].Value)
		}
	}
	return keys
}

// overlay puts the keys of one origin over those of another. Items of lists are
// added behind those that are there.
func overlay(into, over *origin) {
	if over.pos.Line > 0 {
		into.pos = over.pos
	}
	into.kind, into.text = over.kind, over.text
	shift := into.items()
	for key, o := range over.next.all() {
		if index, err := strconv.Atoi(key); err == nil && over.items() > 0 {
			key = strconv.Itoa(index + shift)
		}
		if known := into.next.get(key); known != nil {
			overlay(known, o)
			continue
		}
		into.below().set(key, o.clone())
	}
	if over.items() > 0 {
		into.below().items += over.items()
	}
}

// isRemote reports whether a path is one that docker compose would fetch.
func isRemote(path string) bool {
	for _, prefix := range []string{"http://", "https://", "git://", "ssh://", "oci://", "git@", "github.com/"} {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}
