package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// TestOutputsFollowTheirSchemas runs commands that need no cluster, and holds what they
// print against docs/output. The integration tests do so with the others.
func TestOutputsFollowTheirSchemas(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"compose.yaml":             "name: shop\nservices: {web: {image: 'example.com/web:1', pid: host, ports: ['8080:80']}}\n",
		"old/Chart.yaml":           "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: db, version: 1.x.x, repository: 'https://charts.example.com'}]\n",
		"old/templates/one.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\ndata: {a: {{ .Values.missing }}}\n",
		"new/Chart.yaml":           "apiVersion: v2\nname: shop\nversion: 1.0.0\n",
		"new/values.yaml":          "tag: 2\n",
		"new/templates/other.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, test := range []struct {
		schema string
		args   []string
	}{
		{"bump", []string{"chart", "bump", in("new"), "--against", in("new")}},
		{"bump-rules", []string{"chart", "bump", "--rules"}},
		{"chart-deps", []string{"chart", "deps", "list", in("old")}},
		{"chart-diff", []string{"chart", "diff", in("new"), in("new"), "--set", "tag=3"}},
		{"chart-status", []string{"chart", "status", in("made")}},
		{"check", []string{"check", "-f", in("compose.yaml")}},
		{"diagnostics", []string{"lint", in("old")}},
		{"explain", []string{"explain"}},
		{"explain-fields", []string{"explain", "x-kubernetes.ingress"}},
		{"explain-labels", []string{"explain", "kompose"}},
		{"repo-list", []string{"repo", "list"}},
		{"sandbox-status", []string{"sandbox", "status", "--dir", in("sandbox")}},
		{"version", []string{"version"}},
	} {
		t.Run(test.schema, func(t *testing.T) {
			if test.schema == "chart-status" {
				runForOutput(t, dir, "chart", "create", "-f", in("compose.yaml"), "-o", in("made"))
				made, err := os.ReadFile(in("made/values.yaml"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(in("made/values.yaml"), append(made, "mine: true\n"...), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			follows(t, test.schema, runForOutput(t, dir, append(test.args, "-o", "json")...))
		})
	}
}

// runForOutput runs a command whatever its exit code is: several say with it what
// they have found.
func runForOutput(t *testing.T, home string, args ...string) []byte {
	t.Helper()
	var out, errs bytes.Buffer
	Run(t.Context(), IO{
		In: strings.NewReader(""), Out: &out, Err: &errs, Now: time.Now, Environ: []string{"HOME=" + home},
	}, args)
	t.Logf("%s", errs.String())
	return out.Bytes()
}

// follows holds JSON against a schema of docs/output.
func follows(t *testing.T, name string, text []byte) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(filepath.Join(schemas, name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if list, ok := value.([]any); ok && len(list) == 0 && name != "repo-list" {
		t.Errorf("the list is empty, which says nothing")
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%v\nin %s", err, text)
	}
}
