package lint

import (
	"maps"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/charts/engine"
)

// Lacking returns what pods read of Secrets that the chart makes without it, in most cases
// because no value was given for it: such pods do not start. A chart that refuses to be installed like that
// may still be rendered, where no cluster is asked. What may be missing is not in it, nor are
// Secrets that somebody else makes.
func Lacking(c *chart.Chart, r *engine.Rendered) diag.List {
	made := keysMade(objectsThat(c, r, func(m engine.Manifest) bool { return m.Kind == "Secret" }))
	if len(made) == 0 {
		return nil
	}
	var list diag.List
	for _, o := range objectsThat(c, r, readsKeys) {
		read := map[string]map[string]bool{}
		readKeys(o.template(), read)
		for _, secret := range slices.Sorted(maps.Keys(read)) {
			for _, key := range slices.Sorted(maps.Keys(read[secret])) {
				if made[secret] != nil && !made[secret][key] {
					d := o.problem(nil, "reads the key %s of Secret %s, which is made without it: its pods will not start", key, secret)
					d.Severity, d.Code = diag.Warning, "secret-key-missing"
					d.Hint = "give the values, or name Secrets that have the keys, where the chart asks for them"
					list.Add(d)
				}
			}
		}
	}
	list.Sort()
	return list
}

// readsKeys reports whether something in the text may read single keys of Secrets.
func readsKeys(m engine.Manifest) bool {
	return strings.Contains(m.Content, "secretKeyRef") || strings.Contains(m.Content, "secret") && strings.Contains(m.Content, "items")
}

// keysMade returns the keys of Secrets, by their names.
func keysMade(secrets []object) map[string]map[string]bool {
	made := map[string]map[string]bool{}
	for _, o := range secrets {
		if made[o.Name] == nil {
			made[o.Name] = map[string]bool{}
		}
		for _, field := range []string{"data", "stringData"} {
			values, _ := o.at(field).(map[string]any)
			for key := range values {
				made[o.Name][key] = true
			}
		}
	}
	return made
}

// readKeys collects the keys of Secrets that variables and volumes of a pod must have.
func readKeys(value any, into map[string]map[string]bool) {
	note := func(secret, key, of any) {
		name, named := secret.(string)
		text, isText := key.(string)
		if optional, _ := at(of, "optional").(bool); optional || !named || !isText {
			return
		}
		if into[name] == nil {
			into[name] = map[string]bool{}
		}
		into[name][text] = true
	}
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			readKeys(item, into)
		}
	case map[string]any:
		ref := value["secretKeyRef"]
		note(at(ref, "name"), at(ref, "key"), ref)
		volume := value["secret"]
		items, _ := at(volume, "items").([]any)
		for _, item := range items {
			note(at(volume, "secretName"), at(item, "key"), volume)
			note(at(volume, "name"), at(item, "key"), volume) // of a projected volume
		}
		for _, item := range value {
			readKeys(item, into)
		}
	}
}
