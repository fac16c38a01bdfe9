package lint_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
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
		{"template", "-- templates/bad.yaml --\na: 1\nb: {{ .Values.x.y.z }}\n", "templates/bad.yaml:2:14: error: Values.x: has no value, and the template reads .Values.x.y.z [template]"},
		{"parse", "-- templates/bad.yaml --\n{{ if }}\n", "templates/bad.yaml:1: error: missing value for if [template]"},
		{"schema", "-- values.schema.json --\n{\"properties\": {\"replicas\": {\"type\": \"string\"}}}\n-- templates/web.yaml --\n", "values.yaml:1:11: error: replicas: the chart's values.schema.json refuses this value: got number, want string [values-schema]"},
		{"removed API", "-- templates/old.yaml --\napiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: a}\n", "templates/old.yaml:2:1: error: Ingress a is of extensions/v1beta1, which Kubernetes 1.22 removed"},
		{"not YAML", "-- templates/bad.yaml --\na: 1\nb: c: {{ .Values.replicas }}\n", "templates/bad.yaml: error: the result is not YAML: line 2: mapping values are not allowed in this context [template-yaml]"},
		{"dependencies", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\ndependencies: [{name: cache, version: 1.0.0}]\n", "Chart.yaml:5:15: warning: dependencies: charts/ does not have cache [lint-chart]"},
		{"broken values", "-- values.yaml --\na: {\n", "values.yaml"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := findings(t, write(t, test.files), lint.Options{})
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("got %q, want nothing", got)
			case test.want != "" && (len(got) == 0 || !strings.HasPrefix(got[0], test.want)):
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// findings returns what is found in a chart, with the files named below its folder.
func findings(t *testing.T, dir string, o lint.Options) []string {
	t.Helper()
	list, err := lint.Run(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range list {
		all = append(all, strings.TrimPrefix(d.String(), dir+string(filepath.Separator)))
	}
	return all
}

// What is to be said of an API version depends on the target.
func TestTargetVersion(t *testing.T) {
	dir := write(t, "-- templates/once.yaml --\napiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n")
	for _, test := range []struct{ kube, want string }{
		{"1.20", ""},
		{"1.21", "templates/once.yaml:2:1: warning: CronJob a is of batch/v1beta1, which is deprecated since Kubernetes 1.21, and removed in 1.25 [lint-deprecated-api]"},
		{"v1.24.3", "templates/once.yaml:2:1: warning: CronJob a is of batch/v1beta1, which is deprecated since Kubernetes 1.21, and removed in 1.25 [lint-deprecated-api]"},
		{"1.25", "templates/once.yaml:2:1: error: CronJob a is of batch/v1beta1, which Kubernetes 1.25 removed: no API server of Kubernetes 1.25 takes it [lint-removed-api]"},
	} {
		if got := strings.Join(findings(t, dir, lint.Options{KubeVersion: test.kube}), "\n"); got != test.want {
			t.Errorf("%s: got %s, want %s", test.kube, got, test.want)
		}
	}
}

func TestStrict(t *testing.T) {
	dir := write(t, "-- templates/old.yaml --\napiVersion: v1\nkind: Endpoints\nmetadata: {name: a}\n")
	for _, strict := range []bool{false, true} {
		list, err := lint.Run(t.Context(), dir, lint.Options{Strict: strict})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) != 1 || list.HasErrors() != strict {
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
	list, err := lint.Run(t.Context(), file, lint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := diag.Pos{File: file + ":templates/bad.yaml", Line: 1}
	if len(list) != 1 || !cmp.Equal(list[0].Pos, want) {
		t.Errorf("got %v, want one at %s", list, want)
	}
}

func TestNoSuchChart(t *testing.T) {
	if _, err := lint.Run(t.Context(), filepath.Join(t.TempDir(), "gone"), lint.Options{}); !os.IsNotExist(err) {
		t.Errorf("error %v", err)
	}
}

// Each rule has a chart for which it speaks, with the position, and says nothing
// of the same chart when it is switched off.
func TestRules(t *testing.T) {
	const pod = "spec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: \"nginx:1.27\", resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}}]}\n"
	web := func(spec string) string {
		return "-- templates/web.yaml --\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n" + spec + "# {{ .Values.replicas }}\n"
	}
	other := func(text string) string { return web(pod) + "-- templates/other.yaml --\n" + text }
	tests := []struct{ name, files, code, want string }{
		{"clean", web(pod), "", ""},
		{"duplicate", other("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {selector: {matchLabels: {app: web}}}\n"), "lint-duplicate-object", "templates/web.yaml:2:1: warning: Deployment web is made by shop/templates/other.yaml, too"},
		{"no tag", web(strings.Replace(pod, "nginx:1.27", "registry.example:5000/nginx", 1)), "lint-image-tag", "templates/web.yaml:8:37: note: Deployment web runs registry.example:5000/nginx"},
		{"latest", web(strings.Replace(pod, "1.27", "latest", 1)), "lint-image-tag", "templates/web.yaml:8:37: note: "},
		{"digest", web(strings.Replace(pod, "nginx:1.27", "nginx@sha256:abc", 1)), "", ""},
		{"own pods", web(strings.Replace(pod, "labels: {app: web}", "labels: {app: wbe}", 1)), "lint-pod-labels", "templates/web.yaml:5:3: error: Deployment web selects pods with app: web, and its own have app: wbe"},
		{"service", other("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: wbe}}\n"), "lint-selector", "templates/other.yaml:4:8: warning: Service web selects pods with app: wbe"},
		{"service of an operator", other("apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: wbe}}\n---\napiVersion: example.com/v1\nkind: Cluster\nmetadata: {name: web}\n"), "", ""},
		{"autoscaler", other("apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: wbe}}\n"), "lint-target", "templates/other.yaml:4:8: warning: HorizontalPodAutoscaler web scales Deployment wbe"},
		{"unused", web(pod) + "-- values.yaml --\nreplicas: 2\nweb:\n  port: 80\n", "lint-unused-value", "values.yaml:2:1: note: web: no template reads this value"},
		{"all used", web(pod+"# {{ toYaml .Values | len }}\n") + "-- values.yaml --\nreplicas: 2\nweb:\n  port: 80\n", "", ""},
		{"used below", web(pod+"# {{ with .Values.web }}{{ .port }}{{ end }}\n") + "-- values.yaml --\nreplicas: 2\nweb:\n  port: 80\n", "", ""},
		{"misspelt", web(pod + "# {{ .Values.repilcas }}{{ .Values.nameOverride }}\n"), "lint-undeclared-value", "templates/web.yaml:9:6: note: Values.repilcas: is not in values.yaml"},
		{"no requests", web(strings.Replace(pod, ", resources: {requests: {cpu: 1}, limits: {memory: 1Gi}}", "", 1)), "lint-resources", "templates/web.yaml:8:26: note: Deployment web does not say what web needs"},
		{"no limit", web(strings.Replace(pod, ", limits: {memory: 1Gi}", "", 1)), "lint-resources", "templates/web.yaml:8:58: note: Deployment web lets web take all memory"},
		{"no probe", web(strings.Replace(pod, "{name: web,", "{name: web, ports: [{containerPort: 80}],", 1)), "lint-probe", "templates/web.yaml:8:37: note: Deployment web gets requests as soon as web has started"},
		{"probe", web(strings.Replace(pod, "{name: web,", "{name: web, ports: [{containerPort: 80}], readinessProbe: {tcpSocket: {port: 80}},", 1)), "", ""},
		{"job without probe", other("apiVersion: batch/v1\nkind: Job\nmetadata: {name: once}\nspec: {template: {spec: {containers: [{name: a, image: \"a:1\", ports: [{containerPort: 1}], resources: {limits: {memory: 1}}}]}}}\n"), "", ""},
		{"secret", web(pod+"# {{ .Values.db }}\n") + "-- values.yaml --\nreplicas: 2\ndb:\n  rootPassword: hunter2\n  existingPassword: mine\n  apiKey: \"\"\n  token: 5\n", "lint-secret-value", "values.yaml:3:3: warning: db.rootPassword: is a secret"},
		{"not in the schema", web(pod+"# {{ .Values.web }}\n") + "-- values.yaml --\nreplicas: 2\nweb: {port: 80}\n-- values.schema.json --\n{\"properties\": {\"replicas\": {}, \"web\": {\"properties\": {\"host\": {}}}}}\n", "lint-schema-drift", "values.yaml:2:7: note: web.port: is not in values.schema.json"},
		{"in the schema alone", web(pod) + "-- values.schema.json --\n{\"properties\": {\"replicas\": {}, \"web\": {}}}\n", "lint-schema-drift", "values.schema.json: note: web: is a value of the schema that values.yaml does not have"},
		{"schema that admits more", web(pod+"# {{ .Values.web }}\n") + "-- values.yaml --\nreplicas: 2\nweb: {port: 80}\n-- values.schema.json --\n{\"properties\": {\"replicas\": {}, \"web\": {\"additionalProperties\": {}}}}\n", "", ""},
		{"several documents", other("apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata:\n  name: b\nspec:\n  selector: {app: wbe}\n"), "lint-selector", "templates/other.yaml:10:3: warning: Service b selects"},
		{"documents nobody can tell apart", other("{{ range list \"a\" \"b\" }}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: {{ . }}}\nspec: {selector: {app: {{ ternary \"web\" \"wbe\" (eq . \"a\") }}}}\n{{ end }}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: \"{{ print \"c\" }}\"}\n"), "lint-selector", "templates/other.yaml: warning: Service b selects"},
		{"undeclared", web(pod + "# {{ .Values.ports }}\n"), "lint-undeclared-value", "templates/web.yaml:9:6: note: Values.ports: is not in values.yaml"},
		{"undeclared below", web(pod+"# {{ .Values.web.port }} {{ .Values.web.port }} {{ .Values.web.host }}\n") + "-- values.yaml --\nreplicas: 2\nweb: {host: 1}\n", "lint-undeclared-value", "templates/web.yaml:9:6: note: Values.web.port: is not in values.yaml"},
		{"declared in a comment", web(pod+"# {{ .Values.port }}\n") + "-- values.yaml --\nreplicas: 2\n# port: 80\n", "", ""},
		{"declared in the schema", web(pod+"# {{ .Values.port }}\n") + "-- values.schema.json --\n{\"properties\": {\"replicas\": {}, \"port\": {}}}\n", "", ""},
		{"renamed and refused", web(pod + "# {{ if .Values.Replicas }}{{ fail \"Replicas is called replicas now\" }}{{ end }}\n"), "", ""},
		{"of a dependency that is off", web(pod) + "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.0.0\nicon: https://a.example/b\ndependencies: [{name: cache, version: 1.0.0, condition: cache.enabled}]\n-- values.yaml --\nreplicas: 2\ncache: {enabled: false, size: 1}\n-- charts/cache/Chart.yaml --\napiVersion: v2\nname: cache\nversion: 1.0.0\n", "", ""},
		{"for parents", web(pod) + "-- values.yaml --\nreplicas: 2\nexports: {web: {port: 80}}\n", "", ""},
		{"key of a Secret", web(pod+"# {{ .Values.tls }}\n") + "-- values.yaml --\nreplicas: 2\ntls: {certSecretName: web, certSecretKey: tls.crt}\n", "", ""},
		{"removed API", other("apiVersion: autoscaling/v2beta2\nkind: HorizontalPodAutoscaler\nmetadata: {name: web}\nspec: {scaleTargetRef: {kind: Deployment, name: web}}\n"), "lint-removed-api", "templates/other.yaml:2:1: error: HorizontalPodAutoscaler web is of autoscaling/v2beta2, which Kubernetes 1.26 removed"},
		{"removed API of a definition", web(pod) + "-- crds/a.yaml --\napiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\nmetadata: {name: as.example.org}\n", "lint-removed-api", "crds/a.yaml:2:1: error: CustomResourceDefinition as.example.org is of apiextensions.k8s.io/v1beta1"},
		{"deprecated API", other("apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"), "lint-deprecated-api", "templates/other.yaml:2:1: warning: Endpoints web is of v1, which is deprecated since Kubernetes 1.33"},
		{"required", web(pod + "# {{ required \"say how many\" .Values.port }} # {{ .Values.replicas }}\n"), "lint-needs-values", "templates/web.yaml:9:6: note: "},
		{"in a comment", web(pod + "# {{/* .Values.repilcas */}}\n"), "", ""},
	}
	spoken := map[string]bool{}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spoken[test.code] = true
			got := findings(t, write(t, test.files), lint.Options{})
			if test.code == "" {
				if len(got) > 0 {
					t.Errorf("got %q, want nothing", got)
				}
				return
			}
			if len(got) != 1 || !strings.HasPrefix(got[0], test.want) || !strings.Contains(got[0], "["+test.code+"]") {
				t.Fatalf("got %q, want %s", got, test.want)
			}
			if got := findings(t, write(t, test.files), lint.Options{Disable: []string{test.code}}); len(got) > 0 {
				t.Errorf("switched off: %q", got)
			}
			dir := write(t, test.files+"-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.0.0\nicon: https://a.example/b\nannotations: {gantry.dev/lint-disable: \"lint-x, "+test.code+"\"}\n")
			if got := findings(t, dir, lint.Options{}); len(got) > 0 {
				t.Errorf("switched off in the chart: %q", got)
			}
		})
	}
	for _, r := range lint.Rules() {
		if strings.HasPrefix(r.Code, "lint-") && !spoken[r.Code] && !slices.Contains([]string{"lint-chart", "lint-metadata", "lint-template", "lint-values"}, r.Code) {
			t.Errorf("%s has no case", r.Code)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, r := range lint.Rules() {
		if text, ok := lint.Explain(r.Code); !ok || !strings.Contains(text, r.Why) {
			t.Errorf("%s is not explained", r.Code)
		}
	}
	if _, ok := lint.Explain("lint-nothing"); ok {
		t.Error("a rule that does not exist is explained")
	}
}

var update = flag.Bool("update", false, "write docs/lint.md")

// docs/lint.md is written from the rules.
func TestDocument(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "lint.md")
	if *update && os.Getenv("CI") == "" {
		if err := os.WriteFile(file, []byte(lint.Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lint.Document(), string(data)); diff != "" {
		t.Errorf("write it again with: go test ./charts/lint -update (-want +got)\n%s", diff)
	}
}
