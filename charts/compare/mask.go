package compare

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/charts"
)

// What is shown in place of a secret: either side of one that differs is marked.
const (
	hidden       = "(hidden)"
	hiddenBefore = "(hidden, before)"
	hiddenAfter  = "(hidden, after)"
)

// lastApplied is where kubectl keeps the whole object again, secrets included.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// shortestSecret is how many bytes a secret has at least that is looked for in a
// text: what is shorter is in other words, too.
const shortestSecret = 4

// mask returns both sides of an object without their secrets, of which it says only
// whether they differ: the values of Secrets, wherever one is written down, and of
// variables whose names say that they are secret, or that have a password in them.
func mask(a, b Document) (Document, Document) {
	before, after := veil{mark: hiddenBefore}, veil{mark: hiddenAfter}
	a.Fields, b.Fields = before.fields(a.Fields, b.Fields), after.fields(b.Fields, a.Fields)
	return a, b
}

// Conceal takes the secrets of objects out of a text about them, such as the answer of
// an API server.
func Conceal(text string, objects ...map[string]any) string {
	v := veil{found: map[string]bool{}}
	for _, fields := range objects {
		v.fields(fields, nil)
	}
	var pairs []string
	longestFirst := func(a, b string) int { return len(b) - len(a) }
	for _, secret := range slices.SortedStableFunc(slices.Values(slices.Sorted(maps.Keys(v.found))), longestFirst) {
		if len(secret) < shortestSecret {
			continue
		}
		quoted := strconv.Quote(secret)
		pairs = append(pairs, secret, hidden, quoted[1:len(quoted)-1], hidden, base64.StdEncoding.EncodeToString([]byte(secret)), hidden)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// WithoutSecrets copies an object without its secrets.
func WithoutSecrets(fields map[string]any) map[string]any { return veil{}.fields(fields, nil) }

// veil copies one side of a comparison and hides its secrets.
type veil struct {
	// mark stands for a secret that differs from that of the other side.
	mark string
	// found collects the secrets in the clear, unless it is nil.
	found map[string]bool
}

// hide returns what is shown in place of a secret; other is that of the other side, if
// it is known.
func (v veil) hide(own, other string, known bool) string {
	if v.found != nil {
		v.found[own] = true
	}
	if known && own != other {
		return v.mark
	}
	return hidden
}

// value copies a value, and knows the one at the same place of the other side.
func (v veil) value(own, other any) any {
	switch own := own.(type) {
	case map[string]any:
		counterpart, _ := other.(map[string]any)
		return v.fields(own, counterpart)
	case []any:
		counterpart, _ := other.([]any)
		return v.elements(own, counterpart, v.value)
	default:
		return own
	}
}

func (v veil) fields(own, other map[string]any) map[string]any {
	if own == nil {
		return nil
	}
	if own["kind"] == "Secret" && own["apiVersion"] == "v1" {
		own = v.secret(own, other)
	}
	out := make(map[string]any, len(own))
	for key, value := range own {
		list, isList := value.([]any)
		text, isText := value.(string)
		switch {
		case key == "env" && isList:
			counterpart, _ := other[key].([]any)
			out[key] = v.elements(list, counterpart, v.variable)
		case key == lastApplied && isText:
			counterpart, known := other[key].(string)
			out[key] = v.hide(text, counterpart, known)
		default:
			out[key] = v.value(value, other[key])
		}
	}
	return out
}

// elements copies a list, whose elements are paired by their names, or else by their
// order.
func (v veil) elements(own, other []any, element func(own, other any) any) []any {
	byName := map[string]any{}
	for _, item := range other {
		byName[scalar(item, "name")] = item
	}
	out := make([]any, len(own))
	for i, item := range own {
		var counterpart any
		if name := scalar(item, "name"); name != "" {
			counterpart = byName[name]
		} else if i < len(other) {
			counterpart = other[i]
		}
		out[i] = element(item, counterpart)
	}
	return out
}

// variable copies a variable of a container.
func (v veil) variable(own, other any) any {
	fields, _ := own.(map[string]any)
	text, isText := fields["value"].(string)
	_, _, _, hasPassword := charts.CutPassword(text)
	if !isText || text == "" || !charts.IsSecretName(scalar(own, "name")) && !hasPassword {
		return own
	}
	counterpart, _ := other.(map[string]any)
	was, known := counterpart["value"].(string)
	fields = maps.Clone(fields)
	fields["value"] = v.hide(text, was, known)
	return fields
}

// secret copies a Secret; its values stand in data, wherever they stood.
func (v veil) secret(own, other map[string]any) map[string]any {
	v.collect(own["data"])
	v.collect(own["stringData"])
	values, counterparts := secretValues(own), secretValues(other)
	data := make(map[string]any, len(values))
	for key, value := range values {
		counterpart, known := counterparts[key]
		data[key] = v.hide(value, counterpart, known)
	}
	own = maps.Clone(own)
	delete(own, "stringData")
	own["data"] = data
	return own
}

// collect finds texts within what should be one, and is not.
func (v veil) collect(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, item := range value {
			v.collect(item)
		}
	case []any:
		for _, item := range value {
			v.collect(item)
		}
	default:
		if v.found != nil {
			v.found[fmt.Sprint(value)] = true
		}
	}
}

// secretValues returns the values of a Secret in the clear, wherever they stand. Data
// that is no mapping is one value without a name.
func secretValues(fields map[string]any) map[string]string {
	values := map[string]string{}
	for _, key := range []string{"data", "stringData"} {
		entries, isMap := fields[key].(map[string]any)
		if !isMap && fields[key] != nil {
			entries = map[string]any{"": fields[key]}
		}
		for name, value := range entries {
			text := fmt.Sprint(value)
			if plain, err := base64.StdEncoding.DecodeString(text); err == nil && key == "data" {
				text = string(plain)
			}
			values[name] = text
		}
	}
	return values
}
