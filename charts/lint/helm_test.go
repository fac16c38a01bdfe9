package lint_test

import (
	"slices"
	"strings"
	"testing"

	helm "helm.sh/helm/v3/pkg/lint"

	"gantry/charts/diag"
	"gantry/charts/lint"
)

// What helm's linter finds is found, in the same file and with the same severity. The
// words and the position are our own.
func TestFindsWhatHelmFinds(t *testing.T) {
	const head = "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\n"
	object := func(text string) string { return "-- templates/a.yaml --\n" + text }
	const within = "-- charts/cache/Chart.yaml --\napiVersion: v2\nname: cache\nversion: 1.0.0\n"
	tests := []struct{ name, files, want string }{
		{"nothing", "", ""},
		{"no icon", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2.3\n", "Chart.yaml: note: icon is recommended"},
		{"version of the format", "-- Chart.yaml --\napiVersion: v3\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\n", "Chart.yaml:1:13: error: apiVersion: "},
		{"version too low", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 0.0.0-0\nicon: https://a.example/b\n", "Chart.yaml:3:10: error: version: has to be above"},
		{"version is a number", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2\nicon: https://a.example/b\n", "Chart.yaml:3:10: error: version: is no string"},
		{"appVersion is a number", head + "appVersion: 1.0\n", "Chart.yaml:5:13: error: appVersion: is no string"},
		{"appVersion is a boolean to some", head + "appVersion: on\n", "Chart.yaml:5:13: error: appVersion: is no string"},
		{"maintainer without name", head + "maintainers: [{email: a@b.example}]\n", "Chart.yaml:5:14: error: maintainers: a maintainer has no name"},
		{"maintainer", head + "maintainers: [{name: Ann Ash, email: ann@ash.example, url: ash.example}]\n", ""},
		{"email", head + "maintainers: [{name: Ann, email: ann at ash.example}]\n", "Chart.yaml:5:14: error: maintainers: not an email address"},
		{"name and email", head + "maintainers: [{name: Ann, email: Ann <ann@ash.example>}]\n", "Chart.yaml:5:14: error: maintainers: not an email address"},
		{"URL of a maintainer", head + "maintainers: [{name: Ann, url: \"h t t p\"}]\n", "Chart.yaml:5:14: error: maintainers: not a URL"},
		{"source", head + "sources: [\"https://a.example/b.git\", a.example]\n", "Chart.yaml:5:10: error: sources: not a URL: a.example"},
		{"icon", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2.3\nicon: icon.png\n", "Chart.yaml:4:7: error: icon: not a URL: icon.png"},
		{"icon in the chart itself", "-- Chart.yaml --\napiVersion: v2\nname: shop\nversion: 1.2.3\nicon: data:image/svg+xml;base64,aaaa\n", ""},
		{"type in v1", "-- Chart.yaml --\napiVersion: v1\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\ntype: application\n", "Chart.yaml:5:7: error: type: "},
		{"dependencies in v1", "-- Chart.yaml --\napiVersion: v1\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\ndependencies: [{name: cache, version: 1.0.0}]\n" + within, "Chart.yaml:5:15: error: dependencies: "},
		{"requirements of v1", "-- Chart.yaml --\napiVersion: v1\nname: shop\nversion: 1.2.3\nicon: https://a.example/b\n-- requirements.yaml --\ndependencies: [{name: cache, version: 1.0.0}]\n" + within, ""},
		{"dependency missing", head + "dependencies: [{name: cache, version: 1.0.0}]\n", "Chart.yaml:5:15: warning: dependencies: charts/ does not have cache"},
		{"chart that nobody names", within, "Chart.yaml: error: charts/ has cache"},
		{"extension", "-- templates/a.json --\n{}\n", "templates/a.json: error: a template is a"},
		{"hook of Helm 2", object("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  annotations:\n    \"helm.sh/hook\": crd-install\n"), "templates/a.yaml:6:5: warning: there is no hook crd-install"},
		{"time of Helm 2", object("# {{ if false }}{{ .Release.Time }}{{ end }}\n"), "templates/a.yaml:1:20: error: there is no .Release.Time"},
		{"indented", object("  # first\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), "templates/a.yaml: warning: what it renders to begins"},
		{"name", object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n"), "templates/a.yaml:3:12: warning: ConfigMap A has a name"},
		{"name of a role", object("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: \"system:A_b\"}\n"), ""},
		{"name of a role with a slash", object("apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: a/b}\n"), "templates/a.yaml:3:12: warning: Role a/b has a name"},
		{"name of a namespace", object("apiVersion: v1\nkind: Namespace\nmetadata: {name: a.b}\n"), "templates/a.yaml:3:12: warning: Namespace a.b has a name"},
		{"name of a service", object("apiVersion: v1\nkind: Service\nmetadata: {name: a.b}\n"), "templates/a.yaml:3:12: warning: Service a.b has a name"},
		{"no name", object("apiVersion: v1\nkind: ConfigMap\nmetadata: {labels: {a: b}}\n"), "templates/a.yaml:3:1: warning: ConfigMap has no name"},
		{"name of a request", object("apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\nmetadata: {name: \"A/b\"}\n"), ""},
		{"no selector", object("apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: a}\nspec: {template: {}}\n"), "templates/a.yaml:4:1: error: DaemonSet a does not say which pods"},
		{"list", object("apiVersion: v1\nkind: List\nmetadata: {name: a}\nitems: [{metadata: {name: a, annotations: {helm.sh/resource-policy: keep}}}]\n"), "templates/a.yaml:4:44: error: List a is a List"},
		{"required", object("# {{ required \"say it\" .Values.port }}{{ fail \"no\" }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n"), "templates/a.yaml:4:12: warning: ConfigMap A has a name"},
		{"within another chart", head + "dependencies: [{name: cache, version: 1.0.0}]\n" + within + "-- charts/cache/templates/a.json --\n{}\n-- charts/cache/templates/a.yaml --\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n", ""},
		{"for another Kubernetes", head + "kubeVersion: 1.10.x\n" + object("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: A}\n"), "templates/a.yaml:3:12: warning: ConfigMap A has a name"},
		{"of a library", head + "type: library\n-- templates/a.json --\n{}\n", "templates/a.json: error: a template is a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, test.files)
			found := of(findings(t, dir, lint.Options{}))
			if test.want == "" && len(found) > 0 || test.want != "" && (len(found) != 1 || !strings.HasPrefix(found[0], test.want)) {
				t.Errorf("got %q, want %q", found, test.want)
			}
			var want []string
			for _, m := range helm.All(dir, nil, "default", false).Messages {
				file := m.Path
				if file == dir {
					file = "Chart.yaml"
				}
				want = append(want, file+" "+diag.Severity(m.Severity-1).String())
			}
			var got []string
			for _, text := range found {
				place, rest, _ := strings.Cut(text, ": ")
				file, _, _ := strings.Cut(place, ":")
				severity, _, _ := strings.Cut(rest, ":")
				got = append(got, file+" "+severity)
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("found %q, helm finds %q", got, want)
			}
		})
	}
}

// of keeps what helm's linter finds, too.
func of(findings []string) []string {
	return slices.DeleteFunc(findings, func(text string) bool {
		return !slices.ContainsFunc([]string{"chart", "metadata", "template", "values"}, func(part string) bool { return strings.HasSuffix(text, "[lint-"+part+"]") })
	})
}
