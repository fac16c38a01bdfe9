package release

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"k8s.io/client-go/discovery"

	"gantry/charts/engine"
)

// rendering is what a revision is rendered from.
type rendering struct {
	name   string
	chart  *chart.Chart
	values map[string]any
	reuse  Reuse
	// before is the revision whose values may be reused, and last the newest; nil
	// for the first installation.
	before, last *helmrelease.Release

	skipSchema bool
	// lookup lets templates look objects up.
	lookup bool
}

// render makes the next revision of a chart, with helm's rules for values, hooks
// and documents; the engine is gantry's.
func (m *Manager) render(ctx context.Context, r rendering) (*helmrelease.Release, error) {
	if err := checkName(r.name); err != nil {
		return nil, err
	}
	if strings.EqualFold(r.chart.Metadata.Type, "library") {
		return nil, fmt.Errorf("%s is a library: only charts that depend on it can be installed", r.chart.Name())
	}
	capabilities, err := m.capabilities()
	if err != nil {
		return nil, err
	}
	if want, is := r.chart.Metadata.KubeVersion, capabilities.KubeVersion.String(); want != "" && !chartutil.IsCompatibleRange(want, is) {
		return nil, fmt.Errorf("chart %s needs Kubernetes %s, and the cluster is %s", r.chart.Name(), want, is)
	}
	if r.values, err = r.reused(); err != nil {
		return nil, err
	}
	next, err := m.renderWith(ctx, r, capabilities)
	// Only now is known which of the charts that it depends on take part. What they
	// define will be there when the objects are applied.
	if added := definedBy(r.chart, capabilities.APIVersions); len(added) > 0 {
		capabilities.APIVersions = append(capabilities.APIVersions, added...)
		next, err = m.renderWith(ctx, r, capabilities)
	}
	return next, err
}

func (m *Manager) renderWith(ctx context.Context, r rendering, capabilities *chartutil.Capabilities) (*helmrelease.Release, error) {
	if err := chartutil.ProcessDependenciesWithMerge(r.chart, r.values); err != nil {
		return nil, err
	}
	// As with helm, templates see revision 1 of whatever is installed, even if a
	// release of the name was uninstalled with its history kept.
	seen := chartutil.ReleaseOptions{Name: r.name, Namespace: m.namespace, Revision: 1, IsInstall: r.before == nil, IsUpgrade: r.before != nil}
	if r.before != nil {
		seen.Revision = r.last.Version + 1
	}
	visible, err := chartutil.ToRenderValuesWithSchemaValidation(r.chart, r.values, seen, capabilities, r.skipSchema)
	if err != nil {
		return nil, err
	}
	var lookup engine.Lookup
	if r.lookup {
		if lookup, err = m.lookup(ctx); err != nil {
			return nil, err
		}
	}
	files, err := engine.Files(ctx, r.chart, visible, lookup)
	if err != nil {
		return nil, err
	}
	return m.nextRevision(r, files)
}

// reused returns the values of the next revision: those that were given, over those
// of the revision before where they are to be reused.
func (r *rendering) reused() (map[string]any, error) {
	if r.before == nil {
		return r.values, nil
	}
	switch r.reuse {
	case ReuseAll:
		// The defaults of the chart as it was count, too.
		defaults, err := chartutil.CoalesceValues(r.before.Chart, r.before.Config)
		if err != nil {
			return nil, fmt.Errorf("put the values of revision %d together: %w", r.before.Version, err)
		}
		r.chart.Values = defaults
		return chartutil.CoalesceTables(r.values, r.before.Config), nil
	case ReuseGiven:
		return chartutil.CoalesceTables(r.values, r.before.Config), nil
	case ReuseIfNone:
		if len(r.values) == 0 && len(r.before.Config) > 0 {
			return r.before.Config, nil
		}
	case ReuseNothing:
	}
	return r.values, nil
}

// nextRevision puts what the templates have become, by their names, into a revision that
// is not recorded yet.
func (m *Manager) nextRevision(r rendering, files map[string]string) (*helmrelease.Release, error) {
	const notes = "NOTES.txt"
	now := m.now()
	next := &helmrelease.Release{
		Name: r.name, Namespace: m.namespace, Chart: r.chart, Config: r.values, Version: 1,
		Info: &helmrelease.Info{
			FirstDeployed: now, LastDeployed: now, Status: helmrelease.StatusUnknown,
			Notes: files[path.Join(r.chart.Name(), "templates", notes)],
		},
	}
	if r.last != nil {
		next.Version = r.last.Version + 1
	}
	if r.before != nil {
		next.Info.FirstDeployed, next.Labels = r.before.Info.FirstDeployed, maps.Clone(r.last.Labels)
	}
	maps.DeleteFunc(files, func(name, _ string) bool { return strings.HasSuffix(name, notes) })
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, manifest := range manifests {
		fmt.Fprintf(&b, "---\n# Source: %s\n%s\n", manifest.Name, manifest.Content)
	}
	next.Hooks, next.Manifest = hooks, b.String()
	return next, nil
}

// capabilities says what the cluster can do.
func (m *Manager) capabilities() (*chartutil.Capabilities, error) {
	client, err := m.cluster.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	version, err := client.ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("ask the cluster for its version: %w", m.cluster.Lost(err))
	}
	versions, err := Versions(client)
	if err != nil {
		return nil, fmt.Errorf("ask the cluster for its kinds: %w", m.cluster.Lost(err))
	}
	return &chartutil.Capabilities{
		APIVersions: versions,
		KubeVersion: chartutil.KubeVersion{Version: version.GitVersion, Major: version.Major, Minor: version.Minor},
		HelmVersion: chartutil.DefaultCapabilities.HelmVersion,
	}, nil
}

// Versions returns the versions of APIs that a cluster serves, alone and with each
// of their kinds, as templates look for them. A service that is registered and does
// not answer has none.
func Versions(client discovery.ServerResourcesInterface) (chartutil.VersionSet, error) {
	groups, resources, err := client.ServerGroupsAndResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, err
	}
	var versions chartutil.VersionSet
	for _, group := range groups {
		for _, version := range group.Versions {
			versions = append(versions, version.GroupVersion)
		}
	}
	for _, list := range resources {
		for _, resource := range list.APIResources {
			versions = append(versions, path.Join(list.GroupVersion, resource.Kind))
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions), nil
}
