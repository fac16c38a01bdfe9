package cli

import (
	"bytes"
	"encoding"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/bump"
	"gantry/charts/compare"
	"gantry/charts/deps"
	"gantry/charts/diag"
	"gantry/charts/live"
	"gantry/charts/merge"
	"gantry/charts/provenance"
	"gantry/charts/release"
	"gantry/convert/extension"
	"gantry/convert/report"
	"gantry/convert/support"
	"gantry/repo/mirror"
	"gantry/repo/server"
)

// updating reports whether -update was given, which the scripts of this folder define.
func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// schemas is the folder that the schemas of -o json are in.
const schemas = "../../docs/output"

// printed is what commands print with -o json.
type printed struct {
	// file is the schema's, without its ending.
	file     string
	commands []string
	value    any
}

// outputs lists all that is printed: a command that prints something else than
// is listed here breaks the promise.
func outputs() []printed {
	return []printed{
		{"bump", []string{"chart bump"}, bumped{}},
		{"bump-rules", []string{"chart bump --rules"}, []bump.Rule{}},
		{"chart-deps", []string{"chart deps list"}, []deps.Dependency{}},
		{"chart-deps-update", []string{"chart deps build", "chart deps update"}, deps.Result{}},
		{"chart-diff", []string{"chart diff"}, compare.Difference{}},
		{"chart-status", []string{"chart status"}, []merge.Change{}},
		{"chart-verify", []string{"chart verify"}, []provenance.Verified{}},
		{"check", []string{"check"}, report.Report{}},
		{"diagnostics", []string{"chart lint", "lint"}, diag.List{}},
		{"events", []string{"events"}, []live.Event{}},
		{"explain", []string{"explain"}, []support.Entry{}},
		{"explain-fields", []string{"explain x-kubernetes.FIELD"}, []extension.Field{}},
		{"explain-labels", []string{"explain kompose"}, []extension.Label{}},
		{"history", []string{"history"}, []listedRevision{}},
		{"list", []string{"list"}, []listedRelease{}},
		{"metadata", []string{"get metadata"}, releaseMetadata{}},
		{"objects-diff", []string{"diff NAME REVISION REVISION"}, []compare.Change{}},
		{"plan", []string{"diff", "install --dry-run=server", "rollback --dry-run", "upgrade --dry-run=server"}, release.Plan{}},
		{"progress", []string{"install", "rollback", "up", "upgrade"}, progressEvent{}},
		{"ps", []string{"ps"}, []live.Status{}},
		{"repo-fsck", []string{"repo fsck"}, server.Report{}},
		{"repo-gc", []string{"repo gc"}, []server.Unnamed{}},
		{"repo-list", []string{"repo list"}, []repoRow{}},
		{"repo-mirror", []string{"repo import", "repo mirror"}, []mirror.Step{}},
		{"repo-prune", []string{"repo prune"}, []server.Expired{}},
		{"repo-search", []string{"repo search"}, []searchRow{}},
		{"repo-token", []string{"repo token list"}, []tokenRow{}},
		{"repo-user", []string{"repo user list"}, []userRow{}},
		{"rollout-history", []string{"rollout history"}, []live.Revision{}},
		{"sandbox-status", []string{"sandbox status"}, sandboxStatus{}},
		{"status", []string{"status"}, releaseStatus{}},
		{"test", []string{"test"}, []testResult{}},
		{"values", []string{"get values"}, map[string]any{}},
		{"version", []string{"version"}, versionInfo{}},
	}
}

// TestOutputSchemas holds the schemas of docs/output to be those of the types that
// are printed. With -update it writes them.
func TestOutputSchemas(t *testing.T) {
	comments := readComments(t)
	want := map[string][]byte{}
	var page strings.Builder
	page.WriteString(schemasIntro)
	for _, o := range outputs() {
		w := schemaWriter{comments: comments, defs: map[string]any{}}
		schema := w.of(reflect.TypeOf(o.value))
		schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
		schema["title"] = "gantry " + strings.Join(o.commands, ", gantry ")
		if len(w.defs) > 0 {
			schema["$defs"] = w.defs
		}
		text, err := json.MarshalIndent(schema, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		want[o.file+".schema.json"] = append(text, '\n')
		fmt.Fprintf(&page, "| `gantry %s` | [%s](%s.schema.json) |\n", strings.Join(o.commands, "`, `gantry "), o.file, o.file)
	}
	want["README.md"] = []byte(page.String())
	if updating() {
		writeSchemas(t, want)
	}
	there, err := os.ReadDir(schemas)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range there {
		if want[file.Name()] == nil {
			t.Errorf("docs/output/%s is of no command", file.Name())
		}
	}
	for name, text := range want {
		if got, err := os.ReadFile(filepath.Join(schemas, name)); err != nil || !bytes.Equal(got, text) {
			t.Errorf("docs/output/%s is not that of the types: write it with make golden, and look at what has changed for programs (%v)", name, err)
		}
	}
}

const schemasIntro = `# What -o json prints

A JSON Schema for the output of each command, made from the types that are printed; a test fails when one is not what is printed.
Fields may be added, and are not taken away or given another meaning. ` + "`install`, `upgrade`, `rollback` and `up`" + ` print one object a line,
each after its schema.

| Command | Schema |
|---|---|
`

func writeSchemas(t *testing.T, files map[string][]byte) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal("expected outputs are not written in CI")
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(schemas, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestEveryOutputHasASchema wants a schema for each command that has -o json.
func TestEveryOutputHasASchema(t *testing.T) {
	var known []string
	for _, o := range outputs() {
		known = append(known, o.commands...)
	}
	walk(newRoot(&app{IO: IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}}), func(c *cobra.Command) {
		f := c.Flags().Lookup("output")
		if f == nil || !strings.Contains(f.Usage, "json") {
			return
		}
		if path := strings.TrimPrefix(c.CommandPath(), "gantry "); !slices.Contains(known, path) {
			t.Errorf("gantry %s prints JSON, and outputs() does not say what", path)
		}
	})
}

// schemaWriter writes the schema of a type as encoding/json prints it.
type schemaWriter struct {
	comments map[string]string
	defs     map[string]any
}

func (w *schemaWriter) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[live.Time]():
		return map[string]any{"type": []string{"string", "null"}, "format": "date-time"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return w.of(t.Elem())
	case reflect.Struct:
		return w.ref(t)
	case reflect.Slice, reflect.Array:
		return map[string]any{"type": "array", "items": w.of(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": w.of(t.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Interface:
		return map[string]any{}
	default:
		return map[string]any{"type": "integer"}
	}
}

// ref refers to the definition of a struct, which is written once.
func (w *schemaWriter) ref(t reflect.Type) map[string]any {
	name := typeName(t)
	if _, known := w.defs[name]; !known {
		object := map[string]any{"type": "object"}
		w.defs[name] = object
		if comment := w.comments[name]; comment != "" {
			object["description"] = comment
		}
		properties, required := map[string]any{}, []string{}
		w.fields(t, properties, &required)
		object["properties"] = properties
		if len(required) > 0 {
			object["required"] = required
		}
	}
	return map[string]any{"$ref": "#/$defs/" + name}
}

// fields adds the fields of a struct, and of those that it embeds.
func (w *schemaWriter) fields(t reflect.Type, properties map[string]any, required *[]string) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-", !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			embedded := f.Type
			if embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			w.fields(embedded, properties, required)
			continue
		case name == "":
			name = f.Name
		}
		schema := w.of(f.Type)
		if kind := f.Type.Kind(); options == "" && (kind == reflect.Slice || kind == reflect.Map || kind == reflect.Pointer) {
			schema = map[string]any{"anyOf": []any{schema, map[string]any{"type": "null"}}}
		}
		if comment := w.comments[typeName(t)+"."+f.Name]; comment != "" {
			schema["description"] = comment
		}
		properties[name] = schema
		if !strings.Contains(options, "omitempty") && !strings.Contains(options, "omitzero") {
			*required = append(*required, name)
		}
	}
}

// typeName is the folder and the name of a type: release.Plan.
func typeName(t reflect.Type) string { return filepath.Base(t.PkgPath()) + "." + t.Name() }

// readComments returns the comments of the types of these rooms, and of their fields.
func readComments(t *testing.T) map[string]string {
	t.Helper()
	comments := map[string]string{}
	files, err := filepath.Glob("../../*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Base(filepath.Dir(name))
		for _, d := range file.Decls {
			types, ok := d.(*ast.GenDecl)
			if !ok || types.Tok != token.TYPE {
				continue
			}
			for _, s := range types.Specs {
				commentsOf(comments, folder, types, s.(*ast.TypeSpec))
			}
		}
	}
	return comments
}

func commentsOf(comments map[string]string, folder string, decl *ast.GenDecl, spec *ast.TypeSpec) {
	name := folder + "." + spec.Name.Name
	text := func(groups ...*ast.CommentGroup) string {
		for _, g := range groups {
			if s := strings.Join(strings.Fields(g.Text()), " "); s != "" {
				return s
			}
		}
		return ""
	}
	comments[name] = text(spec.Doc, decl.Doc)
	s, ok := spec.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range s.Fields.List {
		for _, n := range f.Names {
			comments[name+"."+n.Name] = text(f.Doc, f.Comment)
		}
	}
}
