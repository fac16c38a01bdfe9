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
