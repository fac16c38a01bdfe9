package compose

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// trail follows the files of an application in the order in which compose-go
// merges them, and notes where every key was written. It reports what is wrong
// with the files as text: syntax, doubled keys, variables.
type trail struct {
	disk      *disk
	root      *origin
	nodes     int
	variables []Variable
	// open are the files that are being included, and merging the mappings that
	// are being merged, to see a circle.
	open    []string
	merging []*yaml.Node
}

// place of a file: the folder that its relative paths start from, and the
// variables that fill it.
type scope struct {
	file *file
	dir  string
	env  environment
}

// add follows one Compose file into the origins.
func (t *trail) add(s scope, into *origin) {
	for _, doc := range s.file.docs {
		if doc.Kind != yaml.MappingNode {
			t.disk.fail(codeType, s.at(doc), "a Compose file is a mapping", "begin with services:")
			continue
		}
		t.includes(s, doc, into)
		t.record(s, doc, nil, into)
	}
}

// quiet returns a trail whose reports nobody reads.
func (t *trail) quiet() *trail {
	disk := *t.disk
	disk.list = &diag.List{}
	return &trail{disk: &disk, root: t.root, nodes: t.nodes}
}

// at returns the position of a node.
func (s scope) at(n *yaml.Node) diag.Pos {
	return diag.Pos{File: s.file.shown, Line: n.Line, Column: n.Column}
}

// value returns the value of a key of a mapping, or nil.
func value(n *yaml.Node, key string) *yaml.Node {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return resolve(n.Content[i+1])
		}
	}
	return nil
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// visit counts a node, and reports whether the file is still within the limits.
func (t *trail) visit(s scope, n *yaml.Node, path diag.Path) bool {
	t.count(s, n, 1)
	if len(path) == maxDepth {
		t.disk.fail(codeLimit, s.at(n), fmt.Sprintf("nests deeper than %d levels", maxDepth), "")
	}
	return t.nodes < maxNodes && len(path) < maxDepth
}

// count adds values that a node stands for, and reports when they are too many.
func (t *trail) count(s scope, n *yaml.Node, values int) {
	within := t.nodes < maxNodes
	if t.nodes += values; within && t.nodes >= maxNodes {
		t.disk.fail(codeLimit, s.at(n), fmt.Sprintf("the files stand for more than %d values once aliases and ranges of ports are followed", maxNodes), "")
	}
}

// record notes a value and what lies below it.
func (t *trail) record(s scope, n *yaml.Node, path diag.Path, into *origin) {
	n = resolve(n)
	if n == nil || !t.visit(s, n, path) {
		return
	}
	into.kind = n.Kind
	switch n.Kind {
	case yaml.MappingNode:
		t.mapping(s, n, path, into, nil)
	case yaml.SequenceNode:
		t.sequence(s, n, path, into)
	case yaml.ScalarNode:
		t.tagged(s, n, path)
		into.text = t.fill(s, n, path)
	}
}

// mapping notes the keys of a mapping. Those of merged mappings (<<) come first:
// the mapping's own win over them.
func (t *trail) mapping(s scope, n *yaml.Node, path diag.Path, into *origin, hidden map[string]bool) {
	own := maps.Clone(hidden)
	if own == nil {
		own = map[string]bool{}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		t.text(s, key, path)
		if own[key.Value] && !hidden[key.Value] && !isMerge(key) {
			t.disk.list.Add(diag.Diagnostic{
				Severity: diag.Error, Pos: s.at(key), Path: append(slices.Clip(path), key.Value), Code: codeDuplicate,
				Summary: "stands here a second time", Hint: "put the two together, or remove one",
			})
		}
		own[key.Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if isMerge(n.Content[i]) {
			t.merge(s, resolve(n.Content[i+1]), path, into, own)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !isMerge(key) && !hidden[key.Value] {
			t.field(s, key, n.Content[i+1], path, into)
		}
	}
}

func isMerge(key *yaml.Node) bool { return key.Value == "<<" && key.ShortTag() == "!!merge" }

// text wants a key to be text. YAML takes whatever it can write for one.
func (t *trail) text(s scope, key *yaml.Node, path diag.Path) {
	n := resolve(key)
	if n == nil || isMerge(key) || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		return
	}
	d := diag.Diagnostic{Severity: diag.Error, Pos: s.at(key), Path: append(slices.Clip(path), n.Value), Code: codeType, Summary: "is no text, as keys are"}
	if n.Kind == yaml.ScalarNode {
		d.Hint = fmt.Sprintf("write %q", n.Value)
	}
	t.disk.list.Add(d)
}

// tagged wants a value to be what its tag says.
func (t *trail) tagged(s scope, n *yaml.Node, path diag.Path) {
	var value any
	if n.Style&yaml.TaggedStyle == 0 || n.Decode(&value) == nil {
		return
	}
	t.disk.list.Add(diag.Diagnostic{
		Severity: diag.Error, Pos: s.at(n), Path: slices.Clone(path), Code: codeType,
		Summary: fmt.Sprintf("%q is not what its tag says, %s", n.Value, n.Tag), Hint: "remove the tag",
	})
}

// merge notes the keys of a mapping, or of several, behind <<.
func (t *trail) merge(s scope, n *yaml.Node, path diag.Path, into *origin, hidden map[string]bool) {
	if n == nil || !t.visit(s, n, path) {
		return
	}
	if slices.Contains(t.merging, n) || len(t.merging) >= maxDepth {
		t.disk.fail(codeSyntax, s.at(n), "is merged into itself, or by too long a chain of <<", "remove one of the <<")
		return
	}
	t.merging = append(t.merging, n)
	defer func() { t.merging = t.merging[:len(t.merging)-1] }()
	switch n.Kind {
	case yaml.MappingNode:
		t.mapping(s, n, path, into, hidden)
	case yaml.SequenceNode:
		// The first of several wins, so it is noted last.
		for _, item := range slices.Backward(n.Content) {
			t.merge(s, resolve(item), path, into, hidden)
		}
	}
}

// field notes one key.
func (t *trail) field(s scope, key, val *yaml.Node, path diag.Path, into *origin) {
	p := append(slices.Clip(path), key.Value)
	switch {
	case isReset(val):
		into.next.remove(key.Value)
		return
	case val.Tag == "!override":
		into.next.remove(key.Value)
	case len(path) == 0 && key.Value == "include":
		return
	}
	child := into.child(key.Value)
	child.pos = s.at(key)
	if len(p) == 2 && (p[0] == "services" || p[0] == "jobs") {
		t.extends(s, p, val, child)
	}
	t.record(s, val, p, child)
}

// sequence notes the items of a list, by what Compose makes of it.
func (t *trail) sequence(s scope, n *yaml.Node, path diag.Path, into *origin) {
	kind := shapeOf(path)
	if kind == replaced {
		into.next = nil
	}
	places := map[string]string{}
	for key, o := range into.next.all() {
		if at := place(path, o.placed()); at != "" {
			places[at] = key
		}
	}
	for _, item := range n.Content {
		val := resolve(item)
		if val == nil {
			continue
		}
		if kind != indexed && kind != replaced && val.Kind == yaml.ScalarNode {
			text := t.fill(s, val, append(slices.Clip(path), itemKey(kind, val.Value)))
			child := into.child(itemKey(kind, text))
			child.pos, child.text = s.at(item), text
			continue
		}
		t.item(s, item, path, into, places)
	}
}

// placed is the text by which a mount is known.
func (o *origin) placed() string {
	if target := o.get("target"); target != nil {
		return ":" + target.text
	}
	return o.text
}

// item notes one item of a list that keeps its order.
func (t *trail) item(s scope, item *yaml.Node, path diag.Path, into *origin, places map[string]string) {
	fresh := &origin{pos: s.at(item)}
	key := strconv.Itoa(into.items())
	t.record(s, item, append(slices.Clip(path), key), fresh)
	if at := place(path, fresh.placed()); at != "" {
		if known, ok := places[at]; ok {
			into.next.set(known, fresh)
			return
		}
	}
	entries := expanded(path, fresh.text)
	if entries > 1 {
		t.count(s, item, entries*valuesOfPort)
		if before := into.items(); before <= maxPorts && before+entries > maxPorts {
			t.disk.fail(codeLimit, s.at(item), fmt.Sprintf("opens more than %d ports, which is all that a Service may lead to", maxPorts), "name the ports that are used")
		}
	}
	for n := range entries {
		into.below().set(strconv.Itoa(into.items()+n), fresh)
	}
	into.below().items += entries
}

// valuesOfPort is how many values an entry of a range of ports becomes: its mode,
// target, protocol, host address and published port.
const valuesOfPort = 5

// includes notes what an application includes, and follows the files before its
// own keys. Included files may include others: the entries of all are one list.
func (t *trail) includes(s scope, doc *yaml.Node, into *origin) {
	key, n := find(doc, "include", 0)
	if n = resolve(n); n == nil {
		return
	}
	list := into.child("include")
	before := list.items()
	list.pos = s.at(key)
	t.record(s, n, diag.Path{"include"}, list)
	if n.Kind != yaml.SequenceNode {
		return // the schema says what is wrong
	}
	for i, entry := range n.Content {
		t.include(s, resolve(entry), diag.Path{"include", strconv.Itoa(before + i)}, into)
	}
}

func (t *trail) include(s scope, entry *yaml.Node, path diag.Path, into *origin) {
	quiet := t.quiet() // record has reported the variables
	paths := quiet.strings(s, entry, path)
	dir, envFiles := "", []string(nil)
	if entry.Kind == yaml.MappingNode {
		paths = quiet.strings(s, value(entry, "path"), append(path, "path"))
		dir = first(quiet.strings(s, value(entry, "project_directory"), append(path, "project_directory")))
		envFiles = quiet.strings(s, value(entry, "env_file"), append(path, "env_file"))
	}
	if len(paths) == 0 {
		return // the schema says what is missing
	}
	main := s.join(paths[0])
	switch {
	case len(t.open) >= maxDepth:
		t.disk.fail(codeLimit, s.at(entry), fmt.Sprintf("includes go deeper than %d files", maxDepth), "")
		return
	case slices.Contains(t.open, main):
		t.disk.fail(codeCycle, s.at(entry), fmt.Sprintf("%s includes itself: %s", paths[0], t.circle(main)), "remove one of the includes")
		return
	case isRemote(paths[0]):
		t.disk.fail(codeUnreadable, s.at(entry), paths[0]+" is not a local file, and gantry fetches none", "copy it into the project")
		return
	}
	if dir == "" {
		dir = filepath.Dir(main)
	}
	inner := scope{dir: s.join(dir), env: s.env}
	inner.env = t.includeEnv(s, entry, inner.dir, envFiles)
	for _, p := range paths {
		f := t.disk.read(s.join(p), s.at(entry))
		if f == nil {
			continue
		}
		inner.file = f
		t.open = append(t.open, f.path)
		t.add(inner, into)
		t.open = t.open[:len(t.open)-1]
	}
}

func (t *trail) circle(path string) string {
	var b []byte
	for _, f := range t.open[slices.Index(t.open, path):] {
		b = append(b, t.disk.shown(f)+" → "...)
	}
	return string(b) + t.disk.shown(path)
}

// includeEnv adds the variables of an include's env files, which do not win over
// those that are there.
func (t *trail) includeEnv(s scope, entry *yaml.Node, dir string, files []string) environment {
	if len(files) == 0 {
		if f := filepath.Join(dir, ".env"); isFile(f) {
			files = []string{f}
		}
	}
	for i, f := range files {
		files[i] = s.join(f)
	}
	return t.disk.withFiles(s.env, files, func(file string) ([]byte, bool) {
		data, err := t.disk.reach.ReadFile(file, maxEnvBytes)
		if err != nil {
			t.disk.unreadable(t.disk.shown(file), s.at(entry), err)
		}
		return data, err == nil
	})
}

// strings returns the text of a scalar, or of the items of a list.
func (t *trail) strings(s scope, n *yaml.Node, path diag.Path) []string {
	n = resolve(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{t.fill(s, n, path)}
	case n.Kind == yaml.SequenceNode:
		var all []string
		for _, item := range n.Content {
			all = append(all, t.strings(s, item, path)...)
		}
		return all
	default:
		return nil
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// join returns the path of a file that the scope's file names.
func (s scope) join(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.dir, path)
}
