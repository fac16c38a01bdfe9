package extension_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/extension"
)

// maxFuzzed is the size of what is tried: more only takes time.
const maxFuzzed = 4 << 10

// FuzzRead reads any x-kubernetes of a service, and any label. What is refused is
// refused where it stands; what is taken means the same when it is written out
// and read again.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"expose": "ingress", "ingress": {"host": "a.example.com", "tls": {"issuer": "le"}}}`, `{"autoscale": {"min": 1, "max": 3, "cpu": 80}}`,
		`{"kind": "StatefulSet", "replicas": 2, "pdb": {"maxUnavailable": "50%"}}`, `{"gateway": {"parentRef": {"name": "g"}, "hostnames": ["h"]}}`,
		`{"serviceAccount": "a", "nodeSelector": {"a": "b"}, "tolerations": [{"key": "a", "operator": "Exists"}]}`, `{"patch": {"Deployment": {"spec": {"replicas": 3}}}}`,
		`{"cronJob": {"schedule": "* * * * *"}, "resources": {"limits": {"cpu": "1"}}}`, `{"chart": {"name": "a", "version": "^1", "repository": "@b", "values": {"c": [1, null, {"d": 1.5}]}}}`, `{"initContainers": [{"name": "a", "image": "b"}], "sidecars": []}`,
	} {
		f.Add(seed, "kompose.service.type", "nodeport")
	}
	f.Add(`{}`, "kompose.hpa.cpu", "50")
	f.Add(`{}`, "kompose.volume.size", "1Gi")
	f.Fuzz(func(t *testing.T, text, label, value string) {
		if len(text)+len(label)+len(value) > maxFuzzed || !json.Valid([]byte(text)) {
			return
		}
		set, problems := read(t, text, label, value)
		if set == nil {
			return // no Compose file
		}
		for _, d := range problems {
			if d.Severity == diag.Error && d.Pos.Line == 0 {
				t.Errorf("refused without saying where: %v", d)
			}
		}
		if problems.HasErrors() {
			return
		}
		again := written(t, set)
		second, problems := read(t, strings.ReplaceAll(again, "$", "$$"), "a", "b")
		if second == nil || problems.HasErrors() {
			t.Fatalf("%s is refused: %v", again, problems)
		}
		if diff := cmp.Diff(again, written(t, second)); diff != "" {
			t.Errorf("%s means something else (-first +second):\n%s", again, diff)
		}
	})
}

// written returns what a service says as JSON.
func written(t *testing.T, set *extension.Set) string {
	t.Helper()
	text, err := json.Marshal(set.Service("web"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// read loads a Compose file with a service that has an extension and a label. The
// set is nil where it is no Compose file.
func read(t *testing.T, text, label, value string) (*extension.Set, diag.List) {
	t.Helper()
	labels, err := json.Marshal(map[string]string{label: value})
	if err != nil {
		t.Fatal(err)
	}
	file := "services:\n  web:\n    image: a\n    expose: [\"80\"]\n    labels: " + string(labels) + "\n    x-kubernetes: " + text + "\n"
	project, list, err := compose.Load(t.Context(), compose.Source{Files: []string{"-"}, Stdin: strings.NewReader(file), WorkingDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if project == nil {
		return nil, list
	}
	set, problems := extension.Read(project, 29)
	slices.SortFunc(problems, func(a, b diag.Diagnostic) int { return a.Pos.Line - b.Pos.Line })
	return set, problems
}
