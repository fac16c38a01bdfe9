package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestChartsAreAccepted asks a real API server to create what the charts of the
// demo render to: as they are, and with everything on that a value can turn on.
func TestChartsAreAccepted(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	for _, dir := range demo(t) {
		dir, err := filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		chart := filepath.Join(w.dir, filepath.Base(dir))
		w.run(w.gantry, "chart", "create", "-f", filepath.Join(dir, "compose.yaml"), "-o", chart)
		values := filepath.Join(w.dir, filepath.Base(dir)+".yaml")
		if err := os.WriteFile(values, []byte(everythingOn(t, chart)), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{nil, {"-f", values}} {
			text := w.run(w.gantry, append([]string{"template", "tickets", chart}, args...)...)
			if args != nil {
				w.wants(text, "kind: HorizontalPodAutoscaler", "kind: PodDisruptionBudget", "kind: NetworkPolicy", "kind: ServiceAccount", "kind: Ingress")
			}
			for document := range strings.SplitSeq("\n"+text, "\n---\n") {
				if strings.TrimSpace(document) == "" {
					continue
				}
				if err := p.dryRun(t, document); err != nil {
					t.Errorf("%s %v: %v\n%s", filepath.Base(dir), args, err, document)
				}
			}
		}
	}
}

// everythingOn returns values that turn on what the chart has and the sandbox
// knows: it has no Gateway API.
func everythingOn(t *testing.T, chart string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile(`(?m)^( +(enabled|create)): false$`).ReplaceAllString(string(data), "$1: true")
	route := regexp.MustCompile(`(?m)(httpRoute:\n(?: +#.*\n)* +enabled): true$`)
	return route.ReplaceAllString(text, "$1: false")
}

// TestMadeUpSecretsAreKept installs a chart without its secrets, by helm: they are
// made up once, and stay what they are over an upgrade and a new installation.
func TestMadeUpSecretsAreKept(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	file := filepath.Join(w.dir, "compose.yaml")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(application, "TAG", "1.0")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(w.gantry, "chart", "create", "-f", file)
	w.run(w.helm, p.in("install", "shop", "./shop")...)
	password := p.secret(t, "db-env", "POSTGRES_PASSWORD")
	if !regexp.MustCompile(`^[A-Za-z0-9]{32}$`).MatchString(password) {
		t.Errorf("the password that was made up is %q", password)
	}
	for _, step := range [][]string{
		{"upgrade", "shop", "./shop", "--set", "web.replicas=2"},
		{"uninstall", "shop"},
		{"install", "shop", "./shop"},
	} {
		w.run(w.helm, p.in(step...)...)
		if again := p.secret(t, "db-env", "POSTGRES_PASSWORD"); again != password {
			t.Errorf("after helm %s the password is %q, and was %q", step[0], again, password)
		}
	}
	w.run(w.helm, p.in("upgrade", "shop", "./shop", "--set", "secrets.dbEnv.data.POSTGRES_PASSWORD=given")...)
	if given := p.secret(t, "db-env", "POSTGRES_PASSWORD"); given != "given" {
		t.Errorf("the password is %q, not what was given", given)
	}
}

// TestDemandedSecrets installs a chart without a key that nobody can make up: both tools
// refuse that, and keep the key over an upgrade once it was given.
func TestDemandedSecrets(t *testing.T) {
	w := newWorkshop(t)
	file, key := filepath.Join(w.dir, "compose.yaml"), filepath.Join(w.dir, "tls.key")
	const content = "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n"
	for name, text := range map[string]string{
		key:  content,
		file: "name: shop\nservices: {web: {image: nginx:1.27, secrets: [tls.key]}}\nsecrets: {tls.key: {file: ./tls.key}}\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w.run(w.gantry, "chart", "create", "-f", file)
	for _, tool := range []string{w.helm, w.gantry} {
		p := newPlace(t)
		w.refuses(`secrets.tlsKey.data.tls\.key must be given`, tool, p.in("install", "shop", "./shop")...)
		w.run(tool, p.in("install", "shop", "./shop", "--set-file", `secrets.tlsKey.data.tls\.key=`+key)...)
		w.run(tool, p.in("upgrade", "shop", "./shop", "--reset-values")...)
		if got := p.secret(t, "tls-key", "tls.key"); got != content {
			t.Errorf("after an upgrade by %s the key is %q", filepath.Base(tool), got)
		}
	}
}

// TestTwoReleasesInOneNamespace installs one chart twice, side by side, and
// expects each web service to look for the database of its own release.
func TestTwoReleasesInOneNamespace(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	dir, err := filepath.Abs(demo(t)[0])
	if err != nil {
		t.Fatal(err)
	}
	chart := filepath.Join(w.dir, "tickets")
	w.run(w.gantry, "chart", "create", "-f", filepath.Join(dir, "compose.yaml"), "-o", chart)
	for _, release := range []string{"blue", "green"} {
		w.run(w.helm, p.in("install", release, chart, "--set", "prefixNames=true", "--wait", "--timeout", "60s")...)
	}
	for _, release := range []string{"blue", "green"} {
		web := p.until(t, "Deployment.apps", release+"-web", "status.readyReplicas", 1)
		if host := at(web.Object, "spec.template.spec.containers.0.env.0.value"); host != release+"-db" {
			t.Errorf("the web service of %s looks for its database at %v", release, host)
		}
	}
	w.run(w.helm, p.in("uninstall", "blue", "--wait", "--timeout", "60s")...)
	p.until(t, "StatefulSet.apps", "green-db", "status.readyReplicas", 1)
}

// thingDefinition is a definition that the API server takes.
const thingDefinition = `apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: things.example.com
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Thing, plural: things}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema: {type: object}
`

// TestTemplateOptions gives gantry template and helm template the same options, and
// wants the same bytes; where helm refuses, gantry does.
func TestTemplateOptions(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	for name, text := range map[string]string{
		"more.yaml": "replicas: 4\n", "note.txt": "a note\n",
		"post.sh":                   "#!/bin/sh\nsed s/web/WEB/\n",
		"web/templates/extra.yaml":  "{{- if .Capabilities.APIVersions.Has \"example.com/v1\" }}\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Release.Name }}-extra}\ndata: {{ .Values.data | default dict | toJson }}\n{{- end }}\n",
		"web/templates/hook.yaml":   "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hook\n  annotations: {helm.sh/hook: pre-install}\n",
		"web/crds/thing.yaml":       thingDefinition,
		"web/templates/broken.yaml": "{{ if .Values.broken }}{{ .Values.nothing.here }}{{ end }}\n",
	} {
		file := filepath.Join(r.dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, options := range [][]string{
		{},
		{"--show-only", "templates/hook.yaml"},
		{"-s", "templates/*.yaml"},
		{"-s", "templates/nothing.yaml"},
		{"--values", "more.yaml"},
		{"-f", "more.yaml", "--set", "replicas=5"},
		{"-f", "missing.yaml"},
		{"-a", "example.com/v1", "--set", "data.a=1,data.b=x"},
		{"-a", "example.com/v1", "--set-string", "data.a=1"},
		{"-a", "example.com/v1", "--set-file", "data.a=note.txt"},
		{"-a", "example.com/v1", "--set-json", `data={"a":[1,2]}`},
		{"-a", "example.com/v1", "--set-literal", "data.a={b,c}"},
		{"--api-versions", "example.com/v1,example.com/v2"},
		{"--kube-version", "1.30.0"},
		{"--include-crds", "--no-hooks"},
		{"--skip-tests", "--is-upgrade"},
		{"--post-renderer", "./post.sh"},
		{"--post-renderer", "sed", "--post-renderer-args", "s/web/WEB/"},
		{"--post-renderer", "./missing.sh"},
		{"--set", "broken=true"},
		{"--set", "a[=1"},
		{"--validate"},
		{"--validate", "--include-crds", "-a", "example.com/v1"},
	} {
		args := append([]string{"template", "web", "web"}, options...)
		theirs, theirErr := r.command(t.Context(), r.helm, r.in(args...)...).Output()
		ours, ourErr := r.command(t.Context(), r.gantry, r.in(args...)...).Output()
		if (theirErr == nil) != (ourErr == nil) {
			t.Errorf("%v: helm says %v, and gantry %v", options, theirErr, ourErr)
		}
		if string(theirs) != string(ours) {
			t.Errorf("%v: helm prints\n%s\nand gantry\n%s", options, theirs, ours)
		}
	}
}
