package release_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/charts/release"
)

// after is a Deployment that comes after others.
func after(name, others string) string {
	return fmt.Sprintf("{apiVersion: apps/v1, kind: Deployment, metadata: {name: %s, annotations: {gantry.dev/depends-on: '%s'}}}", name, others)
}

func TestOrderOfWorkloads(t *testing.T) {
	const hashed = "{apiVersion: batch/v1, kind: Job, metadata: {name: migrate-1a2b, labels: {app.kubernetes.io/name: migrate}}}"
	tests := []struct {
		name      string
		documents []string
		want      string
		// calls are what is asked of the cluster.
		calls string
	}{
		{"independent", []string{after("c", ""), after("a", ""), after("b", "")}, "c, a, b", "send send send"},
		{"started", []string{after("web", "db"), ingress, after("db", "")}, "db, web, web", "send send send"},
		{"healthy", []string{after("web", "db=healthy"), ingress, after("db", "")}, "db, web, web", "send send wait: ready send"},
		{"completed, by its label", []string{after("web", "migrate=completed"), hashed}, "migrate-1a2b, web", "send wait: done send"},
		{"what comes after what waits", []string{after("edge", "web"), after("web", "db=healthy"), after("db", "")}, "db, web, edge", "send wait: ready send send"},
		{"two of them share a wait", []string{after("a", "db=healthy"), after("b", "db=healthy"), after("db", "")}, "db, a, b", "send wait: ready send send"},
		{"what is not there", []string{after("web", "db=healthy, mail")}, "web", "send"},
		{"a chart within, of its own", []string{
			strings.Replace(after("web", "db=healthy"), "name: web", "name: web, labels: {app.kubernetes.io/part-of: one}", 1),
			strings.Replace(after("db", ""), "name: db", "name: db, labels: {app.kubernetes.io/part-of: two}", 1),
		}, "web, db", "send send"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			r, err := b.Install(t.Context(), "shop", chartOf(t, test.documents...), nil, release.InstallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, s := range r.Plan.Steps {
				names = append(names, s.Name)
			}
			if got := strings.Join(names, ", "); got != test.want {
				t.Errorf("plan: %s, want %s", got, test.want)
			}
			calls := slices.DeleteFunc(b.cluster.calls, func(call string) bool { return call == "rehearse" })
			if diff := cmp.Diff(test.calls, strings.Join(calls, " ")); diff != "" {
				t.Errorf("calls (-want +got):\n%s", diff)
			}
		})
	}
}

// What belongs to a workload has its name and its label, and is not waited for.
func TestDependenciesRun(t *testing.T) {
	const budget = "{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: db, labels: {app.kubernetes.io/name: db}}}"
	b := newBench(t)
	r, err := b.Install(t.Context(), "shop", chartOf(t, after("web", "db=healthy"), after("db", ""), budget), nil, release.InstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Plan.Steps {
		for _, d := range s.After {
			if d.Kind != "Deployment" {
				t.Errorf("%s comes after %s", s.Object, d.Object)
			}
		}
	}
}

// An upgrade that does not touch who waits, waits for nobody.
func TestUntouchedWorkloadsWaitForNobody(t *testing.T) {
	b := newBench(t)
	documents := []string{after("web", "db=healthy"), after("db", "")}
	if _, err := b.Install(t.Context(), "shop", chartOf(t, documents...), nil, release.InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	b.cluster.calls = nil
	documents[1] = strings.Replace(documents[1], "}}}", "}}, spec: {replicas: 2}}", 1)
	if _, err := b.Upgrade(t.Context(), "shop", chartOf(t, documents...), nil, release.UpgradeOptions{}); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(b.cluster.calls, "wait: ready") {
		t.Errorf("calls: %q", b.cluster.calls)
	}
}

// Who does not become healthy ends the operation before others are applied.
func TestUnhealthyWorkloadsEndIt(t *testing.T) {
	b := newBench(t)
	b.cluster.fail["wait: ready"] = errBroken
	_, err := b.Install(t.Context(), "shop", chartOf(t, after("web", "db=healthy"), after("db", "")), nil, release.InstallOptions{})
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]string{"Deployment db"}, b.cluster.names()); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
}

// Whoever comes after others is deleted before them.
func TestWorkloadsAreDeletedTheOtherWayRound(t *testing.T) {
	b := newBench(t)
	if _, err := b.Install(t.Context(), "shop", chartOf(t, after("db", ""), after("web", "db=healthy")), nil, release.InstallOptions{}); err != nil {
		t.Fatal(err)
	}
	done, err := b.Uninstall(t.Context(), "shop", release.UninstallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := done.Plan.Steps; len(got) != 2 || got[0].Name != "web" || got[1].Name != "db" {
		t.Errorf("deleted %s, then %s", got[0].Object, got[1].Object)
	}
}

func TestDependenciesThatCannotBe(t *testing.T) {
	for _, test := range []struct {
		documents []string
		want      string
	}{
		{[]string{after("a", "b"), after("b", "c=healthy"), after("c", "a")}, "Deployment a: its annotation gantry.dev/depends-on leads back to it: a comes after b comes after c comes after a"},
		{[]string{after("a", "b=ready"), after("b", "")}, `Deployment a: its annotation gantry.dev/depends-on says "ready" of b: use started, healthy or completed`},
	} {
		b := newBench(t)
		_, err := b.Install(t.Context(), "shop", chartOf(t, test.documents...), nil, release.InstallOptions{})
		if refused, ok := errors.AsType[*release.RefusedPlanError](err); !ok || refused.Error() != test.want {
			t.Errorf("error %v, want %s", err, test.want)
		}
		if got := b.cluster.names(); got != nil {
			t.Errorf("applied %q", got)
		}
	}
}
