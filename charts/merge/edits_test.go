package merge_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"gantry/charts"
	"gantry/charts/merge"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/helm"
	"gantry/convert/rules"
)

// TestNothingIsLost makes charts of random Compose files, edits them at random,
// changes the Compose files, and merges. Whatever a person put in is in the merged
// chart, or part of a conflict; and so is whatever is generated now.
func TestNothingIsLost(t *testing.T) {
	const rounds = 40
	for seed := range uint64(rounds) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			app := randomApp(r)
			base := app.chart(t)
			e := &editor{rand: r, files: asMap(base)}
			for range 1 + r.IntN(12) {
				e.edit()
			}
			for range 1 + r.IntN(4) {
				app.change(r)
			}
			checkMerge(t, asMap(base), e, asMap(app.chart(t)))
		})
	}
}

func checkMerge(t *testing.T, base map[string]string, e *editor, generated map[string]string) {
	t.Helper()
	in := merge.Input{Base: &merge.Record{Files: asFiles(base)}, Yours: asFiles(e.files), Generated: asFiles(generated)}
	result := merge.Merge(in)
	merged := asMap(result.Files)
	c := &checker{T: t, result: result, conflicting: map[string]bool{}}
	for _, conflict := range result.Conflicts {
		c.yours.WriteString(conflict.Yours)
		if len(conflict.Path) == 0 {
			c.conflicting[conflict.File] = true
		}
	}
	c.keepsTokens(e, merged)
	c.keepsValues(base, e.files, generated, merged)
	c.keepsLines(base, e.files, generated, merged)
	if len(result.Conflicts) > 0 {
		return
	}
	again := merge.Merge(merge.Input{Base: &merge.Record{Files: asFiles(generated)}, Yours: result.Files, Generated: asFiles(generated)})
	if len(again.Conflicts) > 0 || !maps.Equal(asMap(again.Files), merged) {
		t.Errorf("merging the result once more changes it: %v", again.Conflicts)
	}
}

// checker compares what a merge has come to with what it had to keep.
type checker struct {
	*testing.T
	result      *merge.Result
	yours       strings.Builder
	conflicting map[string]bool
}

// keepsTokens looks for everything that the person put in.
func (c *checker) keepsTokens(e *editor, merged map[string]string) {
	c.Helper()
	all := c.yours.String() + strings.Join(slices.Collect(maps.Values(merged)), "\n")
	for _, token := range e.tokens {
		if e.has(token) && !strings.Contains(all, token) && !c.toldWith(token, e) {
			c.Errorf("%s is lost", token)
		}
	}
}

// toldWith reports whether a comment went with what it stood beside, and the
// report says so.
func (c *checker) toldWith(token string, e *editor) bool {
	return slices.ContainsFunc(c.result.Changes, func(change merge.Change) bool {
		return change.What == merge.Removed && change.Note != "" && strings.Contains(e.files[change.File], "# "+token)
	})
}

// keepsValues looks at every value of values.yaml on its own.
func (c *checker) keepsValues(base, yours, generated, merged map[string]string) {
	c.Helper()
	const name = "values.yaml"
	if yours[name] == "" || c.conflicting[name] || len(c.result.Renames) > 0 {
		return
	}
	was, mine, theirs, got := flat(c, base[name]), flat(c, yours[name]), flat(c, generated[name]), flat(c, merged[name])
	for _, path := range slices.Sorted(maps.Keys(union(was, mine, theirs, got))) {
		want := mine[path]
		switch {
		case mine[path] == was[path]:
			want = theirs[path]
		case theirs[path] == was[path], mine[path] == theirs[path]:
		case c.reported(name, path):
			continue
		default:
			c.Errorf("%s: %s was %q, is %q and %q, and that is no conflict", name, path, was[path], mine[path], theirs[path])
		}
		if got[path] != want && !c.reported(name, path) {
			c.Errorf("%s: %s is %q, want %q", name, path, got[path], want)
		}
	}
}

// reported reports whether a conflict, or something that stays as the person
// wants it, is at a path, above or below it.
func (c *checker) reported(file, path string) bool {
	around := func(f string, other []string) bool {
		p := strings.Join(other, "/")
		return f == file && (p == path || strings.HasPrefix(path, p+"/") || strings.HasPrefix(p, path+"/"))
	}
	return slices.ContainsFunc(c.result.Conflicts, func(x merge.Conflict) bool { return around(x.File, x.Path) }) ||
		slices.ContainsFunc(c.result.Changes, func(x merge.Change) bool { return x.What == merge.Kept && around(x.File, x.Path) })
}

// keepsLines looks at the lines of templates: those that are generated now, and
// that nobody puts there but the sides.
func (c *checker) keepsLines(base, yours, generated, merged map[string]string) {
	c.Helper()
	for name, text := range merged {
		if !strings.HasPrefix(name, "templates/") || c.conflicting[name] || len(c.result.Renames) > 0 {
			continue
		}
		was, mine, theirs, got := lines(base[name]), lines(yours[name]), lines(generated[name]), lines(text)
		for line := range got {
			if mine[line]+theirs[line] == 0 {
				c.Errorf("%s: nobody wrote %q", name, line)
			}
		}
		for line, n := range theirs {
			if was[line] == 0 && mine[line] == 0 && got[line] != n {
				c.Errorf("%s: %q is generated %d times, and there %d times", name, line, n, got[line])
			}
		}
	}
	for name := range generated {
		_, before := base[name]
		if _, ok := merged[name]; !ok && !before && !c.conflicting[name] {
			c.Errorf("%s is generated, and not there", name)
		}
	}
}

func union(list ...map[string]string) map[string]string {
	all := map[string]string{}
	for _, m := range list {
		maps.Copy(all, m)
	}
	return all
}

func lines(text string) map[string]int {
	n := map[string]int{}
	for line := range strings.Lines(text) {
		n[strings.TrimSuffix(line, "\n")]++
	}
	return n
}

// flat returns the values of a file by their paths.
func flat(c *checker, text string) map[string]string {
	c.Helper()
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		c.Fatalf("%v in\n%s", err, text)
	}
	out := map[string]string{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
			out[path[1:]] = plain(n)
			return
		}
		for i := 0; i < len(n.Content); i += 2 {
			walk(path+"/"+n.Content[i].Value, n.Content[i+1])
		}
	}
	if len(doc.Content) > 0 {
		walk("", doc.Content[0])
	}
	return out
}

// plain returns a value without comments.
func plain(n *yaml.Node) string {
	parts := []string{n.ShortTag(), n.Value}
	for _, item := range n.Content {
		parts = append(parts, plain(item))
	}
	return strings.Join(parts, " ")
}

func asMap(files []charts.File) map[string]string {
	m := map[string]string{}
	for _, f := range files {
		m[f.Name] = string(f.Data)
	}
	return m
}

func asFiles(m map[string]string) []charts.File {
	var files []charts.File
	for _, name := range slices.Sorted(maps.Keys(m)) {
		files = append(files, charts.File{Name: name, Data: []byte(m[name])})
	}
	return files
}

// randomService is a service of a random application.
type randomService struct {
	name, image, tag string
	env              map[string]string
	ports            []int
	volumes          []string
	command          string
	replicas         int
}

type randomApplication struct{ services []*randomService }

func randomApp(r *rand.Rand) *randomApplication {
	a := &randomApplication{}
	for range 1 + r.IntN(4) {
		a.addService(r)
	}
	return a
}

func (a *randomApplication) addService(r *rand.Rand) {
	names := []string{"web", "api", "worker", "db", "cache", "queue", "front"}
	name := names[r.IntN(len(names))]
	if slices.ContainsFunc(a.services, func(s *randomService) bool { return s.name == name }) {
		return
	}
	s := &randomService{name: name, image: "acme/" + name, tag: "1.0", env: map[string]string{"MODE": "production"}, replicas: 1}
	a.services = append(a.services, s)
	for range r.IntN(6) {
		s.change(r)
	}
}

// change changes the application as people do.
func (a *randomApplication) change(r *rand.Rand) {
	switch n := r.IntN(10); {
	case n == 0:
		a.addService(r)
	case n == 1 && len(a.services) > 1:
		i := r.IntN(len(a.services))
		a.services = slices.Delete(a.services, i, i+1)
	case n == 2:
		s := a.services[r.IntN(len(a.services))]
		s.name += "-two"
	default:
		a.services[r.IntN(len(a.services))].change(r)
	}
}

func (s *randomService) change(r *rand.Rand) {
	switch r.IntN(7) {
	case 0:
		s.tag = fmt.Sprintf("1.%d", r.IntN(100))
	case 1, 2:
		s.env[fmt.Sprintf("VAR_%d", r.IntN(8))] = strconv.Itoa(r.IntN(3))
	case 3:
		delete(s.env, fmt.Sprintf("VAR_%d", r.IntN(8)))
	case 4:
		s.ports = []int{1000 + r.IntN(20)}
	case 5:
		s.volumes = []string{fmt.Sprintf("data%d", r.IntN(3))}
	default:
		s.replicas = 1 + r.IntN(3)
		s.command = fmt.Sprintf("run --level %d", r.IntN(4))
	}
}

// chart converts the application and makes its chart.
func (a *randomApplication) chart(t *testing.T) []charts.File {
	t.Helper()
	var b strings.Builder
	b.WriteString("name: shop\nservices:\n")
	volumes := map[string]bool{}
	for _, s := range a.services {
		fmt.Fprintf(&b, "  %s:\n    image: %s:%s\n    environment:\n", s.name, s.image, s.tag)
		for _, key := range slices.Sorted(maps.Keys(s.env)) {
			fmt.Fprintf(&b, "      %s: %q\n", key, s.env[key])
		}
		for _, port := range s.ports {
			fmt.Fprintf(&b, "    ports: [\"%d:%d\"]\n", port, port)
		}
		for _, v := range s.volumes {
			fmt.Fprintf(&b, "    volumes: [\"%s-%s:/%s\"]\n", v, s.image[5:], v)
			volumes[v+"-"+s.image[5:]] = true
		}
		if s.command != "" {
			fmt.Fprintf(&b, "    command: %s\n", s.command)
		}
		fmt.Fprintf(&b, "    deploy: {replicas: %d}\n", s.replicas)
	}
	if len(volumes) > 0 {
		b.WriteString("volumes:\n")
		for _, v := range slices.Sorted(maps.Keys(volumes)) {
			fmt.Fprintf(&b, "  %s: {}\n", v)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	result, err := convert.Convert(t.Context(), compose.Source{Dir: dir, WorkingDir: dir}, rules.Options{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	files, err := helm.Chart(helm.Source{Name: "shop", Objects: result.Objects})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// editor edits a chart as people do. What it puts in has a word of its own.
type editor struct {
	rand   *rand.Rand
	files  map[string]string
	tokens []string
}

func (e *editor) token() string {
	token := fmt.Sprintf("token%dend", len(e.tokens))
	e.tokens = append(e.tokens, token)
	return token
}

func (e *editor) has(token string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(e.files)), func(text string) bool { return strings.Contains(text, token) })
}

func (e *editor) edit() {
	switch e.rand.IntN(10) {
	case 0:
		e.files["templates/"+e.token()+".yaml"] = "# " + e.token() + "\n"
	case 1:
		delete(e.files, e.anyFile())
	case 2, 3, 4:
		e.editLines(e.anyFile(), e.editTemplate)
	default:
		if e.files["values.yaml"] != "" {
			e.editLines("values.yaml", e.editValue)
		}
	}
}

// anyFile picks a template or the README.
func (e *editor) anyFile() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(e.files)) {
		if strings.HasPrefix(name, "templates/") || name == "README.md" {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "templates/none"
	}
	return names[e.rand.IntN(len(names))]
}

// editLines hands one line of a file to an edit, with its place.
func (e *editor) editLines(name string, edit func(lines []string, i int) []string) {
	text := strings.SplitAfter(e.files[name], "\n")
	if len(text) < 2 {
		return
	}
	e.files[name] = strings.Join(edit(text, e.rand.IntN(len(text)-1)), "")
}

func (e *editor) editTemplate(lines []string, i int) []string {
	switch e.rand.IntN(3) {
	case 0:
		return slices.Insert(lines, i, "# "+e.token()+"\n")
	case 1:
		lines[i] = "# " + e.token() + "\n"
		return lines
	default:
		return slices.Delete(lines, i, i+1)
	}
}

// editValue edits the next line that has a key with a value behind it.
func (e *editor) editValue(lines []string, i int) []string {
	for ; i < len(lines); i++ {
		key, value, ok := strings.Cut(lines[i], ": ")
		name := strings.TrimLeft(key, " ")
		if !ok || strings.ContainsAny(name, "#-\"{ ") {
			continue
		}
		indent := key[:len(key)-len(name)]
		switch e.rand.IntN(5) {
		case 0:
			lines[i] = key + ": " + e.token() + "\n"
		case 1:
			lines[i] = strings.TrimSuffix(key+": "+value, "\n") + " # " + e.token() + "\n"
		case 2:
			return slices.Insert(lines, i, indent+"# "+e.token()+"\n")
		case 3:
			return slices.Insert(lines, i, indent+"mine"+e.token()+": "+e.token()+"\n")
		default:
			return slices.Delete(lines, i, i+1)
		}
		return lines
	}
	return lines
}
