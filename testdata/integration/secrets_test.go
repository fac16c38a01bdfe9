package integration_test

import (
	"encoding/base64"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// secretsChart has a canary, the value password, wherever a chart may have a secret. The
// value broken becomes the rest of a Secret that the API server does not take.
const secretsChart = `
apiVersion: v1
kind: Secret
metadata: {name: coded}
data: {password: {{ .Values.password | b64enc }}}
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: Secret, metadata: {name: listed}, stringData: {password: {{ .Values.password | quote }}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: keeper}
spec:
  selector: {matchLabels: {app: keeper}}
  template:
    metadata: {labels: {app: keeper}, annotations: {{ toJson .Values.pod }}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: keeper
        image: example.com/keeper:1
        env:
        - {name: DB_PASSWORD, value: {{ .Values.password | quote }}}
        - {name: DATABASE_URL, value: "postgres://shop:{{ .Values.password }}@db/shop"}
---
apiVersion: batch/v1
kind: Job
metadata: {name: once}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: once, image: example.com/once:1, env: [{name: TOKEN, value: {{ .Values.password | quote }}}]}]
{{- with .Values.broken }}
---
apiVersion: v1
kind: Secret
metadata: {name: broken}
{{ toYaml . }}
{{- end }}
`

// TestSecretsStaySecret looks for secrets in all that is printed about a release, but
// for what was recorded of it, which is printed as helm prints it.
func TestSecretsStaySecret(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.write("templates/secrets.yaml", secretsChart)
	r.write("values.schema.json", `{"properties": {"password": {"type": "string", "pattern": "^c.n.ry", "maxLength": 40}}}`)
	r.write("../first.yaml", "password: canary-first\ntoken: canary-first\n")
	r.write("../second.yaml", "password: canary-second\ntoken: canary-second\n")
	silent := func(code int, args ...string) string {
		t.Helper()
		stdout, stderr, got := r.outcome(r.command(t.Context(), r.gantry, r.in(args...)...))
		if got != code {
			t.Errorf("gantry %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, stdout, stderr)
		}
		for line := range strings.SplitSeq(stdout+stderr, "\n") {
			if strings.Contains(line, "canary") || strings.Contains(line, base64.StdEncoding.EncodeToString([]byte("canary"))) {
				t.Errorf("gantry %s shows a secret:\n%s", strings.Join(args, " "), line)
			}
		}
		return stdout + stderr
	}
	silent(0, "install", "shop", "web", "-f", "first.yaml", "--dry-run=server")
	silent(0, "install", "shop", "web", "-f", "first.yaml", "--wait")
	// The annotation that kubectl apply leaves.
	secrets := r.Client.CoreV1().Secrets(r.Namespace)
	for _, name := range []string{"coded", "web"} {
		secret, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secret.Annotations["kubectl.kubernetes.io/last-applied-configuration"] = `{"stringData":{"password":"canary-applied"}}`
		secret.Data["token"] = []byte("canary-by-hand")
		if _, err := secrets.Update(t.Context(), secret, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	second := []string{"shop", "web", "-f", "second.yaml", "--force-conflicts", "--recreate=stateless"}
	for _, output := range []string{"json", "yaml", "table"} {
		r.wants(silent(0, append([]string{"diff", "-o", output}, second...)...), "DB_PASSWORD", "(hidden, after)", "spec.template: field is immutable")
		silent(0, "diff", "shop", "--drift", "-o", output)
	}
	silent(1, "upgrade", "shop", "web", "-f", "second.yaml", "--force-conflicts")
	silent(1, "upgrade", "shop", "web", "-f", "second.yaml")
	silent(0, append([]string{"upgrade", "--dry-run=server"}, second...)...)
	silent(0, append([]string{"upgrade", "--dry-run=server", "-o", "json"}, second...)...)
	silent(0, append([]string{"upgrade", "--wait", "-o", "json"}, second...)...)
	silent(0, "diff", "shop", "1", "2")
	silent(0, "diff", "shop", "1", "2", "-o", "json")
	silent(0, "diff", "shop", "1", "--recreate=stateless")
	silent(6, append([]string{"upgrade", "--wait", "--set-string", "pod." + behave + "crash-loop=true"}, second...)...)
	for _, broken := range []string{
		`{"data": {"a": "canary-not-base64!"}}`,
		`{"data": "canary-no-mapping"}`,
		`{"stringData": "canary-no-mapping"}`,
		`{"stringData": {"a": ["canary-in-list"]}}`,
		`{"stringData": {"no key": "canary-without-key"}}`,
		`{"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "canary-not-json"}}`,
	} {
		for _, method := range []string{"--apply=server", "--apply=client"} {
			r.wants(silent(1, append([]string{"upgrade", method, "--set-json", "broken=" + broken}, second...)...), "Secret broken", "nothing was changed")
		}
	}
	// What fails later is recorded.
	r.apply(t, `{apiVersion: v1, kind: Secret, metadata: {name: broken, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: `+r.Namespace+`}}}`)
	for _, broken := range []string{`{"stringData": "canary-no-mapping"}`, `{"data": {"a": "canary-not-base64!"}}`} {
		for _, method := range []string{"--apply=server", "--apply=client"} {
			silent(1, append([]string{"upgrade", method, "--set-json", "broken=" + broken}, second...)...)
		}
	}
	silent(3, "upgrade", "shop", "web", "--set", "password=no-canary")
	silent(3, "upgrade", "shop", "web", "--set", "password=canary-longer-than-the-schema-of-the-chart-allows")
	silent(3, "upgrade", "shop", "web", "--set", "password[0=canary-in-index")
	silent(3, "upgrade", "shop", "web", "--set-json", "password={canary")
	r.write("templates/torn.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: torn}\nstringData:\n  password: \"{{ .Values.password }}\n  other: \"{{ .Values.password }}\"\n")
	r.wants(silent(3, append([]string{"upgrade"}, second...)...), "the result is not YAML")
	r.write("templates/torn.yaml", "kind: Deployment\nenv:\n- name: DB_PASSWORD\n  value: \"{{ .Values.password }}\n- {name: TOKEN, value: {{ .Values.password }}}\n- name: \"X\n")
	r.wants(silent(3, append([]string{"upgrade"}, second...)...), "the result is not YAML")
	for _, output := range []string{"json", "table"} {
		silent(0, "status", "shop", "-o", output)
		silent(0, "status", "shop", "--show-resources", "-o", output)
		silent(0, "status", "shop", "--revision", "3", "-o", output)
		silent(0, "history", "shop", "-o", output)
		silent(0, "list", "-o", output)
	}
	silent(0, "rollback", "shop", "1", "--dry-run", "--recreate=stateless")
	silent(0, "rollback", "shop", "1", "--wait", "--recreate=stateless")
	silent(0, "uninstall", "shop")
}
