package release

import (
	"slices"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// sayings are what revisions have said of objects.
type sayings struct {
	order  []identity
	byName map[identity][]*unstructured.Unstructured
}

func (s *sayings) of(obj *unstructured.Unstructured) []*unstructured.Unstructured {
	return s.byName[identityOf(obj)]
}

// said returns what the revision that is there, and those that failed since,
// have said. Objects of kinds that the cluster no longer knows are left out.
func (p *planner) said(s situation) *sayings {
	out := &sayings{byName: map[identity][]*unstructured.Unstructured{}}
	for _, r := range append([]*helmrelease.Release{s.before}, s.attempts...) {
		if r == nil {
			continue
		}
		var objects []*unstructured.Unstructured
		for _, d := range readable(r.Manifest) {
			objects = append(objects, d.Unstructured)
		}
		unknown, err := p.client.Resolve(objects)
		if err != nil {
			continue // what asks for the live objects fails the same way
		}
		for _, obj := range objects {
			if slices.Contains(unknown, obj) {
				continue
			}
			id := identityOf(obj)
			if _, known := out.byName[id]; !known {
				out.order = append(out.order, id)
			}
			out.byName[id] = append(out.byName[id], obj)
		}
	}
	return out
}

// missingIn returns the objects that revisions had and the next has not.
func missingIn(said *sayings, desired []document) []*unstructured.Unstructured {
	wanted := map[identity]bool{}
	for _, d := range desired {
		wanted[identityOf(d.Unstructured)] = true
	}
	var gone []*unstructured.Unstructured
	for _, id := range said.order {
		if !wanted[id] {
			gone = append(gone, said.byName[id][0])
		}
	}
	return gone
}
