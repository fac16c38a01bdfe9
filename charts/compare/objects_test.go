package compare_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/charts/compare"
)

func TestObjects(t *testing.T) {
	const before = `---
# Source: shop/templates/a.yaml
apiVersion: v1
kind: Service
metadata: {name: stays, labels: {helm.sh/chart: shop-1}}
spec: {b: 2, a: 1}
---
apiVersion: v1
kind: Service
metadata: {name: goes}
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: moved}
---
apiVersion: v1
kind: Service
metadata: {name: labelled, labels: {helm.sh/chart: shop-1, app: a}}
`
	const after = `---
# another comment
apiVersion: v1
kind: Service
metadata: {name: stays, labels: {helm.sh/chart: shop-1}}
spec: {a: 1, b: 2}
---
apiVersion: v1
kind: Service
metadata: {name: comes}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: moved}
---
apiVersion: v1
kind: Service
metadata: {name: labelled, labels: {helm.sh/chart: shop-2, app: a}}
`
	var got []string
	for _, c := range compare.Objects(compare.Parse(before), compare.Parse(after)) {
		line := c.Name + " " + string(c.Change)
		if c.LabelsOnly {
			line += " (labels)"
		}
		got = append(got, line)
	}
	want := []string{"comes added", "moved changed", "labelled changed (labels)", "goes removed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecretsStaySecret(t *testing.T) {
	before := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {same: aHVudGVyMg==, changed: b2xk, gone: b2xk}\n"
	after := "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {same: hunter2, changed: new, fresh: new}\n"
	changes := compare.Objects(compare.Parse(before), compare.Parse(after))
	if len(changes) != 1 {
		t.Fatalf("%d changes, want 1", len(changes))
	}
	var lines []string
	for line := range strings.Lines(changes[0].Diff) {
		if strings.Contains(line, "hidden") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	want := []string{"-  changed: (hidden, before)", "-  gone: (hidden)", "+  changed: (hidden, after)", "+  fresh: (hidden)", "same: (hidden)"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, secret := range []string{"hunter2", "aHVudGVyMg", "b2xk", "new", "old"} {
		if shown := fmt.Sprint(changes[0]); strings.Contains(shown, secret) {
			t.Errorf("the value %q is shown:\n%s", secret, shown)
		}
	}
	if same := compare.Objects(compare.Parse(before), compare.Parse(before)); len(same) != 0 {
		t.Errorf("a Secret differs from itself: %v", same)
	}
}

func TestFields(t *testing.T) {
	const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
`
	tests := []struct{ name, before, after, want string }{
		{"the same in another order", "spec: {a: 1, b: 2}", "spec: {b: 2, a: 1}", ""},
		{"a scalar", "spec: {replicas: 1}", "spec: {replicas: 2}", "changed spec.replicas: 1 -> 2"},
		{"a type", "spec: {port: 80}", `spec: {port: "80"}`, "changed spec.port: 80 -> 80"},
		{"a key comes and one goes", "spec: {a: 1}", "spec: {b: {c: 2}}", "removed spec.a: 1 -> <nil>; added spec.b: <nil> -> map[c:2]"},
		{"containers by name", "c: [{name: a, image: 1}, {name: b, image: 1}]", "c: [{name: b, image: 2}]", "removed c.a: map[image:1 name:a] -> <nil>; changed c.b.image: 1 -> 2"},
		{"containers in another order", "c: [{name: a}, {name: b}]", "c: [{name: b}, {name: c}, {name: a}]", "added c.c: <nil> -> map[name:c]; changed c: [a b] -> [b a]"},
		{"two of a name, by index", "c: [{name: a, x: 1}, {name: a, x: 2}]", "c: [{name: a, x: 1}, {name: a, x: 3}]", "changed c.1.x: 2 -> 3"},
		{"ports without a name", "p: [{containerPort: 80}]", "p: [{containerPort: 80}, {containerPort: 443}]", "added p.443: <nil> -> map[containerPort:443]"},
		{"lists of words, whole", "args: [a, b]", "args: [a]", "changed args: [a b] -> [a]"},
		{"a list that empties", "c: [{name: a}]", "c: []", "removed c.a: map[name:a] -> <nil>"},
		{"another kind of value", "x: {a: 1}", "x: [a]", "changed x: map[a:1] -> [a]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			changes := compare.Objects(compare.Parse(web+test.before), compare.Parse(web+test.after))
			var got []string
			for _, c := range changes {
				for _, f := range c.Fields {
					got = append(got, fmt.Sprintf("%s %s: %v -> %v", f.Change, f.Path, f.Before, f.After))
				}
			}
			if text := strings.Join(got, "; "); text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

// TestSplit: what helm's client reads ends with a line break, which is part of a value
// that ends the object.
func TestSplit(t *testing.T) {
	manifest := "---\n# Source: a\nkind: A\ndata:\n  text: |\n    last line\n---\n\n---\nkind: B\ndata:\n  text: |-\n    last line\n\n"
	var got []any
	for _, d := range compare.Parse(manifest) {
		got = append(got, d.Fields["data"].(map[string]any)["text"])
	}
	if diff := cmp.Diff([]any{"last line\n", "last line"}, got); diff != "" {
		t.Errorf("texts (-want +got):\n%s", diff)
	}
}
