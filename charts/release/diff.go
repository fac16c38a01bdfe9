package release

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"sigs.k8s.io/yaml"
)

// Change is one object that differs between two manifests.
type Change struct {
	Object
	// Kind of the change: added, removed or changed.
	Change string `json:"change"`
	// Hook holds for objects that are applied at a point of the release's life.
	Hook bool `json:"hook,omitempty"`
	// LabelsOnly holds when nothing differs but the labels that name the version
	// of the chart and of the application, which every upgrade changes in every
	// object.
	LabelsOnly bool `json:"labelsOnly,omitempty"`
	// Diff has the lines that differ, as unified diffs have them, without the
	// header. Values of Secrets are not in it.
	Diff string `json:"diff"`
}

// The kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Altered = "changed"
)

// Compared is two revisions, or a revision and a chart, and what differs.
type Compared struct {
	// From and To say what was compared: "revision 3", "shop-1.2.3".
	From, To string
	Changes  []Change
}

// DiffRevisions compares two revisions of a release. 0 stands for the one that
// is deployed.
func (m *Manager) DiffRevisions(ctx context.Context, name string, from, to int) (*Compared, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	a, err := m.revision(name, from)
	if err != nil {
		return nil, err
	}
	b, err := m.revision(name, to)
	if err != nil {
		return nil, err
	}
	return &Compared{
		From:    fmt.Sprintf("revision %d", a.Version),
		To:      fmt.Sprintf("revision %d", b.Version),
		Changes: compare(documents(a), documents(b)),
	}, nil
}

// revision returns one revision, or for 0 the one that is deployed, or when none
// is, the newest.
func (m *Manager) revision(name string, revision int) (*helmrelease.Release, error) {
	if revision > 0 {
		r, err := m.records.Get(name, revision)
		if err != nil {
			return nil, m.recordError(name, revision, err)
		}
		return r, nil
	}
	last, err := m.last(name)
	if err != nil {
		return nil, err
	}
	if deployed, err := m.records.Deployed(name); err == nil {
		return deployed, nil
	}
	return last, nil
}

// DiffChart compares what is deployed with what an upgrade to a chart would
// make. A release that is not there compares as empty. The options are those of
// the upgrade; nothing is changed.
func (m *Manager) DiffChart(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*Compared, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	current, err := m.revision(name, 0)
	if _, missing := errors.AsType[*NotFoundError](err); err != nil && !missing {
		return nil, err
	}
	out := &Compared{From: "nothing", To: fmt.Sprintf("%s-%s", c.Name(), c.Metadata.Version)}
	if current != nil {
		out.From = fmt.Sprintf("revision %d", current.Version)
	}
	next, err := m.render(ctx, name, c, values, o)
	if err != nil {
		return nil, err
	}
	out.Changes = compare(documents(current), documents(next))
	return out, nil
}

// render says what an upgrade, or an installation, would apply.
func (m *Manager) render(ctx context.Context, name string, c *chart.Chart, values map[string]any, o UpgradeOptions) (*helmrelease.Release, error) {
	o.DryRun = DryRunServer
	op := m.begin(ctx, false)
	if _, err := m.last(name); err != nil {
		install := newDryInstall(op.config, name, m.namespace, o)
		r, err := install.Run(c, values)
		return r, op.fault(err)
	}
	r, err := newUpgrade(op.config, m.namespace, o).Run(name, c, values)
	return r, op.fault(err)
}

// documents returns the objects of a revision, its hooks last.
func documents(r *helmrelease.Release) []document {
	if r == nil {
		return nil
	}
	list := parseManifest(r.Manifest)
	for _, h := range r.Hooks {
		if d, ok := parseDocument(h.Manifest); ok {
			d.hook = true
			list = append(list, d)
		}
	}
	return list
}

// compare pairs objects by their names and tells how they differ: those of the
// new side in its order, then what is removed.
func compare(before, after []document) []Change {
	type key struct {
		group string
		Object
		hook bool
	}
	keyOf := func(d document) key {
		o := d.object
		group, _, ok := strings.Cut(o.APIVersion, "/")
		if !ok {
			group = ""
		}
		// Another version of an API is the same object.
		o.APIVersion = ""
		return key{group, o, d.hook}
	}
	old := make(map[key]document, len(before))
	for _, d := range before {
		old[keyOf(d)] = d
	}
	var changes []Change
	for _, d := range after {
		k := keyOf(d)
		was, existed := old[k]
		delete(old, k)
		change := Change{Object: d.object, Change: Added, Hook: d.hook}
		if existed {
			change.Change = Altered
			change.LabelsOnly = alikeButLabels(was, d)
		}
		if change.Diff = unified(was, d); change.Diff != "" {
			changes = append(changes, change)
		}
	}
	for _, d := range before {
		if _, gone := old[keyOf(d)]; gone {
			changes = append(changes, Change{Object: d.object, Change: Removed, Hook: d.hook, Diff: unified(d, document{})})
		}
	}
	return changes
}

// alikeButLabels reports whether two objects are the same apart from the labels
// that name versions.
func alikeButLabels(a, b document) bool {
	return reflect.DeepEqual(withoutVersions(a.fields), withoutVersions(b.fields))
}

// withoutVersions copies an object and takes the labels that name versions off.
func withoutVersions(fields map[string]any) map[string]any {
	fields = maps.Clone(fields)
	metadata, _ := fields["metadata"].(map[string]any)
	metadata = maps.Clone(metadata)
	labels, _ := metadata["labels"].(map[string]any)
	labels = maps.Clone(labels)
	for _, label := range []string{"helm.sh/chart", "app.kubernetes.io/version", "chart"} {
		delete(labels, label)
	}
	if metadata != nil {
		metadata["labels"] = labels
		fields["metadata"] = metadata
	}
	return fields
}

// unified compares two objects as YAML with sorted keys, so that neither order
// nor comments count.
func unified(a, b document) string {
	mask(a, b)
	lines := diff.Diff("a", text(a), "b", text(b))
	// The first three lines name the files.
	parts := strings.SplitN(string(lines), "\n", 4)
	if len(parts) < 4 {
		return ""
	}
	return parts[3]
}

func text(d document) []byte {
	if len(d.fields) == 0 {
		return nil
	}
	data, err := yaml.Marshal(d.fields)
	if err != nil {
		return []byte(err.Error())
	}
	return data
}

// mask hides the values of Secrets on both sides, and says of each only whether
// it differs.
func mask(a, b document) {
	if a.object.Kind != "Secret" && b.object.Kind != "Secret" {
		return
	}
	before, after := secretValues(a), secretValues(b)
	hide := func(d document, own, other map[string]string, differing string) {
		if len(d.fields) == 0 {
			return
		}
		delete(d.fields, "stringData")
		hidden := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(own)) {
			hidden[key] = "(hidden)"
			if value, known := other[key]; known && value != own[key] {
				hidden[key] = differing
			}
		}
		d.fields["data"] = hidden
	}
	hide(a, before, after, "(hidden, before)")
	hide(b, after, before, "(hidden, after)")
}

// secretValues returns the values of a Secret in the clear, wherever they stand.
func secretValues(d document) map[string]string {
	values := map[string]string{}
	data, _ := d.fields["data"].(map[string]any)
	for key, value := range data {
		encoded := fmt.Sprint(value)
		plain, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			plain = []byte(encoded)
		}
		values[key] = string(plain)
	}
	plain, _ := d.fields["stringData"].(map[string]any)
	for key, value := range plain {
		values[key] = fmt.Sprint(value)
	}
	return values
}
