package merge

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
)

// Rename is a Compose service that has another name now, and is otherwise what it
// was.
type Rename struct {
	From string `json:"from"`
	To   string `json:"to"`
	// the keys of their values
	fromKey, toKey string
}

// service is a Compose service as a generated chart has it: a key of values.yaml
// and a folder of templates.
type service struct {
	key, name string
	values    *node
}

type serviceList []service

func (l serviceList) find(key string) *service {
	for i := range l {
		if l[i].key == key {
			return &l[i]
		}
	}
	return nil
}

// services returns the services of a generated chart: the groups of values with an
// image, and the folders whose templates read them.
func services(files map[string][]byte) serviceList {
	root, ok := parseYAML(string(files["values.yaml"]))
	if !ok {
		return nil
	}
	folders := foldersOf(files)
	var list serviceList
	for _, e := range root.entries {
		if folder := folders[e.key]; folder != "" && e.image() != "" {
			list = append(list, service{e.key, folder, e})
		}
	}
	return list
}

// image returns the name of the image of a service's values, or "".
func (n *node) image() string {
	if image := n.find("image"); image != nil {
		if repository := image.find("repository"); repository != nil {
			return repository.canon
		}
	}
	return ""
}

// guard finds the first line of a template that is there while a service is enabled.
var guard = pattern.Lazy(`^\{\{- if \.Values\.(\w+)\.enabled \}\}\n`)

// foldersOf returns the folders of the templates of services, by the keys of their
// values.
func foldersOf(files map[string][]byte) map[string]string {
	folders := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		parts := strings.Split(name, "/")
		if len(parts) != 3 || parts[0] != "templates" {
			continue
		}
		if m := guard().FindSubmatch(files[name]); m != nil && folders[string(m[1])] == "" {
			folders[string(m[1])] = parts[1]
		}
	}
	return folders
}

// alike is how much of the templates of two services must be the same for one to
// be the other under a new name.
const alike = 0.9

// findRenames pairs services that went with services that came. It wants the same
// values, but for the version of the image, nearly the same templates, and only one
// candidate: edits that follow a wrong guess would be worse than none.
func findRenames(base, generated map[string][]byte) []Rename {
	before, after := services(base), services(generated)
	var renames []Rename
	taken := map[string]bool{}
	for _, from := range before {
		if after.find(from.key) != nil {
			continue
		}
		var candidates []Rename
		for _, to := range after {
			r := Rename{from.name, to.name, from.key, to.key}
			if before.find(to.key) == nil && r.sameValues(from.values, to.values) && r.sameTemplates(base, generated) {
				candidates = append(candidates, r)
			}
		}
		if len(candidates) == 1 && !taken[candidates[0].To] {
			taken[candidates[0].To] = true
			renames = append(renames, candidates[0])
		}
	}
	return renames
}

// sameValues reports whether two groups of values are the same, if the name of
// the one service is put for that of the other.
func (r Rename) sameValues(from, to *node) bool {
	if image := from.image(); image != to.image() && r.apply(image) != to.image() {
		return false // most pairs end here
	}
	was := map[string]string{}
	from.leaves(nil, func(path []string, leaf *node) {
		was[strings.Join(path, "\x00")] = leaf.canon
	})
	same := true
	to.leaves(nil, func(path []string, leaf *node) {
		key := strings.Join(path, "\x00")
		old, ok := was[key]
		delete(was, key)
		if path[0] == "image" && (path[1] == "tag" || path[1] == "digest") {
			return
		}
		same = same && ok && (old == leaf.canon || r.apply(old) == leaf.canon)
	})
	return same && len(was) == 0
}

// sameTemplates reports whether the two services have the same templates, nearly.
func (r Rename) sameTemplates(base, generated map[string][]byte) bool {
	var common, all int
	for name, data := range base {
		if !strings.HasPrefix(name, "templates/"+r.From+"/") {
			continue
		}
		now, ok := generated[r.apply(name)]
		if !ok {
			return false
		}
		lines := map[string]bool{}
		for line := range strings.Lines(string(now)) {
			lines[line] = true
		}
		for line := range strings.Lines(string(data)) {
			all++
			if lines[line] || lines[r.apply(line)] {
				common++
			}
		}
	}
	return all > 0 && float64(common) >= alike*float64(all)
}

// apply puts the new name for the old one.
func (r Rename) apply(text string) string {
	if strings.HasPrefix(text, "templates/"+r.From+"/") {
		return "templates/" + r.To + strings.TrimPrefix(text, "templates/"+r.From)
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, ".Values."+r.fromKey+".", ".Values."+r.toKey+"."), r.From, r.To)
}

// follow puts the new name into the expressions that read the values of a service.
func (r Rename) follow(text string) string {
	reads := regexp.MustCompile(`\.Values\.` + regexp.QuoteMeta(r.fromKey) + `\b`)
	return reads.ReplaceAllLiteralString(text, ".Values."+r.toKey)
}

// moves returns the edited files of services that have another name now, with
// their new names.
func (m *merger) moves() map[string]string {
	moved := map[string]string{}
	for _, r := range m.result.Renames {
		for name, data := range m.base {
			to := r.apply(name)
			yours, edited := m.yours[name]
			_, exists := m.generated[to]
			_, occupied := m.yours[to]
			if to != name && strings.HasPrefix(name, "templates/"+r.From+"/") && edited && exists && !occupied &&
				!(version{yours, true}).is(version{data, true}) && isText(yours) && isText(data) {
				moved[name] = to
			}
		}
	}
	return moved
}

// deletedAs returns the former name of a file that a person deleted before its
// service got another name, or "".
func (m *merger) deletedAs(name string) string {
	for _, r := range m.result.Renames {
		rest, ok := strings.CutPrefix(name, "templates/"+r.To+"/")
		old := "templates/" + r.From + "/" + rest
		if ok && of(m.generated, name).ok && of(m.base, old).ok && !of(m.yours, old).ok && !of(m.base, name).ok && !of(m.yours, name).ok {
			return old
		}
	}
	return ""
}

// origin returns the former name of an edited file that is generated under a new
// one.
func (m *merger) origin(name string) (string, bool) {
	for _, old := range slices.Sorted(maps.Keys(m.destinations)) {
		if m.destinations[old] == name {
			return old, true
		}
	}
	return "", false
}

// rename merges an edited file with what is generated under its new name.
func (m *merger) rename(old, name string) {
	base, yours := string(m.base[old]), string(m.yours[old])
	for _, r := range m.result.Renames {
		if strings.HasPrefix(old, "templates/"+r.From+"/") {
			base, yours = r.follow(base), r.follow(yours)
		}
	}
	m.report(Change{File: name, From: Generated, What: Renamed, Was: old})
	m.contents(name, version{[]byte(base), true}, []byte(yours), m.generated[name])
}

// renamed returns the key that the values of a renamed service have now, or the
// key itself.
func (k *keyMerge) renamed(path diag.Path, key string) string {
	path = slices.DeleteFunc(slices.Clone(path), func(p string) bool { return p == "properties" && !k.lines })
	for _, r := range k.result.Renames {
		switch {
		case len(path) == 0 && key == r.fromKey:
			return r.toKey
		case len(path) == 1 && slices.Contains([]string{"secrets", "config", "persistence"}, path[0]) && strings.HasPrefix(key, r.fromKey):
			return r.toKey + strings.TrimPrefix(key, r.fromKey)
		}
	}
	return key
}
