package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"gantry/charts/diag"
	"gantry/convert/extension"
)

// explainLabels lists the labels of kompose, or those that begin with a path.
func explainLabels(a *app, output, path string) error {
	l := listing{header: []string{"LABEL", "FIELD OF X-KUBERNETES", "WHAT IT DOES"}}
	var known []string
	var found []extension.Label
	for _, label := range extension.Labels() {
		known = append(known, label.Name)
		if label.Name != path && !strings.HasPrefix(label.Name, strings.TrimSuffix(path, ".")+".") {
			continue
		}
		found = append(found, label)
		text := strings.TrimPrefix(label.Text, "is ")
		if len(label.Values) > 0 {
			text += ": " + strings.Join(label.Values, ", ")
		}
		l.rows = append(l.rows, []string{label.Name, fieldName(label.Field), text})
	}
	if len(found) == 0 {
		hint := cmp.Or(diag.DidYouMean(path, known), "see them all with: gantry explain kompose")
		return withHint(notFoundError(fmt.Errorf("kompose has no label %q", path)), hint)
	}
	l.values = found
	return a.list(output, l)
}

// fieldName writes the field of a label as people do: with brackets around the
// number of an item.
func fieldName(field string) string {
	return strings.ReplaceAll(field, ".0", "[0]")
}

// explainExtension lists the fields of x-kubernetes, or one and what is below it.
// For programs, all of them are the schema.
func explainExtension(a *app, output, path string) error {
	fields := extension.Fields()
	wanted, _ := strings.CutPrefix(strings.TrimPrefix(path, extension.Key), ".")
	switch {
	case wanted == "" && output == "json":
		_, err := a.Out.Write(extension.Schema())
		return err
	case wanted == "" && output == "yaml":
		schema, err := yaml.JSONToYAML(extension.Schema())
		if err != nil {
			return err
		}
		_, err = a.Out.Write(schema)
		return err
	case wanted != "":
		fields = slices.DeleteFunc(fields, func(f extension.Field) bool {
			field := strings.ReplaceAll(f.Path, "[]", "")
			return field != wanted && !strings.HasPrefix(field, wanted+".")
		})
	}
	if len(fields) == 0 {
		var known []string
		for _, f := range extension.Fields() {
			known = append(known, f.Path)
		}
		hint := cmp.Or(diag.DidYouMean(wanted, known), "see them all with: gantry explain x-kubernetes")
		return withHint(notFoundError(fmt.Errorf("%s has no field %q", extension.Key, wanted)), hint)
	}
	l := listing{header: []string{"ON", "FIELD", "TYPE", "WHAT IT IS"}, values: fields}
	for _, f := range fields {
		l.rows = append(l.rows, []string{f.Place, f.Path, f.Type, f.Text})
	}
	return a.list(output, l)
}
