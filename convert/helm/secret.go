package helm

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts"
	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// secretKey is one key of a Secret.
type secretKey struct{ secret, key string }

// secretRefs says what the chart knows of its Secrets. It knows their values
// only to see which are equal, and to hand them to SecretValues.
type secretRefs struct {
	keys   keyring
	values map[secretKey][]byte
	// texts are the contents without the line break at their end, those that were
	// withheld included; what is not known is empty.
	texts map[secretKey]string
	// homes maps a key to the first with the same value: a password that two
	// services share must be one password when the chart makes it up.
	homes map[secretKey]secretKey
	// parts maps an address with a password in it to that, so that it follows the
	// password when the chart makes that up.
	parts map[secretKey]part
	// conditions say of each Secret when the chart makes it.
	conditions map[string]string
	// shown are the passwords that objects hold in the clear.
	shown map[string]bool
}

// part is a password in an address.
type part struct {
	before, password, after string
	// home is the key that holds the password itself, or the zero value.
	home secretKey
	// escaped tells that the password stands in the address as %XX.
	escaped bool
}

func findSecrets(objects []manifest.Object, data []*workload.Data) secretRefs {
	r := secretRefs{values: map[secretKey][]byte{}, texts: map[secretKey]string{}, homes: map[secretKey]secretKey{}, parts: map[secretKey]part{}, conditions: map[string]string{}}
	var names []string
	var ids []secretKey
	// Of Secrets with one value, the first by its name is its home.
	byName := slices.SortedStableFunc(slices.Values(objects), func(x, y manifest.Object) int { return strings.Compare(x.GetName(), y.GetName()) })
	for _, o := range byName {
		secret, ok := o.Resource.(*corev1.Secret)
		if !ok {
			continue
		}
		names = append(names, secret.Name)
		content := maps.Clone(secret.Data)
		if content == nil {
			content = map[string][]byte{}
		}
		for key, value := range secret.StringData {
			content[key] = []byte(value)
		}
		for _, key := range slices.Sorted(maps.Keys(content)) {
			id := secretKey{secret.Name, key}
			r.values[id] = content[key]
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		r.shown = passwordsIn(objects)
	}
	first := r.findHomes(ids, withheld(data))
	for id, home := range r.homes {
		if id == home {
			r.findPart(id, first)
		}
	}
	r.keys = newKeyring(names, nil)
	return r
}

// findHomes finds the homes of the keys, and returns them by what they hold. A key
// with a value comes before one whose value was withheld: it will be given.
func (r secretRefs) findHomes(ids []secretKey, withheld map[secretKey]workload.Withheld) map[string]secretKey {
	first := map[string]secretKey{}
	for _, id := range ids {
		if !given(r.values[id]) {
			continue
		}
		// The last line of a file may end where that of a variable does not.
		r.texts[id] = strings.TrimRight(string(r.values[id]), "\r\n")
		if _, known := first[r.texts[id]]; !known {
			first[r.texts[id]] = id
		}
	}
	for _, id := range ids {
		r.homes[id] = id
		same := r.texts[id]
		if w, ok := withheld[id]; ok {
			r.texts[id] = strings.TrimRight(w.Value, "\r\n")
			same = cmp.Or(r.texts[id], "${"+w.Variable+"}")
		}
		if same == "" {
			continue
		}
		if _, known := first[same]; !known {
			first[same] = id
		}
		r.homes[id] = first[same]
	}
	return first
}

// withheld returns the values that were not written, by their keys.
func withheld(data []*workload.Data) map[secretKey]workload.Withheld {
	found := map[secretKey]workload.Withheld{}
	for _, d := range data {
		for key, w := range d.Withheld {
			found[secretKey{d.Name, key}] = w
		}
	}
	return found
}

// findPart finds the password in an address, and the key that holds it, too.
func (r secretRefs) findPart(id secretKey, first map[string]secretKey) {
	before, password, after, found := charts.CutPassword(string(r.values[id]))
	if !found {
		return
	}
	p := part{before: before, password: password, after: after, escaped: strings.HasSuffix(before, ":")}
	for _, text := range []string{password, unescaped(password)} {
		if home, ok := first[text]; ok {
			p.home = r.homes[home]
		}
	}
	r.parts[id] = p
}

func unescaped(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		return plain
	}
	return text
}

// given reports whether a value was written into the Secret at all.
func given(value []byte) bool { return len(value) > 0 && string(value) != workload.Placeholder }

// invented returns the expression that makes up the content of a key, or nothing when
// the content must be given.
func (r secretRefs) invented(id secretKey) string {
	if r.shown[r.texts[id]] || r.shown[r.parts[id].password] {
		return "" // what holds it in the clear would keep the old one
	}
	if _, address := r.parts[id]; address || r.handedOut(id) {
		return "" // no Secret has the password of the address, so it is for somebody else
	}
	return madeUpFor(id.key, r.texts[id])
}

// handedOut reports whether somebody outside of the application gave a value to it, as
// far as the names tell of all that hold it: what a server of the application takes for
// a password is the application's.
func (r secretRefs) handedOut(home secretKey) bool {
	for id, of := range r.homes {
		if of == home && !handedOut(id.key, r.texts[id]) {
			return false
		}
	}
	return true
}

// demanded reports whether the content of a key must be given.
func (r secretRefs) demanded(home secretKey) bool {
	return len(r.values[home]) > 0 && r.parts[home].home == (secretKey{}) && r.invented(home) == ""
}

// trimmed returns what takes the line break from the end of the content of a key for
// another that has none there.
func (r secretRefs) trimmed(from, to secretKey) string {
	if r.ends(from) && !r.ends(to) {
		return ` | trimSuffix "\n"`
	}
	return ""
}

// ends reports whether the content of a key is, or may be, a file that ends in a line
// break.
func (r secretRefs) ends(id secretKey) bool {
	return !given(r.values[id]) || bytes.HasSuffix(r.values[id], []byte("\n"))
}

// path returns where the value of a key is in the values. What is not text is
// given in base64.
func (r secretRefs) path(id secretKey) []string {
	group := "data"
	if !utf8.Valid(r.values[id]) {
		group = "binaryData"
	}
	return []string{"secrets", r.keys.of(id.secret), group, id.key}
}

// closure returns the Secrets of the chart among the names, and with them those
// that they share a value with.
func (r secretRefs) closure(names []string) []string {
	all := map[string]bool{}
	for id, home := range r.homes {
		if slices.Contains(names, id.secret) {
			all[id.secret], all[home.secret] = true, true
			if p, ok := r.parts[home]; ok && p.home != (secretKey{}) {
				all[p.home.secret] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// SecretValues returns the values of the chart that hold the content of the
// objects' Secrets, and those of the charts that it depends on: what the chart
// itself never carries.
func SecretValues(objects []manifest.Object, dependencies ...*workload.Chart) map[string]any {
	refs := findSecrets(objects, nil)
	values := map[string]any{}
	for _, d := range dependencies {
		if len(d.Secrets) > 0 {
			values[aliasOf(d)] = d.Secrets
		}
	}
	for id, value := range refs.values {
		if !given(value) {
			continue
		}
		into, path := values, refs.path(id)
		for _, key := range path[:len(path)-1] {
			next, ok := into[key].(map[string]any)
			if !ok {
				next = map[string]any{}
				into[key] = next
			}
			into = next
		}
		into[id.key] = string(value)
		if !utf8.Valid(value) {
			into[id.key] = base64.StdEncoding.EncodeToString(value)
		}
	}
	return values
}

// Demanded returns the paths in the chart's values of what must be given at its
// installation, where no Secret that exists has it: the chart cannot make it up.
func Demanded(objects []manifest.Object, data []*workload.Data) []string {
	refs := findSecrets(objects, data)
	var paths []string
	for id, home := range refs.homes {
		if id == home && refs.demanded(id) {
			paths = append(paths, strings.Join(refs.flagPath(id), "."))
		}
	}
	slices.Sort(paths)
	return paths
}

// demand is what must be given, as the helper that looks for all of it is told.
type demand struct {
	// Condition says when something of the chart needs it, and Arguments are those of the
	// helper that finds its content.
	Condition, Arguments string
	// Path is where it is given, and Existing where a Secret that has it is named: quoted.
	Path, Existing string
}

// demands returns what must be given, sorted by path.
func (r secretRefs) demands() []demand {
	needed := map[secretKey][]string{}
	for _, id := range slices.SortedFunc(maps.Keys(r.homes), secretKey.compare) {
		if of, condition := r.need(id); r.demanded(of) && !slices.Contains(needed[of], condition) {
			needed[of] = append(needed[of], condition)
		}
	}
	var found []demand
	for id, conditions := range needed {
		path := r.flagPath(id)
		found = append(found, demand{
			anyOf(conditions...), fmt.Sprintf("%q %q %q", id.secret, path[1], id.key),
			strconv.Quote(strings.Join(path, ".")), strconv.Quote("secrets." + path[1] + ".existingSecret"),
		})
	}
	slices.SortFunc(found, func(x, y demand) int { return strings.Compare(x.Path, y.Path) })
	return found
}

// need returns the key whose content that of another comes from where its own value is
// not given, and the condition on which it does.
func (r secretRefs) need(id secretKey) (of secretKey, condition string) {
	conditions := []string{cmp.Or(r.conditions[id.secret], "true")}
	for {
		next := r.homes[id]
		if next == id {
			next = r.parts[id].home
		}
		if next == (secretKey{}) {
			return id, allOf(conditions...)
		}
		conditions = append(conditions, "(not "+valueRef(r.path(id))+")")
		id = next
	}
}

// flagPath is path as --set takes its parts.
func (r secretRefs) flagPath(id secretKey) []string {
	path := r.path(id)
	for i, key := range path {
		path[i] = strings.ReplaceAll(key, ".", `\.`)
	}
	return path
}

// secret draws a Secret without its content.
func (s *sheet) secret() {
	name := s.object.GetName()
	at := s.root.group("secrets", "Secrets. The chart holds no values: one that is not given is made up once, and kept").
		group(s.secrets.keys.of(name), "Secret "+name)
	existing := at.add("existingSecret", "Name of a Secret with the keys below, to use in place of a new one", text(), ofType("string"))
	s.conditions = append(s.conditions, "not "+existing)
	s.secrets.conditions[name] = allOf(s.conditions...)
	data := emptyMap()
	for _, id := range slices.SortedFunc(maps.Keys(s.secrets.values), secretKey.compare) {
		if id.secret == name {
			data.Set(id.key, s.secretValue(id, at))
		}
	}
	s.tree.Delete("stringData")
	s.tree.Set("data", data)
	s.keepAnyway(s.tree.Get("metadata"))
	sortFields(s.tree, []string{"apiVersion", "kind", "metadata", "type", "immutable", "data"})
}

// secretValue adds the value of a key, and returns what the template says of it.
func (s *sheet) secretValue(id secretKey, at *entry) *manifest.Node {
	path, home := s.secrets.path(id), s.secrets.homes[id]
	group, comment := path[2], "Value of "+id.key
	if group == "binaryData" {
		comment += ", in base64"
	}
	part, demanded := s.secrets.parts[home], s.secrets.demanded(home)
	switch {
	case home != id:
		comment += fmt.Sprintf("; empty: that of %s of Secret %s", home.key, home.secret)
	case part.home != secretKey{}:
		comment += fmt.Sprintf("; empty: the address, with the password that is %s of Secret %s", part.home.key, part.home.secret)
	case demanded:
		comment += ", which must be given: it cannot be made up"
	}
	at.group(group, map[string]string{"data": "Values by key", "binaryData": "Values by key, in base64"}[group]).
		add(id.key, comment, text(), ofType("string"))
	switch {
	case len(s.secrets.values[id]) == 0:
		return expr(valueRef(path) + " | b64enc | quote")
	case demanded:
		return manifest.Wrap(manifest.Line("with "+s.secretContent(id)), manifest.Field{Key: id.key, Value: expr(". | b64enc | quote")}, manifest.Line("end"))
	default:
		return expr(s.secretContent(id) + " | b64enc | quote")
	}
}

// secretContent returns the expression for the content of a key: that of its home,
// unless its own value is given.
func (s *sheet) secretContent(id secretKey) string {
	if home := s.secrets.homes[id]; home != id {
		return fmt.Sprintf("%s | default (%s)", s.secretText(id), s.secretContent(home)+s.secrets.trimmed(home, id))
	}
	if part := s.secrets.parts[id]; part.home != (secretKey{}) {
		password := s.secretContent(part.home) + s.secrets.trimmed(part.home, id)
		if part.escaped {
			password += " | urlquery"
		}
		return fmt.Sprintf("%s | default (print %q (%s) %q)", s.secretText(id), part.before, password, part.after)
	}
	invented := s.secrets.invented(id)
	if invented == "" {
		invented = `""`
	} else {
		invented = "(" + invented + ")"
	}
	return s.include("secret", fmt.Sprintf("(list . %q %q %q %s)", id.secret, s.secrets.keys.of(id.secret), id.key, invented))
}

// secretText returns the expression for the content that the values give.
func (s *sheet) secretText(id secretKey) string {
	path := s.secrets.path(id)
	if path[2] == "binaryData" {
		return "(b64dec " + valueRef(path) + ")"
	}
	return valueRef(path)
}

// secretName makes the name of a Secret of the chart one that can be replaced by
// that of an existing one.
func (s *sheet) secretName(n *manifest.Node, field string) {
	if n == nil || n.Get(field) == nil {
		return
	}
	name := n.Get(field).Value
	key, ok := s.secrets.keys.keys[name]
	if !ok {
		return
	}
	n.Set(field, s.otherwise(valueRef([]string{"secrets", key, "existingSecret"}), name))
}
