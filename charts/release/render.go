package release

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	kubefake "helm.sh/helm/v3/pkg/kube/fake"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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

// render makes the next revision of a chart. Templates, the values of before,
// hooks and notes are helm's: its action runs dry, over records that hold no more
// than it needs to know, and a client that sends nothing.
func (m *Manager) render(r rendering) (*helmrelease.Release, error) {
	capabilities, err := m.capabilities()
	if err != nil {
		return nil, err
	}
	next, err := m.renderWith(r, capabilities)
	// Only now is known which of the charts that it depends on take part. What they
	// define will be there when the objects are applied.
	if added := definedBy(r.chart, capabilities.APIVersions); len(added) > 0 {
		capabilities.APIVersions = append(capabilities.APIVersions, added...)
		next, err = m.renderWith(r, capabilities)
	}
	return next, err
}

func (m *Manager) renderWith(r rendering, capabilities *chartutil.Capabilities) (*helmrelease.Release, error) {
	memory := driver.NewMemory()
	memory.SetNamespace(m.namespace)
	config := &action.Configuration{
		RESTClientGetter: m.cluster,
		Releases:         storage.Init(memory),
		KubeClient:       &kubefake.PrintingKubeClient{Out: io.Discard},
		Capabilities:     capabilities,
		Log:              func(string, ...any) {},
	}
	dry := string(DryRunClient)
	if r.lookup {
		dry = string(DryRunServer)
	}
	var next *helmrelease.Release
	var err error
	if r.before == nil {
		install := action.NewInstall(config)
		install.ReleaseName, install.Namespace, install.SkipSchemaValidation = r.name, m.namespace, r.skipSchema
		install.DryRun, install.DryRunOption = true, dry
		next, err = install.Run(r.chart, r.values)
	} else {
		if err := remembered(config.Releases, r.before, r.last); err != nil {
			return nil, err
		}
		upgrade := newUpgrade(config, m.namespace, r)
		upgrade.DryRun, upgrade.DryRunOption = true, dry
		next, err = upgrade.Run(r.name, r.chart, r.values)
	}
	if err != nil {
		return nil, err
	}
	if r.last != nil {
		next.Version = r.last.Version + 1
	}
	next.Info.Description = ""
	return next, nil
}

func newUpgrade(config *action.Configuration, namespace string, r rendering) *action.Upgrade {
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.SkipSchemaValidation = namespace, r.skipSchema
	switch r.reuse {
	case ReuseNothing:
		upgrade.ResetValues = true
	case ReuseAll:
		upgrade.ReuseValues = true
	case ReuseGiven:
		upgrade.ResetThenReuseValues = true
	case ReuseIfNone:
	}
	return upgrade
}

// remembered gives helm's action the revisions that it asks for: the one that is
// there, and the newest, which is in the middle of nothing.
func remembered(records *storage.Storage, before, last *helmrelease.Release) error {
	was := *before
	info := *before.Info
	info.Status = helmrelease.StatusDeployed
	was.Info = &info
	if err := records.Create(&was); err != nil {
		return err
	}
	if last.Version == before.Version {
		return nil
	}
	newest := *last
	info = *last.Info
	info.Status = helmrelease.StatusFailed
	newest.Info = &info
	return records.Create(&newest)
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
	versions, err := action.GetVersionSet(client)
	if err != nil {
		return nil, fmt.Errorf("ask the cluster for its kinds: %w", m.cluster.Lost(err))
	}
	return &chartutil.Capabilities{
		APIVersions: versions,
		KubeVersion: chartutil.KubeVersion{Version: version.GitVersion, Major: version.Major, Minor: version.Minor},
		HelmVersion: chartutil.DefaultCapabilities.HelmVersion,
	}, nil
}

// definedBy returns the versions that the definitions of a chart add to those that
// are known.
func definedBy(c *chart.Chart, known chartutil.VersionSet) []string {
	var added []string
	for _, d := range definitions(c) {
		group, _, _ := unstructured.NestedString(d.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(d.Object, "spec", "names", "kind")
		list, _, _ := unstructured.NestedSlice(d.Object, "spec", "versions")
		for _, item := range list {
			fields, _ := item.(map[string]any)
			name, _ := fields["name"].(string)
			if version := group + "/" + name; !known.Has(version + "/" + kind) {
				added = append(added, version, version+"/"+kind)
			}
		}
	}
	return added
}

// definitions returns the objects of the folders crds of a chart and of those
// that it depends on.
func definitions(c *chart.Chart) []document {
	var list []document
	for _, crd := range c.CRDObjects() {
		for _, d := range readable(string(crd.File.Data)) {
			d.definition = true
			list = append(list, d)
		}
	}
	return list
}

// missingRelease reports whether there is no such release.
func missingRelease(err error) bool {
	_, missing := errors.AsType[*NotFoundError](err)
	return missing
}

// lineWriter splits what is written into lines.
type lineWriter struct {
	line func(string)
	rest string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	text := w.rest + string(p)
	for {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			w.rest = text
			return len(p), nil
		}
		w.line(line)
		text = rest
	}
}
