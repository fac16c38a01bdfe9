package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestTest runs the tests of a release, and lets helm run them as well: both come
// to the same end, and either reads from the record how they went.
func TestTest(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	dir := filepath.Join(r.dir, "web", "templates", "tests")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, pod := range map[string]string{
		"first": `sandbox.gantry.dev/log: "all is well"`,
		"last":  `{{- with .Values.last }}{{ toYaml . | nindent 4 }}{{ end }}`,
	} {
		text := strings.NewReplacer("NAME", name, "POD", pod).Replace(testPod)
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := func(args ...string) (string, string, int) {
		t.Helper()
		return r.outcome(r.command(t.Context(), args[0], r.in(args[1:]...)...))
	}
	// The annotation of the test says how it ends.
	if err := os.WriteFile(filepath.Join(r.dir, "values.yaml"), []byte("last: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.g("install", "web", "web", "-f", "values.yaml")
	out, errs, code := said(r.gantry, "test", "web")
	if code != 0 || !regexp.MustCompile(`(?m)^first +Pod +succeeded +\S+$\n^last +Pod +succeeded`).MatchString(out) {
		t.Errorf("test ended with %d:\n%s%s", code, out, errs)
	}
	r.wants(errs, "all is well")
	if out, _, code := said(r.helm, "test", "web"); code != 0 || strings.Count(out, "Phase:          Succeeded") != 2 {
		t.Errorf("helm test ended with %d:\n%s", code, out)
	}

	r.g("upgrade", "web", "web", "--set-json", `last={"sandbox.gantry.dev/exit-code":"3","sandbox.gantry.dev/log":"nobody answers"}`)
	out, errs, code = said(r.gantry, "test", "web")
	if code != 1 || !regexp.MustCompile(`(?m)^last +Pod +failed`).MatchString(out) {
		t.Errorf("a test that fails ended with %d:\n%s%s", code, out, errs)
	}
	r.wants(errs, "nobody answers", "Pod last has failed")
	if strings.Count(errs, "nobody answers") != 1 {
		t.Errorf("the log is told more than once:\n%s", errs)
	}
	if status := r.h("status", "web"); !strings.Contains(status, "Phase:          Failed") {
		t.Errorf("helm reads\n%s", status)
	}
	if _, _, code := said(r.helm, "test", "web"); code != 1 {
		t.Errorf("helm test ended with %d", code)
	}
	if out, _, code := said(r.gantry, "test", "web", "--filter", "!name=last"); code != 0 || strings.Contains(out, "last") {
		t.Errorf("all but the last ended with %d:\n%s", code, out)
	}
	if out, errs, code := said(r.gantry, "test", "web", "--filter", "name=other"); code != 0 || out != "" || !strings.Contains(errs, "has no tests of these names") {
		t.Errorf("no test ended with %d:\n%s%s", code, out, errs)
	}
}

const testPod = `apiVersion: v1
kind: Pod
metadata:
  name: NAME
  annotations:
    helm.sh/hook: test
    POD
spec:
  restartPolicy: Never
  containers:
    - name: test
      image: example.com/test:1
`
