package lint_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/lint"
)

const good = `
-- Chart.yaml --
apiVersion: v2
name: shop
version: 1.2.3
icon: https://example.com/icon.svg
-- values.yaml --
replicas: 2
-- templates/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: {{ .Values.replicas }}
  selector:
    matchLabels: {app: web}
`

// write makes a chart's folder named shop, with the files of text laid over the
// good ones.
func write(t *testing.T, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	for _, part := range []string{good, text} {
		for _, f := range txtar.Parse([]byte(part)).Files {
			name := filepath.Join(dir, filepath.FromSlash(f.Name))
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

func TestRun(t *testing.T) {
	tests := []struct {
		name, files string
		want        string // of the one diagnostic, below the folder; empty for none
	}{
		{"good", "", ""},
		{"no icon", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.0.0\n", "Chart.yaml: note: icon is recommended [lint-metadata]"},
		{"version", "-- Chart.yaml --\napiVersion: v2\nname: shop\nicon: https://a.example/b\nversion: one\n", `Chart.yaml:4:10: error: version "one" is invalid [chart-load]`},
		{"template", "-- templates/bad.yaml --\na: 1\nb: {{ .Values.x.y.z }}\n", "templates/bad.yaml:2:14: error: nil pointer evaluating interface {}.y at <.Values.x.y.z> [template]"},
		{"parse", "-- templates/bad.yaml --\n{{ if }}\n", "templates/bad.yaml:1: error: missing value for if [template]"},
		{"schema", "-- values.schema.json --\n{\"properties\": {\"replicas\": {\"type\": \"string\"}}}\n-- templates/web.yaml --\n", "values.yaml:1:11: error: replicas: values.schema.json refuses this value: got number, want string [values-schema]"},
		{"removed API", "-- templates/old.yaml --\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n", "templates/old.yaml: warning: extensions/v1beta1 Ingress is deprecated"},
		{"broken values", "-- values.yaml --\na: {\n", "values.yaml"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, test.files)
			list, err := lint.Run(dir, lint.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range list {
				got = append(got, strings.TrimPrefix(d.String(), dir+string(filepath.Separator)))
			}
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("got %q, want nothing", got)
			case test.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], test.want)):
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestStrict(t *testing.T) {
	dir := write(t, "-- templates/old.yaml --\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n")
	for _, strict := range []bool{false, true} {
		list, err := lint.Run(dir, lint.Options{Strict: strict})
		if err != nil {
			t.Fatal(err)
		}
		if list.HasErrors() != strict {
			t.Errorf("strict %v: %v", strict, list)
		}
	}
}

func TestPackedChart(t *testing.T) {
	dir := write(t, "-- templates/bad.yaml --\n{{ if }}\n")
	c, err := archive.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := archive.Pack(&b, c); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "shop-1.2.3.tgz")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := lint.Run(file, lint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := diag.Pos{File: file + ":templates/bad.yaml", Line: 1}
	if len(list) != 1 || !cmp.Equal(list[0].Pos, want) {
		t.Errorf("got %v, want one at %s", list, want)
	}
}

func TestNoSuchChart(t *testing.T) {
	if _, err := lint.Run(filepath.Join(t.TempDir(), "gone"), lint.Options{}); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}
