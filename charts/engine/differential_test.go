package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	helmengine "helm.sh/helm/v3/pkg/engine"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/engine"
)

// pieces are what random templates are put together from: what charts do, and
// what they do wrong.
func pieces() []string {
	return []string{
		"a: {{ .Values.name }}\n", "b: {{ .Values.nothing }}\n", "c: {{ .Values.map.a | default 3 }}\n", "d: {{ .Chart.Name }}-{{ .Release.Name }}-{{ .Template.Name }}\n",
		"{{ toYaml .Values | nindent 2 }}\n", "{{ toYaml .Values.map | indent 4 }}\n", "{{ toJson .Values.list }}{{ toToml .Values.map }}{{ toYamlPretty .Values.list }}\n",
		"{{ range $i, $x := .Values.list }}{{ $i }}: {{ $x }}\n{{ end }}", "{{ range until 3 }}{{ . }}{{ if eq . 1 }}{{ continue }}{{ end }}x{{ end }}\n", "{{ range 3 }}{{ break }}{{ end }}\n",
		"{{ include \"labels\" . }}\n", "{{ template \"labels\" $ }}\n", "{{ include \"deep\" (dict \"n\" 5) }}\n", "{{ with .Values.map }}{{ .a }}{{ $.Release.Namespace }}{{ end }}\n",
		"{{ tpl .Values.template . }}\n", "{{ tpl \"{{ .Values.name | upper }}\" $ }}\n", "{{ tpl \"plain\" . }}{{ tpl \" \" . }}{{ tpl \"\" . }}\n",
		"{{ tpl \"{{ define \\\"inner\\\" }}in {{ . }}{{ end }}{{ include \\\"inner\\\" 1 }}{{ tpl \\\"{{ template \\\\\\\"inner\\\\\\\" 2 }}\\\" . }}\" . }}\n",
		"{{ tpl \"{{ template \\\"labels\\\" . }}\" . }}\n", "{{ $_ := set .Values \"changed\" .Template.Name }}{{ .Values.changed }}\n", "{{ .Values.changed }}\n", "{{ $_ := set . \"mine\" .Template.Name }}{{ .mine }}\n", "{{ .mine }}\n",
		"{{ range $name := list \"labels\" \"who\" \"whose\" \"whom\" \"which\" \"where\" \"what\" }}{{ include $name $ }}\n{{ end }}", "{{ include \"who\" . }}{{ include \"who\" (dict \"Template\" (dict \"Name\" 1)) }}\n", "{{ include \"what\" . }}{{ $_ := set . \"mine\" 1 }}{{ include \"what\" . }}\n",
		"{{ $d := dict \"a\" (dict \"b\" 1) }}{{ $_ := set $d \"c\" 2 }}{{ merge $d .Values.map | toJson }}\n", "{{ $m := merge (dict) .Values.map }}{{ $_ := mergeOverwrite $m (dict \"deep\" (dict \"x\" 1)) }}{{ toJson .Values.map }}\n",
		"{{ $_ := unset .Values.map \"a\" }}{{ keys .Values.map | sortAlpha | join \",\" }}\n", "{{ .Chart.Keywords | sortAlpha }}{{ .Chart.Keywords }}\n",
		"{{ .Files.Get \"files/a.txt\" }}{{ (.Files.Glob \"files/*\").AsConfig }}{{ (.Files.Glob \"files/*\").AsSecrets }}{{ .Files.Lines \"files/a.txt\" }}\n", "{{ printf \"%T\" .Files }}{{ .Files.Glob \"[\" | len }}\n",
		"{{ .Capabilities.KubeVersion.Version }}{{ .Capabilities.APIVersions.Has \"apps/v1\" }}{{ .Capabilities.HelmVersion.Version }}\n", "{{ lookup \"v1\" \"Secret\" \"a\" \"b\" }}{{ getHostByName \"localhost\" }}\n",
		"{{ fromYaml \"a: [\" }}{{ fromYaml \"a: 1\" }}{{ fromYamlArray \"- 1\" }}{{ fromJson \"{\" }}{{ fromJsonArray \"[1]\" }}{{ fromToml \"a = 1\" }}\n",
		"{{ print \"a\" 1 2 \"b\" }}{{ println \"x\" }}{{ printf \"%d-%s\" 1 \"x\" }}{{ quote 1 nil \"x\" }}{{ squote .Values.list }}{{ cat \"a\" nil 1 }}\n",
		"{{ repeat 3 \"ab\" }}{{ repeat 0 \"x\" }}{{ seq 3 }}{{ seq 1 2 9 }}{{ seq 5 1 }}{{ seq 0 -2 -5 }}{{ until -2 }}{{ untilStep 1 9 3 }}{{ untilStep 9 1 -3 }}\n",
		"{{ replace \"a\" \"bb\" \"banana\" }}{{ regexReplaceAll \"a(n)\" \"banana\" \"$1\" }}{{ join \"-\" .Values.list }}{{ \"a\\nb\" | nindent 2 }}\n",
		"{{ block \"blocked\" . }}default{{ end }}\n", "{{ .Subcharts | toJson | len }}\n", "{{ .Values.global | toJson }}\n",
		"{{ env \"HOME\" }}", "{{ required \"say it\" .Values.nothing }}", "{{ fail \"no\" }}", "{{ .Values.a.b.c }}", "{{ include \"nowhere\" . }}", "{{ include \"endless\" . }}", "{{ if }}", "{{ 1 | nothing }}", "x: y: z\n", "{{ tpl \"{{\" . }}", "{{ index .Values.list 9 }}", "{{ .Values.name.first }}", "{{ template \"endless2\" . }}",
	}
}

// faults is how many pieces at the end are mistakes.
const faults = 13

func randomChart(random *rand.Rand) []charts.File {
	all := pieces()
	some, faulty := all[:len(all)-faults], all[len(all)-faults:]
	// Of few kinds each, so that there are charts whose templates change nothing.
	random.Shuffle(len(some), func(i, j int) { some[i], some[j] = some[j], some[i] })
	some = some[:1+random.IntN(12)]
	yaml := []string{"---\nkind: Job\nmetadata:\n  annotations: {helm.sh/hook: pre-install}\n", "---\nkind: Pod\nmetadata:\n  name: x\n  annotations:\n    \"helm.sh/hook\": test, nothing\n", "---\n# only a comment\n", "---\nkind: Service\n---\nkind: Secret\n---\nkind: Unknown\n"}
	text := func() []byte {
		var b strings.Builder
		for range 1 + random.IntN(6) {
			b.WriteString(some[random.IntN(len(some))])
		}
		if random.IntN(100) == 0 {
			b.WriteString(faulty[random.IntN(faults)])
		}
		return []byte(b.String())
	}
	// What the pieces write is not YAML by itself.
	names := 0
	template := func() []byte {
		names++
		return fmt.Appendf(nil, "{{ define \"t%d\" }}%s{{ end }}kind: A\nout: {{ include \"t%d\" . | toJson }}\n%s", names, text(), names, yaml[random.IntN(len(yaml))])
	}
	const helpers = `{{ define "labels" }}l: {{ .Release.Name }}{{ include "short" . }}{{ end }}{{ define "short" }}{{ .Chart.Name | trunc 3 }}{{ end }}
{{ define "deep" }}{{ .n }}{{ if gt .n 0 }}{{ include "deep" (dict "n" (sub .n 1)) }}{{ end }}{{ end }}{{ define "endless" }}{{ include "endless" . }}{{ end }}
{{ define "endless2" }}{{ template "endless2" . }}{{ end }}
{{ define "who" }}{{ .Template.Name }}{{ end }}{{ define "whose" }}{{ with .Values.map }}{{ $.Template.Name }}{{ end }}{{ end }}{{ define "whom" }}{{ include "who" . | upper }}{{ end }}
{{ define "which" }}{{ $c := . }}{{ $c.Template.Name }}{{ end }}{{ define "where" }}{{ template "who" $ }}{{ end }}{{ define "what" }}{{ .mine }}{{ .Values.changed }}{{ end }}`
	const values = "name: shop\nlist: [1, two, 3.5, null]\nmap: {a: 1, deep: {b: 'yes', c: 1e6}}\ntemplate: \"{{ .Values.name }} {{ include \\\"labels\\\" . }}\"\nglobal: {g: 1}\nsub: {name: below}\n"
	files := []charts.File{
		{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\nkeywords: [b, a]\n")},
		{Name: "values.yaml", Data: []byte(values)},
		{Name: "templates/_helpers.tpl", Data: []byte(helpers)},
		{Name: "files/a.txt", Data: []byte("one\ntwo\n")},
		{Name: "files/b.bin", Data: []byte("\xff\x00")},
		{Name: "templates/NOTES.txt", Data: text()},
	}
	for i := range 1 + random.IntN(50) {
		files = append(files, charts.File{Name: fmt.Sprintf("templates/t%d.yaml", i), Data: template()})
	}
	if random.IntN(2) == 0 {
		files = append(files, charts.File{Name: "charts/sub/Chart.yaml", Data: []byte("apiVersion: v2\nname: sub\nversion: 1.0.0\n")},
			charts.File{Name: "charts/sub/values.yaml", Data: []byte("list: [9]\nmap: {a: 2}\ntemplate: x\n")},
			charts.File{Name: "charts/sub/templates/s.yaml", Data: template()},
			charts.File{Name: "charts/lib/Chart.yaml", Data: []byte("apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n")},
			charts.File{Name: "charts/lib/templates/_x.yaml", Data: []byte("{{ define \"short\" }}lib{{ end }}")}, charts.File{Name: "charts/lib/templates/y.yaml", Data: []byte("y: 1")})
	}
	return files
}

// TestRandomCharts renders random charts as helm does: the same bytes, or both
// fail. Some are rendered by several goroutines, and some have templates that
// change what the others see.
func TestRandomCharts(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	failed := 0
	for i := range 250 {
		files := randomChart(random)
		byHelm, helmErr := renderByHelm(t, files)
		ours, err := renderOurs(t.Context(), files)
		if (err == nil) != (helmErr == nil) {
			t.Fatalf("chart %d: helm's error is %v, ours %v\n%s", i, helmErr, err, files)
		}
		if err != nil {
			failed++
			if e, ok := errors.AsType[*engine.TemplateError](err); !ok || !strings.HasPrefix(e.Pos.File, "shop/") {
				t.Errorf("chart %d: no position in %v", i, err)
			}
			continue
		}
		if diff := cmp.Diff(byHelm, ours); diff != "" {
			t.Fatalf("chart %d (-helm +gantry):\n%s", i, diff)
		}
	}
	if failed == 0 || failed > 170 {
		t.Errorf("%d of 250 charts fail: this does not try both", failed)
	}
}

func load(t *testing.T, files []charts.File) *chart.Chart {
	t.Helper()
	c, err := archive.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func renderByHelm(t *testing.T, files []charts.File) (string, error) {
	t.Helper()
	c := load(t, files)
	return runHelm(t, c, nil, engine.Options{Name: "demo", Namespace: "default"})
}

func renderOurs(ctx context.Context, files []charts.File) (string, error) {
	c, err := archive.FromFiles(files)
	if err != nil {
		return "", err
	}
	r, err := engine.Render(ctx, c, nil, engine.Options{Name: "demo"})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = r.WriteTemplate(&b, engine.TemplateOptions{})
	return b.String() + r.Notes, err
}

// FuzzEngine: whatever stands in a template and in the values, it is rendered as
// helm's own engine does.
func FuzzEngine(f *testing.F) {
	for i, piece := range pieces() {
		f.Add(piece, pieces()[(i*7)%len(pieces())], "a: 1\nlist: [1]\nmap: {a: {b: c}}\n")
	}
	f.Fuzz(func(t *testing.T, one, other, values string) {
		if len(one)+len(other)+len(values) > 2000 || costly(one) || costly(other) || costly(values) {
			return
		}
		files := []charts.File{
			{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n")},
			{Name: "values.yaml", Data: []byte(values)},
			{Name: "templates/_a.tpl", Data: []byte("{{ define \"labels\" }}{{ .Release.Name }}{{ end }}")},
			{Name: "templates/one.yaml", Data: []byte(one)},
			{Name: "templates/other.yaml", Data: []byte(other)},
		}
		c, err := archive.FromFiles(files)
		if err != nil {
			return
		}
		visible, err := chartutil.ToRenderValues(c, map[string]any{}, chartutil.ReleaseOptions{Name: "demo", Namespace: "default", IsInstall: true, Revision: 1}, nil)
		if err != nil {
			return
		}
		want, helmErr := helmengine.Render(c, visible)
		_, err = engine.Render(t.Context(), load(t, files), nil, engine.Options{Name: "demo"})
		if _, ok := errors.AsType[*engine.TemplateError](err); err != nil && !ok {
			t.Fatalf("error %v (%T)", err, err)
		}
		notYAML := err != nil && strings.Contains(err.Error(), "not YAML")
		if (err != nil && !notYAML) != (helmErr != nil) {
			t.Fatalf("helm's error is %v, ours %v", helmErr, err)
		}
		if err != nil {
			return
		}
		ours, err := renderOurs(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range want {
			if text = strings.TrimSpace(text); text != "" && !strings.Contains(text, "---") && !strings.Contains(text, "helm.sh/hook") && !strings.Contains(ours, text) {
				t.Errorf("%s: helm renders %q, we\n%s", name, text, ours)
			}
		}
	})
}

// costly holds for templates that are slow, or different each time, by
// intention.
func costly(text string) bool {
	for _, word := range []string{"until", "seq", "rand", "gen", "uuid", "now", "date", "ago", "repeat", "htpasswd", "bcrypt", "derive", "encrypt", "shuffle", "indent", "range", "wrap"} {
		if strings.Contains(strings.ToLower(text), word) {
			return true
		}
	}
	return strings.Contains(text, "\x00")
}
