package release

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"gantry/charts/compare"
)

// Plan is what an operation does, in its order. It was rehearsed: the API server
// has said to each object that it would take it.
type Plan struct {
	Release   string `json:"release"`
	Namespace string `json:"namespace"`
	// From and To say what is compared: "revision 3", "shop-1.2.3".
	From string `json:"from"`
	To   string `json:"to"`
	// Steps are the objects: first what is applied, by wave; then what is deleted.
	Steps []*Step `json:"steps"`
}

// Do is what a plan does to an object.
type Do string

// What is done to objects.
const (
	// Create makes what is not there.
	Create Do = "create"
	// Change makes some fields different.
	Change Do = "change"
	// Recreate deletes an object and makes it anew, because a field that differs
	// cannot be changed.
	Recreate Do = "recreate"
	// Adopt takes an object over that was not of the release.
	Adopt Do = "adopt"
	// Delete takes an object away that is no longer in the release.
	Delete Do = "delete"
	// Keep leaves an object that is no longer in the release.
	Keep Do = "keep"
	// Leave leaves an object as it is: it is as it should be.
	Leave Do = "untouched"
	// Run runs a hook.
	Run Do = "run"
)

// Step is what a plan does to one object.
type Step struct {
	Object

	Do   Do   `json:"do"`
	Wave Wave `json:"wave,omitempty"`
	// After are the workloads that a workload is applied after.
	After []Dependency `json:"after,omitempty"`
	// Hook lists the points of the release's life at which a hook runs.
	Hook []string `json:"hook,omitempty"`
	// Weight orders the hooks of one point.
	Weight int `json:"weight,omitempty"`
	// Reason says why an object is recreated, adopted or kept.
	Reason string `json:"reason,omitempty"`
	// Lost is what is lost when the step is done: data, an address, running pods.
	Lost string `json:"lost,omitempty"`
	// Fields are those that differ, of an object that is changed. Values of Secrets
	// are hidden here and in the lines below.
	Fields []compare.Field `json:"fields,omitempty"`
	// Diff has the lines that differ, as unified diffs have them, without the
	// header.
	Diff string `json:"diff,omitempty"`
	// LabelsOnly holds when nothing differs but the labels that name the version of
	// the chart and of the application, which every upgrade changes.
	LabelsOnly bool `json:"labelsOnly,omitempty"`
	// Taken are fields that are taken over from others.
	Taken []Conflict `json:"taken,omitempty"`

	desired, live *unstructured.Unstructured
	// source is the template that desired comes from.
	source string
	// needs are what After says; rank orders the workloads by them. What is held
	// waits for others to be healthy, or comes after what does.
	needs []need
	rank  int
	held  bool
	// before is what revisions have said of the object.
	before []*unstructured.Unstructured
	method Method
	// claims holds for an object that is as it should be, but whose fields the API
	// server does not know to be ours.
	claims bool
	hook   *helmrelease.Hook
	// crd holds for what the folder crds defines: it is not of the release.
	crd bool
}

func newStep(d document) *Step {
	s := &Step{Object: d.object(), desired: d.Unstructured, hook: d.hook, crd: d.definition, source: d.source}
	if d.hook != nil {
		s.source = d.hook.Path
		s.Weight = d.hook.Weight
		for _, e := range d.hook.Events {
			s.Hook = append(s.Hook, e.String())
		}
		return s
	}
	s.Wave = waveOf(d.GroupVersionKind().GroupKind())
	return s
}

// Changes reports whether the plan changes anything; hooks that run with every
// operation do not count.
func (p *Plan) Changes() bool {
	return slices.ContainsFunc(p.Steps, func(s *Step) bool { return s.Do != Leave && s.Do != Keep && s.Do != Run })
}

// nothing is what a first revision is compared with.
const nothing = "nothing"

// Fresh reports whether the plan makes a first revision, and changes nothing that is
// there already.
func (p *Plan) Fresh() bool {
	return p.From == nothing && p.Count(Change)+p.Count(Recreate)+p.Count(Adopt) == 0
}

// Keeps reports whether the plan leaves an object that is no longer in the release. A
// plan that there is not keeps nothing.
func (p *Plan) Keeps(o Object) bool {
	return p != nil && slices.ContainsFunc(p.Steps, func(s *Step) bool { return s.Do == Keep && s.Object == o })
}

// Count returns how many steps do something.
func (p *Plan) Count(do Do) int {
	n := 0
	for _, s := range p.Steps {
		if s.Do == do {
			n++
		}
	}
	return n
}

// Summary says in a few words what the plan does: 1 to create, 2 to change.
func (p *Plan) Summary() string {
	var parts []string
	for _, do := range []Do{Create, Change, Recreate, Adopt, Delete} {
		if n := p.Count(do); n > 0 {
			parts = append(parts, fmt.Sprintf("%d to %s", n, do))
		}
	}
	if len(parts) == 0 {
		return "nothing to change"
	}
	if n := p.Count(Leave); n > 0 {
		parts = append(parts, fmt.Sprintf("%d untouched", n))
	}
	return strings.Join(parts, ", ")
}

// RefusedPlanError is a plan that cannot be carried out. Nothing was changed.
type RefusedPlanError struct {
	// Refusals say why, one for each object: [*RefusedError], [*RecreateError],
	// [*OwnedError].
	Refusals []error
}

// Error prints all of them.
func (e *RefusedPlanError) Error() string {
	lines := make([]string, 0, len(e.Refusals))
	for _, r := range e.Refusals {
		lines = append(lines, r.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns all of them.
func (e *RefusedPlanError) Unwrap() []error { return e.Refusals }

// RecreateError is an object that could only be changed by deleting it and making
// it anew, which was not allowed.
type RecreateError struct {
	Object Object
	// Reason is what the API server says.
	Reason string
	// Lost is what would be lost.
	Lost string
	// Allow is the policy that would allow it.
	Allow RecreatePolicy
	// Storage tells that leave to delete storage is needed as well.
	Storage bool
}

// Error names the object, the reason, and what would be lost.
func (e *RecreateError) Error() string {
	return fmt.Sprintf("change %s: it can only be deleted and made anew (%s); lost would be: %s", e.Object, e.Reason, e.Lost)
}

// OwnedError is an object that is there already and is not of the release.
type OwnedError struct {
	Object Object
	// Owner is the release whose it is, as NAMESPACE/NAME; empty when it is nobody's.
	Owner string
}

// Error names the object and its owner.
func (e *OwnedError) Error() string {
	if e.Owner == "" {
		return fmt.Sprintf("create %s: it exists already, and is of no release", e.Object)
	}
	return fmt.Sprintf("create %s: it exists already, and is of the release %s", e.Object, e.Owner)
}

// ErrDeclined means that somebody looked at the plan and said no.
var ErrDeclined = errors.New("nothing was changed")
