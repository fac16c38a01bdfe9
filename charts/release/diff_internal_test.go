package release

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCompare(t *testing.T) {
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
	for _, c := range compare(parseManifest(before), parseManifest(after)) {
		line := c.Name + " " + c.Change
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
	changes := compare(parseManifest(before), parseManifest(after))
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
		if strings.Contains(changes[0].Diff, secret) {
			t.Errorf("the value %q is shown:\n%s", secret, changes[0].Diff)
		}
	}
	if same := compare(parseManifest(before), parseManifest(before)); len(same) != 0 {
		t.Errorf("a Secret differs from itself: %v", same)
	}
}

func TestEvents(t *testing.T) {
	web := Object{Kind: "Deployment", Name: "web"}
	tests := []struct {
		event Event
		want  string
	}{
		{Event{Action: Created, Object: web}, "created Deployment web"},
		{Event{Action: Kept, Object: web, Detail: "why"}, "kept Deployment web: why"},
		{Event{Action: Waiting, Ready: 2, Total: 5, Detail: "Deployment web: 0/1"}, "waiting: 2 of 5 ready: Deployment web: 0/1"},
		{Event{Action: HookStarted, Object: Object{Kind: "Job", Name: "migrate"}}, "running hook Job migrate"},
		{Event{Action: Warned, Detail: "old API"}, "warning: old API"},
		{Event{Action: Step, Detail: "going back"}, "going back"},
	}
	for _, test := range tests {
		if got := test.event.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
