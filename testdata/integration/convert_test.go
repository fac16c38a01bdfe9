package integration_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

// TestObjectsAreAccepted asks a real API server to create what the conversion
// corpus becomes, with strict validation of fields, for each way to expose ports.
func TestObjectsAreAccepted(t *testing.T) {
	p := newPlace(t)
	cases, err := filepath.Glob("../convert/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, name := range append(cases, demo(t)...) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			dir := name
			if filepath.Ext(name) == ".txtar" {
				dir = unpack(t, name)
			}
			for _, expose := range []rules.Exposure{rules.ExposeCluster, rules.ExposeNodePort, rules.ExposeLoadBalancer, rules.ExposeIngress} {
				p.accepts(t, dir, expose)
			}
		})
	}
}

// demo returns the folders of the demo application.
func demo(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("../demo/v*")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no demo: %v", err)
	}
	return folders
}

func unpack(t *testing.T, name string) string {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, f := range archive.Files {
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// accepts converts a project and asks the API server to create each object.
func (p *place) accepts(t *testing.T, dir string, expose rules.Exposure) {
	t.Helper()
	result, err := convert.Convert(t.Context(), compose.Source{WorkingDir: dir, Dir: dir}, rules.Options{Expose: expose})
	if err != nil {
		return // the corpus says what is wrong with it
	}
	for _, o := range result.Objects {
		var b bytes.Buffer
		if err := manifest.Write(&b, []manifest.Object{o}); err != nil {
			t.Fatal(err)
		}
		if err := p.dryRun(t, strings.TrimPrefix(b.String(), "---\n")); err != nil {
			t.Errorf("--expose=%s: %s %s: %v\n%s", expose, o.Kind(), o.GetName(), err, b.String())
		}
	}
}

// dryRun lets the API server check an object, and stores nothing.
func (p *place) dryRun(t *testing.T, document string) error {
	t.Helper()
	var object unstructured.Unstructured
	if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
		return err
	}
	if object.GetKind() == "HTTPRoute" {
		return nil // the sandbox has no Gateway API
	}
	object.SetNamespace("") // that of the place, which exists
	_, err := p.resource(t, object.GroupVersionKind().GroupKind()).Create(t.Context(), &object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}
