package release_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/release"

	"helm.sh/helm/v3/pkg/chart"
)

// object reads an object of the namespace prod.
func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	obj := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &obj.Object); err != nil {
		t.Fatal(err)
	}
	if obj.GetKind() != "Namespace" && obj.GetKind() != "CustomResourceDefinition" {
		obj.SetNamespace("prod")
	}
	return obj
}

// chartOf is a chart of documents.
func chartOf(t *testing.T, documents ...string) *chart.Chart {
	t.Helper()
	files := []charts.File{{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: shop\nversion: 1.2.3\n")}}
	for i, d := range documents {
		files = append(files, charts.File{Name: fmt.Sprintf("templates/%d.yaml", i), Data: []byte(d)})
	}
	c, err := archive.FromFiles(files)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// plan returns what an upgrade of the release to the documents would do, a word
// and an object a line.
func (b *bench) plan(t *testing.T, o release.ApplyOptions, documents ...string) (string, error) {
	t.Helper()
	r, err := b.Upgrade(t.Context(), "shop", chartOf(t, documents...), nil, release.UpgradeOptions{ApplyOptions: o, DryRun: release.DryRunServer})
	if err != nil {
		return "", err
	}
	var lines []string
	for _, s := range r.Plan.Steps {
		lines = append(lines, fmt.Sprintf("%s %s", s.Do, s.Object))
	}
	return strings.Join(lines, ", "), nil
}

const (
	configMap = "{apiVersion: v1, kind: ConfigMap, metadata: {name: %s}, data: {key: %s}}"
	claim     = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {size: %s}}"
	workload  = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {selector: %s}}"
	kept      = "{apiVersion: v1, kind: ConfigMap, metadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}}"
	job       = "{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, annotations: {helm.sh/hook: pre-upgrade}}}"
	ingress   = "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: web}}"
)

func TestPlan(t *testing.T) {
	immutable := func(kind, name string) error {
		return &release.RefusedError{Doing: "change", Object: release.Object{Kind: kind, Name: name}, Why: release.RefusedImmutable, Problem: "spec: is immutable"}
	}
	tests := []struct {
		name          string
		before, after []string
		// there is put into the cluster by somebody else.
		there   []string
		refuse  map[string]error
		options release.ApplyOptions
		want    string
		// refused is part of the error instead.
		refused []string
	}{
		{
			name:   "waves and hooks",
			before: []string{fmt.Sprintf(configMap, "old", "1")},
			after:  []string{ingress, fmt.Sprintf(workload, "a"), job, fmt.Sprintf(claim, "1"), fmt.Sprintf(configMap, "new", "1")},
			want:   "run Job migrate, create ConfigMap new, create PersistentVolumeClaim data, create Deployment web, create Ingress web, delete ConfigMap old",
		},
		{
			name:   "changed and untouched",
			before: []string{fmt.Sprintf(configMap, "a", "1"), fmt.Sprintf(configMap, "b", "1")},
			after:  []string{fmt.Sprintf(configMap, "a", "1"), fmt.Sprintf(configMap, "b", "2")},
			want:   "untouched ConfigMap a, change ConfigMap b",
		},
		{
			name:   "what holds data, or says so, is kept",
			before: []string{fmt.Sprintf(claim, "1"), kept},
			want:   "keep PersistentVolumeClaim data, keep ConfigMap kept",
		},
		{
			name:    "storage may go",
			before:  []string{fmt.Sprintf(claim, "1")},
			options: release.ApplyOptions{DeleteStorage: true},
			want:    "delete PersistentVolumeClaim data",
		},
		{
			name: "somebody else's", after: []string{fmt.Sprintf(configMap, "a", "1")}, there: []string{fmt.Sprintf(configMap, "a", "9")},
			refused: []string{"create ConfigMap a: it exists already, and is of no release"},
		},
		{
			name: "adopted", after: []string{fmt.Sprintf(configMap, "a", "1")}, there: []string{fmt.Sprintf(configMap, "a", "9")},
			options: release.ApplyOptions{Adopt: true}, want: "adopt ConfigMap a",
		},
		{
			name: "all refusals at once", before: []string{fmt.Sprintf(workload, "a"), fmt.Sprintf(claim, "1")}, after: []string{fmt.Sprintf(workload, "b"), fmt.Sprintf(claim, "2"), fmt.Sprintf(configMap, "a", "1")},
			there:   []string{"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, annotations: {meta.helm.sh/release-name: other, meta.helm.sh/release-namespace: dev}}}"},
			refuse:  map[string]error{"web": immutable("Deployment", "web"), "data": immutable("PersistentVolumeClaim", "data")},
			refused: []string{"Deployment web: it can only be deleted and made anew (spec: is immutable); lost would be: its pods", "lost would be: the data in it", "is of the release dev/other"},
		},
		{
			name: "recreated", before: []string{fmt.Sprintf(workload, "a")}, after: []string{fmt.Sprintf(workload, "b")},
			refuse: map[string]error{"web": immutable("Deployment", "web")}, options: release.ApplyOptions{Recreate: release.RecreateStateless}, want: "recreate Deployment web",
		},
		{
			name: "being deleted", before: []string{fmt.Sprintf(configMap, "a", "1")}, after: []string{fmt.Sprintf(configMap, "a", "1"), fmt.Sprintf(workload, "b")},
			there: []string{
				"{apiVersion: v1, kind: ConfigMap, metadata: {name: a, deletionTimestamp: 2026-01-02T03:04:05Z}, data: {key: 1}}",
				"{apiVersion: apps/v1, kind: Deployment, metadata: {name: web, deletionTimestamp: 2026-01-02T03:04:05Z, labels: {app.kubernetes.io/managed-by: Helm}, annotations: {meta.helm.sh/release-name: shop, meta.helm.sh/release-namespace: prod}}}",
			},
			refuse: map[string]error{"web": immutable("Deployment", "web")}, want: "recreate ConfigMap a, recreate Deployment web",
		},
		{
			name: "claims are not stateless", before: []string{fmt.Sprintf(claim, "1")}, after: []string{fmt.Sprintf(claim, "2")},
			refuse: map[string]error{"data": immutable("PersistentVolumeClaim", "data")}, options: release.ApplyOptions{Recreate: release.RecreateAll},
			refused: []string{"the data in it"},
		},
		{
			name: "a kind that nobody knows", after: []string{"{apiVersion: example.com/v1, kind: Strange, metadata: {name: a}}"},
			refused: []string{"the cluster has no kind Strange in example.com/v1"},
		},
		{
			name: "a kind that the release defines",
			after: []string{
				"{apiVersion: example.com/v1, kind: Strange, metadata: {name: a}}",
				"{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: s}, spec: {group: example.com, scope: Namespaced, names: {kind: Strange}}}",
			},
			want: "create CustomResourceDefinition s, create Strange a",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			if _, err := b.Install(t.Context(), "shop", chartOf(t, test.before...), nil, release.InstallOptions{}); err != nil {
				t.Fatal(err)
			}
			for _, text := range test.there {
				b.cluster.put(object(t, text))
			}
			b.cluster.refuse = test.refuse
			writes := b.cluster.writes
			got, err := b.plan(t, test.options, test.after...)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\nerror %v", diff, err)
			}
			if (err != nil) != (len(test.refused) > 0) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.refused {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v\nlacks %s", err, want)
				}
			}
			if b.cluster.writes != writes {
				t.Error("planning has written")
			}
		})
	}
}

// Whoever sees the plan and says no has changed nothing.
func TestDeclined(t *testing.T) {
	b := newBench(t)
	b.install(t, nil)
	writes := b.cluster.writes
	_, err := b.Upgrade(t.Context(), "shop", testChart(t), values{"replicas": 2}, release.UpgradeOptions{ApplyOptions: release.ApplyOptions{
		Confirm: func(_ context.Context, p *release.Plan) error {
			if p.Summary() != "1 to change" {
				t.Errorf("the plan: %s", p.Summary())
			}
			return release.ErrDeclined
		},
	}})
	if !errors.Is(err, release.ErrDeclined) || b.cluster.writes != writes || b.statuses(t, "shop") != "deployed" {
		t.Errorf("error %v, history %s", err, b.statuses(t, "shop"))
	}
}

// What somebody changed or deleted is seen, and put back without a revision.
func TestRepair(t *testing.T) {
	b := newBench(t)
	b.install(t, nil)
	name := release.Object{APIVersion: "v1", Kind: "ConfigMap", Namespace: "prod", Name: "web"}
	changed := b.cluster.get(name).DeepCopy()
	if err := unstructured.SetNestedField(changed.Object, "9", "data", "replicas"); err != nil {
		t.Fatal(err)
	}
	b.cluster.put(changed)
	plan, err := b.Repair(t.Context(), "shop", release.RepairOptions{DryRun: true})
	if err != nil || !plan.Changes() || plan.Summary() != "1 to change" {
		t.Fatalf("plan %+v, error %v", plan, err)
	}
	if _, err := b.Repair(t.Context(), "shop", release.RepairOptions{}); err != nil {
		t.Fatal(err)
	}
	if got, _, _ := unstructured.NestedString(b.cluster.get(name).Object, "data", "replicas"); got != "1" {
		t.Errorf("after the repair: %s", got)
	}
	if plan, err = b.Repair(t.Context(), "shop", release.RepairOptions{DryRun: true}); err != nil || plan.Changes() {
		t.Errorf("after the repair: %s, error %v", plan.Summary(), err)
	}
	if got := b.statuses(t, "shop"); got != "deployed" {
		t.Errorf("history: %s", got)
	}
}

// TestRefusalsHaveTheirTemplate: a refusal says which template the object comes from, be it
// a hook or not.
func TestRefusalsHaveTheirTemplate(t *testing.T) {
	b := newBench(t)
	b.cluster.fail["rehearse"] = &release.RefusedError{Why: release.RefusedInvalid}
	for _, document := range []string{fmt.Sprintf(configMap, "a", "1"), strings.Replace(job, "pre-upgrade", "pre-install", 1)} {
		_, err := b.Install(t.Context(), "shop", chartOf(t, document), nil, release.InstallOptions{DryRun: release.DryRunServer})
		if e, ok := errors.AsType[*release.RefusedError](err); !ok || e.Source != "shop/templates/0.yaml" {
			t.Errorf("got %+v", e)
		}
	}
}
