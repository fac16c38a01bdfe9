package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"gantry/charts/compare"
)

// Release is one revision of a release, as it is recorded.
type Release struct {
	Name      string
	Namespace string
	Revision  int
	// Status is helm's word: deployed, superseded, failed, uninstalled,
	// uninstalling, pending-install, pending-upgrade or pending-rollback.
	Status      string
	Description string
	// Installed is when the first revision was made, Updated when this one was.
	Installed, Updated time.Time

	Chart        string
	ChartVersion string
	AppVersion   string
	// Annotations and Dependencies are those of Chart.yaml.
	Annotations  map[string]string
	Dependencies []*chart.Dependency

	// Values are those that the user gave.
	Values map[string]any
	// Notes is the rendered NOTES.txt.
	Notes string
	// Manifest holds all objects except hooks.
	Manifest string
	Hooks    []Hook
	// Changes says in a few words how the objects differ from those of the revision
	// before, where both were read; versions in labels do not count.
	Changes string
	// By is who made the revision, as the cluster calls them; empty when that is not
	// recorded: helm does not.
	By string
	// Plan is how this revision came about; nil for one that was read.
	Plan *Plan
	// Unchanged holds for one that was deployed already, and that an operation found
	// nothing to change in.
	Unchanged bool

	record *helmrelease.Release
}

// Hook is a document that is applied at a point of the release's life.
type Hook struct {
	Object
	Events []string
	// Path is the template that it comes from.
	Path     string
	Manifest string
	// Phase of its last run: Succeeded, Failed, Running, Unknown, or empty.
	Phase string
	// Started and Completed are the times of its last run.
	Started, Completed time.Time
}

// ChartAndVersion joins the two as helm does: shop-1.2.3.
func (r *Release) ChartAndVersion() string { return r.Chart + "-" + r.ChartVersion }

// AllValues are the chart's own values with the user's over them.
func (r *Release) AllValues() (map[string]any, error) {
	return chartutil.CoalesceValues(r.record.Chart, r.record.Config)
}

func fromRecord(r *helmrelease.Release) *Release {
	if r == nil {
		return nil
	}
	out := &Release{
		Name: r.Name, Namespace: r.Namespace, Revision: r.Version,
		Values: r.Config, Manifest: r.Manifest, By: author(r), record: r,
	}
	if r.Info != nil {
		out.Status, out.Description, out.Notes = r.Info.Status.String(), r.Info.Description, r.Info.Notes
		out.Installed, out.Updated = r.Info.FirstDeployed.Time, r.Info.LastDeployed.Time
	}
	if r.Chart != nil && r.Chart.Metadata != nil {
		m := r.Chart.Metadata
		out.Chart, out.ChartVersion, out.AppVersion = m.Name, m.Version, m.AppVersion
		out.Annotations, out.Dependencies = m.Annotations, m.Dependencies
	}
	for _, h := range r.Hooks {
		hook := Hook{
			Object: Object{Kind: h.Kind, Name: h.Name}, Path: h.Path, Manifest: h.Manifest,
			Phase: h.LastRun.Phase.String(), Started: h.LastRun.StartedAt.Time, Completed: h.LastRun.CompletedAt.Time,
		}
		for _, e := range h.Events {
			hook.Events = append(hook.Events, e.String())
		}
		out.Hooks = append(out.Hooks, hook)
	}
	return out
}

// Get returns a revision of a release, the newest for 0.
func (m *Manager) Get(ctx context.Context, name string, revision int) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if revision <= 0 {
		r, err := m.last(name)
		return fromRecord(r), err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, err := m.records.Get(name, revision)
	if err != nil {
		return nil, m.recordError(name, revision, err)
	}
	return fromRecord(r), nil
}

// History returns the newest revisions of a release, oldest first; 0 returns
// all.
func (m *Manager) History(ctx context.Context, name string, newest int) ([]*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	records, err := m.history(name)
	if err != nil {
		return nil, err
	}
	skipped := 0
	if newest > 0 && len(records) > newest {
		skipped = len(records) - newest
	}
	list := make([]*Release, 0, len(records)-skipped)
	for i, r := range records[skipped:] {
		out := fromRecord(r)
		if before := skipped + i - 1; before >= 0 {
			out.Changes = changes(records[before], r)
		}
		list = append(list, out)
	}
	return list, nil
}

// history returns the records of a release, oldest first.
func (m *Manager) history(name string) ([]*helmrelease.Release, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	records, err := m.records.History(name)
	if err != nil {
		return nil, m.recordError(name, 0, err)
	}
	slices.SortFunc(records, func(a, b *helmrelease.Release) int { return cmp.Compare(a.Version, b.Version) })
	return records, nil
}

// ListOptions says which releases are listed.
type ListOptions struct {
	// Uninstalled lists also releases that were uninstalled with their history
	// kept.
	Uninstalled bool
}

// List returns the newest revision of every release, by namespace and name.
func (m *Manager) List(ctx context.Context, o ListOptions) ([]*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	records, err := m.records.ListReleases()
	if err != nil && !errors.Is(err, driver.ErrReleaseNotFound) {
		return nil, fmt.Errorf("read the records: %w", m.cluster.Lost(err))
	}
	newest := map[string]*helmrelease.Release{}
	for _, r := range records {
		key := r.Namespace + "/" + r.Name
		if newest[key] == nil || newest[key].Version < r.Version {
			newest[key] = r
		}
	}
	var list []*Release
	for _, key := range slices.Sorted(maps.Keys(newest)) {
		if newest[key].Info.Status == helmrelease.StatusUninstalled && !o.Uninstalled {
			continue
		}
		list = append(list, fromRecord(newest[key]))
	}
	return list, nil
}

// Health returns how the objects of a revision are now.
func (m *Manager) Health(ctx context.Context, r *Release) ([]Health, error) {
	client, objects, err := m.objects(r)
	if err != nil {
		return nil, err
	}
	return client.Health(ctx, objects)
}

// Tables returns the objects of a revision as they are now, without their secrets.
func (m *Manager) Tables(ctx context.Context, r *Release) ([]Table, error) {
	client, objects, err := m.objects(r)
	if err != nil {
		return nil, err
	}
	tables, err := client.Tables(ctx, objects)
	for _, table := range tables {
		for i, fields := range table.Objects {
			table.Objects[i] = compare.WithoutSecrets(fields)
		}
	}
	return tables, err
}

// objects returns the objects of a revision that are of known kinds, and what reads
// them.
func (m *Manager) objects(r *Release) (Client, []*unstructured.Unstructured, error) {
	client, err := m.client(ApplyOptions{})
	if err != nil {
		return nil, nil, err
	}
	var objects []*unstructured.Unstructured
	for _, d := range readable(r.Manifest) {
		objects = append(objects, d.Unstructured)
	}
	unknown, err := client.Resolve(objects)
	if err != nil {
		return nil, nil, err
	}
	return client, slices.DeleteFunc(objects, func(o *unstructured.Unstructured) bool { return slices.Contains(unknown, o) }), nil
}
