package playground_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/convert/playground"
)

func ask(t *testing.T, r playground.Request, text string) *playground.Answer {
	t.Helper()
	r.Dir, r.File = t.TempDir(), "compose.yaml"
	if err := os.WriteFile(filepath.Join(r.Dir, r.File), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return playground.Convert(t.Context(), r)
}

func TestConvert(t *testing.T) {
	a := ask(t, playground.Request{Expose: "ingress"}, "name: shop\nservices:\n  web:\n    image: nginx:1.29\n    ports: [\"8080:80\"]\n    cgroup_parent: x\n")
	if a.Error != "" || a.Name != "shop" {
		t.Fatalf("got %q of %q", a.Error, a.Name)
	}
	for what, text := range map[string]string{
		"<svg": a.Picture, "kind: Ingress": a.Manifests, "kind: Deployment": a.Manifests, "keys: ": a.Summary,
	} {
		if !strings.Contains(text, what) {
			t.Errorf("%q is not in %s", what, text)
		}
	}
	names := map[string]bool{}
	for _, f := range a.Chart {
		names[f.Name] = true
	}
	if !names["Chart.yaml"] || !names["templates/web/deployment.yaml"] || len(a.Files()) != len(a.Chart) {
		t.Errorf("the chart has %v", names)
	}
	var paths []string
	for _, d := range a.Diagnostics {
		paths = append(paths, d.Severity+" "+d.Path)
	}
	if !strings.Contains(strings.Join(paths, ","), "warning services.web.cgroup_parent") {
		t.Errorf("the diagnostics are %v", paths)
	}
}

func TestConvertFailure(t *testing.T) {
	a := ask(t, playground.Request{}, "services:\n  web:\n    imag: nginx\n")
	want := &playground.Answer{
		Error: "2 errors",
		Diagnostics: []playground.Diagnostic{
			{Severity: "error", File: "compose.yaml", Line: 2, Column: 3, Path: "services.web", Summary: "has neither an image nor a build", Hint: "add image:"},
			{Severity: "error", File: "compose.yaml", Line: 3, Column: 5, Path: "services.web.imag", Summary: "is not a key of Compose here", Hint: `did you mean "image"?`},
		},
	}
	if diff := cmp.Diff(want.Diagnostics, a.Diagnostics); diff != "" || a.Error != want.Error || a.Manifests != "" {
		t.Errorf("%q, (-want +got):\n%s", a.Error, diff)
	}
	if a := ask(t, playground.Request{Expose: "everywhere"}, "services: {web: {image: nginx}}\n"); a.Error == "" {
		t.Error("a way to expose that does not exist is taken")
	}
}
