package helm

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

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
	// homes maps a key to the first with the same value: a password that two
	// services share must be one password when the chart makes it up.
	homes map[secretKey]secretKey
	// conditions say of each Secret when the chart makes it.
	conditions map[string]string
}

func findSecrets(objects []manifest.Object) secretRefs {
	r := secretRefs{values: map[secretKey][]byte{}, homes: map[secretKey]secretKey{}, conditions: map[string]string{}}
	var names []string
	first := map[string]secretKey{}
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
			id, value := secretKey{secret.Name, key}, content[key]
			r.values[id] = value
			if _, known := first[string(value)]; !known {
				first[string(value)] = id
			}
			r.homes[id] = first[string(value)]
			if !given(value) {
				r.homes[id] = id
			}
		}
	}
	r.keys = newKeyring(names, nil)
	return r
}

// given reports whether a value was written into the Secret at all.
func given(value []byte) bool { return len(value) > 0 && string(value) != workload.Placeholder }

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
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// SecretValues returns the values of the chart that hold the content of the
// objects' Secrets: what the chart itself never carries.
func SecretValues(objects []manifest.Object) map[string]any {
	refs := findSecrets(objects)
	values := map[string]any{}
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
			data.Set(id.key, expr(s.secretValue(id, at)))
		}
	}
	s.tree.Delete("stringData")
	s.tree.Set("data", data)
	s.keepAnyway(s.tree.Get("metadata"))
	sortFields(s.tree, []string{"apiVersion", "kind", "metadata", "type", "immutable", "data"})
}

// secretValue adds the value of a key, and returns the expression for it.
func (s *sheet) secretValue(id secretKey, at *entry) string {
	path, home := s.secrets.path(id), s.secrets.homes[id]
	group, comment := path[2], "Value of "+id.key
	if group == "binaryData" {
		comment += ", in base64"
	}
	if home != id {
		comment += fmt.Sprintf("; empty: that of %s of Secret %s", home.key, home.secret)
	}
	at.group(group, map[string]string{"data": "Values by key", "binaryData": "Values by key, in base64"}[group]).
		add(id.key, comment, text(), ofType("string"))
	if len(s.secrets.values[id]) == 0 {
		return valueRef(path) + " | b64enc | quote"
	}
	value := s.secretText(id)
	if home != id {
		value = "(coalesce " + value + " " + s.secretText(home) + ")"
	}
	lookup := "(" + s.orFullname(valueRef([]string{"secrets", s.secrets.keys.of(home.secret), "existingSecret"}), home.secret) + ")"
	if home.secret == id.secret {
		lookup = "(" + s.fullname(id.secret) + ")"
	}
	return s.include("secret", fmt.Sprintf("(dict \"root\" . \"name\" %s \"key\" %q \"value\" %s)", lookup, home.key, value))
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
