package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/engine"
)

// shop returns a fresh copy of the test's chart: rendering takes a chart over.
// Extra files replace those of the same name.
func shop(tb testing.TB, extra map[string]string) *chart.Chart {
	tb.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "shop.txtar"))
	if err != nil {
		tb.Fatal(err)
	}
	extra = maps.Clone(extra)
	var files []charts.File
	for _, f := range txtar.Parse(text).Files {
		if data, ok := extra[f.Name]; ok {
			f.Data = []byte(data)
			delete(extra, f.Name)
		}
		files = append(files, charts.File{Name: f.Name, Data: f.Data})
	}
	for name, data := range extra {
		files = append(files, charts.File{Name: name, Data: []byte(data)})
	}
	c, err := archive.FromFiles(files)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// helmTemplate does what helm's own template command does.
func helmTemplate(t *testing.T, c *chart.Chart, values map[string]any, o engine.Options) string {
	t.Helper()
	text, err := runHelm(t, c, values, o)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// runHelm returns what helm's template command prints, and the notes.
func runHelm(t *testing.T, c *chart.Chart, values map[string]any, o engine.Options) (string, error) {
	t.Helper()
	install := action.NewInstall(&action.Configuration{Log: t.Logf})
	install.DryRun, install.ClientOnly, install.Replace = true, true, true
	install.ReleaseName, install.Namespace = o.Name, o.Namespace
	install.IncludeCRDs, install.IsUpgrade = o.IncludeCRDs, o.IsUpgrade
	install.APIVersions = o.APIVersions
	version := o.KubeVersion
	if version == "" {
		version = engine.DefaultKubeVersion
	}
	var err error
	if install.KubeVersion, err = chartutil.ParseKubeVersion(version); err != nil {
		t.Fatal(err)
	}
	rel, err := install.Run(c, values)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimSpace(rel.Manifest))
	for _, h := range rel.Hooks {
		fmt.Fprintf(&b, "---\n# Source: %s\n%s\n", h.Path, h.Manifest)
	}
	return b.String() + rel.Info.Notes, nil
}

func TestRendersAsHelmDoes(t *testing.T) {
	tests := []struct {
		name   string
		values map[string]any
		o      engine.Options
	}{
		{name: "defaults"},
		{name: "upgrade", o: engine.Options{IsUpgrade: true}},
		{name: "definitions", o: engine.Options{IncludeCRDs: true}},
		{name: "capabilities", o: engine.Options{KubeVersion: "1.28", APIVersions: []string{"example.com/v1"}}},
		{name: "values", values: map[string]any{"replicas": 9, "greeting": "a: b # c"}},
		{name: "without the sub-chart", values: map[string]any{"cache": map[string]any{"enabled": false}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := test.o
			o.Name, o.Namespace = "demo", "prod"
			want := helmTemplate(t, shop(t, nil), test.values, o)
			r, err := engine.Render(t.Context(), shop(t, nil), test.values, o)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := r.WriteTemplate(&got, engine.TemplateOptions{}); err != nil {
				t.Fatal(err)
			}
			got.WriteString(r.Notes)
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("(-helm +gantry):\n%s", diff)
			}
		})
	}
}

func TestWriteTemplate(t *testing.T) {
	r, err := engine.Render(t.Context(), shop(t, nil), nil, engine.Options{Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	if want := "Reach demo with 2 replicas.\n"; r.Notes != want {
		t.Errorf("notes %q, want %q", r.Notes, want)
	}
	tests := []struct {
		name         string
		o            engine.TemplateOptions
		has, has2no  string
		wantNoSource bool
	}{
		{"all", engine.TemplateOptions{}, "tests/connection.yaml", "\x00", false},
		{"no hooks", engine.TemplateOptions{NoHooks: true}, "web.yaml", "migrate.yaml", false},
		{"no tests", engine.TemplateOptions{SkipTests: true}, "migrate.yaml", "connection.yaml", false},
		{"one", engine.TemplateOptions{ShowOnly: []string{"templates/config.yaml"}}, "config.yaml", "web.yaml", false},
		{"pattern", engine.TemplateOptions{ShowOnly: []string{"templates/w*.yaml"}}, "web.yaml", "config.yaml", false},
		{"unknown", engine.TemplateOptions{ShowOnly: []string{"templates/nothing.yaml"}}, "", "\x00", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var b strings.Builder
			err := r.WriteTemplate(&b, test.o)
			if errors.Is(err, engine.ErrNoTemplate) != test.wantNoSource {
				t.Fatalf("error %v", err)
			}
			if !strings.Contains(b.String(), test.has) || strings.Contains(b.String(), test.has2no) {
				t.Errorf("want %q and not %q in:\n%s", test.has, test.has2no, b.String())
			}
		})
	}
}

func TestTemplateErrors(t *testing.T) {
	tests := []struct {
		name, template string
		pos            string
		problem        string
		trace          []string
	}{
		{"parse", "a: 1\nb: {{ if }}\n", "shop/templates/bad.yaml:2", "missing value for if", nil},
		{"unknown function", "{{ nosuch }}", "shop/templates/bad.yaml:1", `function "nosuch" not defined`, nil},
		{"required", "a: {{ required \"set image\" .Values.image }}", "shop/templates/bad.yaml:1:7", "set image", nil},
		{"fail", "{{ fail \"no (way)\" }}", "shop/templates/bad.yaml:1:4", "no (way)", nil},
		{"nil pointer", "a: 1\nb: {{ .Values.web.image.tag }}", "shop/templates/bad.yaml:2:14", "nil pointer evaluating interface {}.image at <.Values.web.image.tag>", nil},
		{
			"in an include", "x: {{ include \"bad\" . }}\n{{- define \"bad\" }}\n{{ .Values.a.b.c }}{{ end }}",
			"shop/templates/bad.yaml:3:11", "nil pointer evaluating interface {}.b at <.Values.a.b.c>",
			[]string{"shop/templates/bad.yaml:1:7"},
		},
		{"no template", "x: {{ include \"nowhere\" . }}", "shop/templates/bad.yaml:1:7", "error calling include: template: no template \"nowhere\" associated with template \"gotpl\" at <include \"nowhere\" .>", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := shop(t, map[string]string{"templates/bad.yaml": test.template})
			_, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"})
			e, ok := errors.AsType[*engine.TemplateError](err)
			if !ok {
				t.Fatalf("error %v (%T), want *engine.TemplateError", err, err)
			}
			var trace []string
			for _, at := range e.Trace {
				trace = append(trace, at.String())
			}
			if e.Pos.String() != test.pos || e.Problem != test.problem || !cmp.Equal(trace, test.trace) {
				t.Errorf("got  %s: %s %v\nwant %s: %s %v\nfrom %v", e.Pos, e.Problem, trace, test.pos, test.problem, test.trace, errors.Unwrap(e))
			}
		})
	}
}

func TestResultIsNoYAML(t *testing.T) {
	c := shop(t, map[string]string{"templates/bad.yaml": "kind: A\n---\nkind: B\nspec:\n{{ \" \" }}a: 1\n  b: {{ \"x: y: z\" }}\n"})
	_, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"})
	e, ok := errors.AsType[*engine.TemplateError](err)
	if !ok {
		t.Fatalf("error %v (%T), want *engine.TemplateError", err, err)
	}
	if e.Pos.File != "shop/templates/bad.yaml" || !strings.HasPrefix(e.Problem, "the result is not YAML: ") {
		t.Errorf("error %v", e)
	}
	if !strings.Contains(e.Diagnostic().Hint, "x: y: z") {
		t.Errorf("the hint does not show what was rendered:\n%s", e.Diagnostic().Hint)
	}
}

func read(files map[string]string) func(string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("open %s: %w", name, os.ErrNotExist)
	}
}

func TestSchemaErrorsHavePositions(t *testing.T) {
	merged, list := engine.Values{
		Files: []string{"base.yaml", "prod.yaml"},
		Read:  read(map[string]string{"base.yaml": "replicas: many\nweb:\n  port: 80\n", "prod.yaml": "# prod\nweb:\n  port: 70000\n"}),
	}.Merge()
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	_, err := engine.Render(t.Context(), shop(t, nil), merged.Map, engine.Options{Name: "demo"})
	e, ok := errors.AsType[*engine.SchemaError](err)
	if !ok {
		t.Fatalf("error %v (%T), want *engine.SchemaError", err, err)
	}
	found := merged.Diagnostics(e, "shop", nil)
	found.Sort()
	var got []string
	for _, d := range found {
		got = append(got, d.Pos.String()+" "+d.Path.String())
	}
	if diff := cmp.Diff([]string{"base.yaml:1:11 replicas", "prod.yaml:3:9 web.port"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSchemaErrorsNameFlags: what a flag sets is in no file, and a name that is misspelt is
// told with the one that may be meant.
func TestSchemaErrorsNameFlags(t *testing.T) {
	merged, list := engine.Values{Set: []string{"replicas=1,web.prot=1", "rplicas=2"}, JSON: []string{`web={"port":70000}`}}.Merge()
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	refused := &engine.SchemaError{}
	explained := engine.Explain(errors.New("values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n" +
		"- at '': additional properties 'rplicas' not allowed\n- at '/web/port': maximum\n- at '/web': additional properties 'prot' not allowed\n"))
	if !errors.As(explained, &refused) {
		t.Fatalf("explained as %T", explained)
	}
	var got []string
	for _, d := range merged.Diagnostics(refused, "shop", map[string]any{"replicas": 1, "web": map[string]any{"port": 80}}) {
		got = append(got, d.Pos.String()+" "+d.Path.String()+" "+d.Hint)
	}
	want := []string{`--set rplicas did you mean "replicas"?`, "--set-json web.port ", `--set web.prot did you mean "port"?`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestSchemaErrorsAreToldOnce: helm heads the problems of a mapping that is refused for several
// reasons, and the heading is none. Of alternatives it is the reason that they are told.
func TestSchemaErrorsAreToldOnce(t *testing.T) {
	var refused *engine.SchemaError
	explained := engine.Explain(errors.New("values don't meet the specifications of the schema(s) in the following chart(s):\nshop:\n" +
		"- at '/web': validation failed\n  - at '/web': missing property 'image'\n  - at '/web/port': 'allOf' failed\n    - at '/web/port': got array, want integer\n" +
		"- at '/db/size': 'anyOf' failed\n  - at '/db/size': got array, want integer\n  - at '/db/size': got array, want string\n- at '/api': validation failed\n"))
	if !errors.As(explained, &refused) {
		t.Fatalf("explained as %T", explained)
	}
	var got []string
	for _, p := range refused.Problems {
		got = append(got, p.Path.String()+": "+p.Problem)
	}
	want := []string{
		"api: validation failed", "db.size: 'anyOf' failed", "db.size: got array, want integer", "db.size: got array, want string",
		"web: missing property 'image'", "web.port: got array, want integer",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeAsHelmDoes(t *testing.T) {
	v := engine.Values{
		Files: []string{"a.yaml", "b.yaml"},
		Read: read(map[string]string{
			"a.yaml": "list: [1, 2]\nmap: {a: 1, b: 2}\nkeep: true\n",
			"b.yaml": "list: [3]\nmap: {b: 3, c: 4}\nkeep: null\n",
			"cert":   "PEM\n",
		}),
		JSON:    []string{`map.d={"x":1}`},
		Set:     []string{"map.a=5,flag=true", "escaped=a\\,b"},
		String:  []string{"text=true"},
		File:    []string{"cert=cert"},
		Literal: []string{"raw=a,b=c"},
	}
	m, list := v.Merge()
	if err := list.Err(); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"list": []any{float64(3)},
		"map":  map[string]any{"a": int64(5), "b": float64(3), "c": float64(4), "d": map[string]any{"x": float64(1)}},
		"keep": nil, "flag": true, "escaped": "a,b", "text": "true", "cert": "PEM\n", "raw": "a,b=c",
	}
	if diff := cmp.Diff(want, m.Map); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergeReportsEverything(t *testing.T) {
	_, list := engine.Values{
		Files: []string{"gone.yaml", "broken.yaml", "list.yaml"},
		Read:  read(map[string]string{"broken.yaml": "a: 1\nb: [\n", "list.yaml": "- a\n"}),
		Set:   []string{"a.b", "list[-1]=x"},
	}.Merge()
	var got []string
	for _, d := range list {
		got = append(got, d.Pos.String()+" "+d.Code)
	}
	want := []string{"gone.yaml values-missing", "broken.yaml:2 values-syntax", "list.yaml values-type", "--set a.b values-set", "--set list[-1]=… values-set"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRenderRefuses(t *testing.T) {
	c := shop(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies: [{name: gone, version: 1.0.0, repository: x}]\n"})
	_, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"})
	if e, ok := errors.AsType[*engine.MissingError](err); !ok || !cmp.Equal(e.Names, []string{"gone"}) {
		t.Errorf("error %v, want *engine.MissingError", err)
	}
	c = shop(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nkubeVersion: '>=2.0.0'\n"})
	if _, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"}); err == nil || !strings.Contains(err.Error(), "needs Kubernetes >=2.0.0") {
		t.Errorf("error %v", err)
	}
	if _, err := engine.Render(t.Context(), shop(t, nil), nil, engine.Options{Name: "Not_a_name"}); err == nil {
		t.Error("a bad release name was accepted")
	}
}

func TestRenderEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(nil)
	slow := map[string]string{"templates/slow.yaml": "{{ range until 30000 }}{{ range until 30000 }}{{ end }}{{ end }}"}
	if _, err := engine.Render(ctx, shop(t, slow), nil, engine.Options{Name: "demo"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	c := shop(t, slow) // the other one is still at work
	visible, err := chartutil.ToRenderValues(c, nil, chartutil.ReleaseOptions{Name: "demo"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Files(ctx, c, visible, nil)
	if _, blamed := errors.AsType[*engine.TemplateError](err); blamed || !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, and a template is blamed: %t", err, blamed)
	}
}

// FuzzTemplate: whatever stands in a template, an error about it names a file of
// the chart, and two renderings give the same bytes.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"a: {{ .Values.replicas }}", "{{ if }}", "{{ include \"shop.labels\" . }}", "{{ .Values.a.b.c }}", "a: {{ fail \"x\" }}", "---\na: [\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1000 || strings.ContainsAny(text, "\x00") {
			return
		}
		for _, word := range []string{"until", "seq", "rand", "gen", "uuid", "now", "date", "ago", "repeat", "htpasswd", "bcrypt", "derive", "encrypt", "shuffle", "indent"} {
			if strings.Contains(text, word) {
				return // slow, or different each time, by intention
			}
		}
		render := func() (string, error) {
			r, err := engine.Render(t.Context(), shop(t, map[string]string{"templates/fuzz.yaml": text}), nil, engine.Options{Name: "demo"})
			if err != nil {
				return "", err
			}
			var b strings.Builder
			return b.String(), r.WriteTemplate(&b, engine.TemplateOptions{})
		}
		one, err := render()
		if e, ok := errors.AsType[*engine.TemplateError](err); ok && !strings.HasPrefix(e.Pos.File, "shop/templates/") {
			t.Errorf("the error is at %q: %v", e.Pos, err)
		}
		if again, _ := render(); again != one {
			t.Error("rendered twice, two results")
		}
	})
}

func BenchmarkRender(b *testing.B) {
	text, err := os.ReadFile(filepath.Join("testdata", "shop.txtar"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := engine.Render(b.Context(), shop(b, nil), nil, engine.Options{Name: "demo"}); err != nil {
			b.Fatal(err)
		}
	}
}

// What is missing is named, with what may have been meant.
func TestSuggestions(t *testing.T) {
	tests := []struct{ name, template, want, hint string }{
		{"misspelt", "a: {{ .Values.replica.count }}", "Values.replica: has no value, and the template reads .Values.replica.count", `did you mean "replicas"?`},
		{"misspelt root", "a: {{ .Valeus.replicas }}", "Valeus: has no value", `did you mean "Values"?`},
		{"nothing near", "a: {{ .Values.web.image }}", "Values.web: has no value", "{{ with .Values.web }}"},
		{"in an include", "a: {{ include \"b\" . }}\n{{ define \"b\" }}{{ $.Values.cache.sizes.x }}{{ end }}", "Values.cache.sizes: has no value", `did you mean "size"?`},
		{"required", "a: {{ required \"say how many\" .Values.replicaz }}", "Values.replicaz: say how many", `did you mean "replicas"?`},
		{"fail in lines", `a: {{ fail "\n2 values are missing:\n  one\n\n  two\n" }}`, "2 values are missing [template]", "  one\n        two"},
		{"function", "a: {{ quoted 1 }}", `function "quoted" not defined`, `did you mean "quote"?`},
		{"template", "a: {{ include \"shop.label\" . }}", `no template "shop.label"`, `did you mean "shop.labels"?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := engine.Render(t.Context(), shop(t, map[string]string{"templates/bad.yaml": test.template}), nil, engine.Options{Name: "demo"})
			e, ok := errors.AsType[*engine.TemplateError](err)
			if !ok {
				t.Fatalf("error %v", err)
			}
			if d := e.Diagnostic(); !strings.Contains(d.String(), test.want) || !strings.Contains(d.Hint, test.hint) {
				t.Errorf("got %s\n  %s\nwant %s\n  %s", d, d.Hint, test.want, test.hint)
			}
		})
	}
}

// With Strict, a value that is not there is an error even where it would be
// written as nothing.
func TestStrict(t *testing.T) {
	c := shop(t, map[string]string{"templates/bad.yaml": "a: {{ .Values.replicaz }}"})
	_, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo", Strict: true})
	e, ok := errors.AsType[*engine.TemplateError](err)
	if !ok || e.Path.String() != "Values.replicaz" || e.Hint != `did you mean "replicas"?` {
		t.Errorf("error %v: %+v", err, e)
	}
}

// A template that sets something in its context has set it for those that are
// executed after it, however many there are.
func TestContextIsShared(t *testing.T) {
	for name, text := range map[string]string{
		"in the file":    `{{ $_ := set . "mine" "m" }}{{ $_ := set $ "other" 1 }}{{ $_ := unset . "other" }}kind: M`,
		"in a condition": `{{ if true }}{{ with .Values }}{{ $_ := set $ "mine" "m" }}{{ end }}{{ end }}kind: M`,
		"in a helper":    `{{ define "setter" }}{{ $_ := set . "mine" "m" }}{{ end }}{{ include "setter" . }}kind: M`,
	} {
		t.Run(name, func(t *testing.T) {
			files := []charts.File{
				{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n")},
				{Name: "values.yaml", Data: []byte("a: 1\n")},
				{Name: "templates/m.yaml", Data: []byte(text)},
			}
			for i := range 40 {
				name := fmt.Sprintf("templates/%c%d.yaml", 'a'+i%20, i)
				files = append(files, charts.File{Name: name, Data: []byte("kind: A\nmine: {{ .mine | quote }}\nother: {{ .other | quote }}")})
			}
			want, err := renderByHelm(t, files)
			if err != nil {
				t.Fatal(err)
			}
			got, err := renderOurs(t.Context(), files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-helm +gantry:\n%s", diff)
			}
			if !strings.Contains(want, `mine: "m"`) || !strings.Contains(want, "mine: \n") {
				t.Error("no template sees what was set, or all do: this tries nothing")
			}
		})
	}
}

// What is another thing each time stays so, in a template that is included twice, too.
func TestIncludedAgain(t *testing.T) {
	for _, body := range []string{
		"{{ randAlphaNum 20 }}", "{{ uuidv4 }}", "{{ now | date \"150405.000000000\" }}", "{{ include \"inner\" . }}", "{{ template \"inner\" $ }}",
		"{{ with .Values }}{{ include \"inner\" $ }}{{ end }}", "{{ tpl \"{{ randAlphaNum 20 }}\" . }}", "{{ htpasswd \"a\" \"b\" }}",
	} {
		t.Run(body, func(t *testing.T) {
			r, err := engine.Render(t.Context(), shop(t, map[string]string{
				"templates/_twice.tpl": `{{ define "twice" }}` + body + `{{ end }}{{ define "inner" }}{{ randAlphaNum 20 }}{{ end }}`,
				"templates/NOTES.txt":  `{{ include "twice" . }} {{ include "twice" . }}`,
			}), nil, engine.Options{Name: "demo"})
			if err != nil {
				t.Fatal(err)
			}
			if one, other, _ := strings.Cut(r.Notes, " "); one == other {
				t.Errorf("both are %q", one)
			}
		})
	}
}
