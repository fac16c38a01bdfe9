package release

import (
	"context"
	"fmt"
	"slices"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// CRDPolicy says what becomes of the definitions in a chart's folder crds. They
// are never deleted.
type CRDPolicy string

// The policies.
const (
	// CRDsCreate makes those that are not there, as helm does.
	CRDsCreate CRDPolicy = "create"
	// CRDsUpgrade changes those that are there, too, unless objects would be lost.
	CRDsUpgrade CRDPolicy = "upgrade"
	// CRDsSkip does nothing about them.
	CRDsSkip CRDPolicy = "skip"
)

// definitionsWithin is how long the API server may take to answer for new kinds.
const definitionsWithin = time.Minute

// definitions returns the objects of the folders crds of a chart and of those
// that it depends on.
func definitions(c *chart.Chart) []document {
	var list []document
	for _, crd := range c.CRDObjects() {
		for _, d := range readable(string(crd.File.Data)) {
			d.definition, d.source = true, crd.Filename
			list = append(list, d)
		}
	}
	return list
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

// decideDefinition looks at a definition of the folder crds that is there already.
// It is the cluster's, not the release's.
func (p *planner) decideDefinition(ctx context.Context, s *Step) error {
	s.Do, s.method = Leave, ApplyServer
	if p.crds != CRDsUpgrade {
		s.Reason = "definitions that are there are not changed without --crds=upgrade"
		return nil
	}
	s.Do = Change
	result, err := p.client.Send(ctx, Write{Object: s.desired, Live: s.live, Method: ApplyServer, Take: true, DryRun: true})
	if err != nil {
		return err
	}
	p.compare(s, result)
	return versionsKept(s)
}

// versionsKept refuses a definition from which a version is gone in which objects
// are stored: they could not be read any more.
func versionsKept(s *Step) error {
	stored, _, _ := unstructured.NestedStringSlice(s.live.Object, "status", "storedVersions")
	list, _, _ := unstructured.NestedSlice(s.desired.Object, "spec", "versions")
	var named []string
	for _, item := range list {
		fields, _ := item.(map[string]any)
		name, _ := fields["name"].(string)
		named = append(named, name)
	}
	for _, version := range stored {
		if len(named) > 0 && !slices.Contains(named, version) {
			return &RefusedError{Doing: "change", Object: s.Object, Why: RefusedInvalid, Problem: fmt.Sprintf("objects are stored in version %s, which it would no longer have", version)}
		}
	}
	return nil
}

// awaitDefinitions waits until the API server answers for new kinds.
func (e *execution) awaitDefinitions(ctx context.Context, steps []*Step) error {
	var fresh []*unstructured.Unstructured
	for _, s := range steps {
		if s.Do == Create || s.Do == Change {
			fresh = append(fresh, e.applied[s])
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if err := e.client.Wait(ctx, fresh, UntilReady, min(definitionsWithin, e.options.timeout())); err != nil {
		return err
	}
	var objects []*unstructured.Unstructured
	for _, s := range e.plan.Steps {
		if s.Wave == Custom && s.Do != Delete && s.Do != Keep {
			objects = append(objects, s.desired)
		}
	}
	return e.client.Learn(ctx, objects)
}
