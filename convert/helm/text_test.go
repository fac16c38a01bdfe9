package helm_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/testdata/strict"
)

// nastyText is text that YAML, templates or Helm would like to change.
func nastyText() []string {
	return []string{
		"", " ", "\n", "\n\n", "plain", "a b", " leading", "trailing ", "two\nlines", "two\nlines\n", "two\nlines\n\n\n", "\nfirst line empty",
		"  indented\nfirst line\n", "trailing blank \n", "tab\tinside", "\ttab first", "crlf\r\nlines\r\n", "cr\ronly", "line\u2028separator", "next\u0085line",
		"{{ .Values.x }}", "{{- trim -}}", "{{/* comment */}}", "{{", "}}", "{", "}", "{{{", "{{ \"{{\" }}", "a {{ b }} c\nd {{ e", "`backtick`", "{{ `raw` }}",
		"<no value>", "a <no value> b\n<no value>\n", "<no value>{{ x }}", "HELM_ERR_START", "---", "--- # not a document\nx: y\n---\n", "...", "# comment", "a # b",
		"key: value", "- item", "? what", "*alias", "&anchor", "!tag", "| literal", "> folded", "%percent", "@at", "'single'", `"double"`, `back\slash`, `\n`,
		"true", "no", "null", "~", "1", "0x10", "1e3", "1_000", ".5", "12:30:45", "2026-01-01", "=", "<<", "1Gi", "+1", "-", "--flag", ":", "a:", "a: ",
		"\x00", "\x01\x02", "\x7f", "\ufeffbom", "é ü ß 日本語 🚀", "\U0010ffff", "\ufffd", "\ufffe", "e\u0301", "%s %d %%", "$(HOME) $$ ${X}",
		strings.Repeat("long line ", 500), strings.Repeat("line {{ of }} many\n", 200), strings.Repeat("x\n", 40) + "\n", strings.Repeat("y\r\n", 40),
		strings.Repeat("<no value>\n", 300), "  " + strings.Repeat("indented\n", 50), strings.Repeat("z\n", 40) + "   ",
	}
}

// FuzzUserText puts text wherever users may put it, and expects it to come out of
// the rendered chart byte for byte.
func FuzzUserText(f *testing.F) {
	for _, text := range nastyText() {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if utf8.ValidString(text) { // Kubernetes takes no other
			checkText(t, text)
		}
	})
}

func checkText(t *testing.T, text string) {
	t.Helper()
	from := textApplication(text)
	files, err := helm.Chart(helm.Source{Name: "app", Objects: from})
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	documents, err := render(load(t, files), "app", helm.SecretValues(from))
	if err != nil {
		t.Fatalf("%q: %v\n%s", text, err, files)
	}
	got := objects(t, documents)
	web := got["Deployment web"].(map[string]any)
	container := at(web, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)
	lifecycle := at(container, "lifecycle", "preStop", "exec", "command").([]any)
	for place, value := range map[string]any{
		"env":             at(container, "env").([]any)[0].(map[string]any)["value"],
		"command":         at(container, "command").([]any)[0],
		"last argument":   at(container, "args").([]any)[1],
		"hook":            lifecycle[0],
		"probe":           at(container, "livenessProbe", "exec", "command").([]any)[0],
		"working dir":     at(container, "workingDir"),
		"mount":           at(container, "volumeMounts").([]any)[0].(map[string]any)["mountPath"],
		"annotation":      at(web, "metadata", "annotations", "text"),
		"pod annotation":  at(web, "spec", "template", "metadata", "annotations", "text"),
		"file":            at(got["ConfigMap files"], "data", "b.txt"),
		"file before":     at(got["ConfigMap files"], "data", "a.txt"),
		"variable":        at(got["ConfigMap web-env"], "data", "TEXT"),
		"object's own":    at(got["ConfigMap files"], "metadata", "annotations", "text"),
		"secret":          strict.SecretContent(got["Secret secret"].(map[string]any))["TEXT"],
		"secret by value": strict.SecretContent(got["Secret second"].(map[string]any))["again"],
	} {
		if diff := cmp.Diff(any(text), value); diff != "" && !emptyAnyway(text, value) {
			t.Errorf("%s (-want +got):\n%s", place, diff)
		}
	}
	if t.Failed() {
		t.Fatalf("the text was %q", text)
	}
}

// emptyAnyway reports whether a field was left out because it was empty.
func emptyAnyway(text string, value any) bool { return text == "" && value == nil }

// at walks into decoded YAML.
func at(node any, path ...string) any {
	for _, key := range path {
		m, ok := node.(map[string]any)
		if !ok {
			return nil
		}
		node = m[key]
	}
	return node
}

// textApplication is an application with the same text in every place.
func textApplication(text string) []manifest.Object {
	labels := map[string]string{
		"app.kubernetes.io/instance": "app", "app.kubernetes.io/name": "web", "app.kubernetes.io/part-of": "app", "app.kubernetes.io/managed-by": "gantry",
	}
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{"text": text}}
	}
	fromConfig := func(name string) corev1.EnvFromSource {
		return corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}}}
	}
	return []manifest.Object{
		{Service: "web", Resource: &appsv1.Deployment{
			TypeMeta: metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"}, ObjectMeta: meta("web"),
			Spec: appsv1.DeploymentSpec{
				Replicas: new(int32(1)),
				Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app.kubernetes.io/instance": "app", "app.kubernetes.io/name": "web"}},
				Template: corev1.PodTemplateSpec{ObjectMeta: meta(""), Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "web", Image: "nginx:1.27", Command: []string{text}, Args: []string{"x", text}, WorkingDir: text,
					Env:           []corev1.EnvVar{{Name: "TEXT", Value: text}},
					EnvFrom:       []corev1.EnvFromSource{fromConfig("web-env")},
					VolumeMounts:  []corev1.VolumeMount{{Name: "files", MountPath: text}},
					LivenessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{text}}}},
					Lifecycle:     &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{text}}}},
				}}}},
			},
		}},
		{Service: "web", Resource: &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta("web-env"), Data: map[string]string{"TEXT": text},
		}},
		{Resource: &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: meta("files"), Data: map[string]string{"a.txt": text, "b.txt": text},
		}},
		{Resource: &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: meta("secret"), StringData: map[string]string{"TEXT": text},
		}},
		{Resource: &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: meta("second"), Data: map[string][]byte{"again": []byte(text)},
		}},
	}
}
