package release

import (
	"context"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// decide says what becomes of one object.
func (p *planner) decide(ctx context.Context, s *Step) error {
	switch {
	case s.live == nil:
		return p.decideNew(ctx, s)
	case s.crd:
		return p.decideDefinition(ctx, s)
	case len(s.before) == 0 && !p.ours(s.live):
		if !p.options.Adopt {
			return &OwnedError{Object: s.Object, Owner: ownerOf(s.live)}
		}
		s.Reason = "it was not of the release"
		if owner := ownerOf(s.live); owner != "" {
			s.Reason = "it was of the release " + owner
		}
	}
	s.Do = Change
	s.method = p.methodFor(s)
	if len(s.before) == 0 {
		s.before = []*unstructured.Unstructured{s.live}
	}
	result, err := p.rehearse(ctx, s)
	_, immutable := refusedAs(err, RefusedImmutable)
	switch {
	case goesAway(s) && (err == nil || immutable):
		s.Do, s.Reason = Recreate, "it is being deleted"
		s.compare(s.live, s.desired)
		return nil
	case immutable:
		return p.decideRecreation(s, err)
	}
	if err != nil || result == nil {
		return err
	}
	p.compare(s, result)
	return nil
}

// goesAway reports whether an object that is wanted is being deleted, which no change of it
// stops: it has to be made anew afterwards. Claims go only after the pods that use them,
// which are not waited for.
func goesAway(s *Step) bool {
	return s.live.GetDeletionTimestamp() != nil && s.Wave != Storage && s.Kind != "Namespace"
}

// compare decides between a change and none.
func (p *planner) compare(s *Step, result *unstructured.Unstructured) {
	if result == s.live && s.Reason == "" {
		s.Do = Leave // what is there is what is wanted, and nobody was asked
		return
	}
	s.compare(s.live, result)
	if s.Reason != "" {
		s.Do = Adopt
		return
	}
	if s.Diff != "" {
		return
	}
	s.Do = Leave
	s.claims = s.method == ApplyServer && !reflect.DeepEqual(owners(s.live), owners(result))
}

// owners returns who owns which fields, without the time of it.
func owners(obj *unstructured.Unstructured) []any {
	var list []any
	for _, entry := range obj.GetManagedFields() {
		if entry.Subresource != "" {
			continue
		}
		fields := ""
		if entry.FieldsV1 != nil {
			fields = entry.FieldsV1.GetRawString()
		}
		list = append(list, [3]string{entry.Manager, string(entry.Operation), fields})
	}
	return list
}

// decideNew rehearses the creation of an object.
func (p *planner) decideNew(ctx context.Context, s *Step) error {
	if p.founds && s.Object == ObjectOf(newNamespace(p.namespace)) && !p.options.Adopt {
		return &OwnedError{Object: s.Object} // it is there by then
	}
	s.Do, s.method = Create, p.methodFor(s)
	if p.unborn(s.desired) {
		s.compare(nil, unmarked(s.desired))
		return nil
	}
	_, err := p.rehearse(ctx, s)
	// What the API server would fill in says nothing about the chart.
	s.compare(nil, unmarked(s.desired))
	return err
}

// rehearse asks the API server what would become of an object. The result is nil
// when it cannot say without doing it.
func (p *planner) rehearse(ctx context.Context, s *Step) (*unstructured.Unstructured, error) {
	w := p.write(s)
	w.DryRun, w.Strict = true, p.options.strict
	if p.made[s.Namespace] {
		return nil, p.rehearseElsewhere(ctx, w)
	}
	if s.live == nil && p.options.Method.auto() {
		// It costs the API server less, and what it cannot merge it can still create.
		w.Method = ApplyClient
	}
	result, err := p.client.Send(ctx, w)
	if refused, conflict := refusedAs(err, RefusedConflict); conflict && (p.options.Take || setByVerbs(refused.Conflicts)) {
		s.Taken, w.Take = refused.Conflicts, true
		result, err = p.client.Send(ctx, w)
	}
	if _, unmergeable := refusedAs(err, RefusedUnmergeable); unmergeable && p.options.Method.auto() {
		s.method, w.Method = ApplyClient, ApplyClient
		result, err = p.client.Send(ctx, w)
	}
	if _, untold := refusedAs(err, RefusedRehearsal); untold {
		s.compare(s.live, s.desired)
		return nil, nil //nolint:nilnil // said above
	}
	if _, soon := refusedAs(err, RefusedMissing, RefusedForbidden); soon && dependent(s.Kind) {
		s.compare(s.live, s.desired)
		return nil, nil //nolint:nilnil // said above
	}
	return result, err
}

// write is what is sent for a step.
func (p *planner) write(s *Step) Write {
	return Write{Object: s.desired, Live: s.live, Before: s.before, Method: s.method, Take: len(s.Taken) > 0}
}

// dependent reports whether a kind may be refused because of what it refers to,
// which the plan may be about to make: the service account of a Pod, the role of a
// binding.
func dependent(kind string) bool {
	return kind == "Pod" || kind == "RoleBinding" || kind == "ClusterRoleBinding"
}

// methodFor says how an object is changed.
func (p *planner) methodFor(s *Step) Method {
	if p.options.Force {
		return ApplyReplace
	}
	if !p.options.Method.auto() {
		return p.options.Method
	}
	if s.live == nil {
		return ApplyServer
	}
	applied, patched := false, false
	for _, entry := range s.live.GetManagedFields() {
		switch {
		case entry.Subresource != "":
		case entry.Manager == FieldManager && entry.Operation == "Apply":
			applied = true
		case entry.Manager == FieldManager || entry.Manager == "helm":
			patched = true
		}
	}
	if applied && !patched {
		return ApplyServer
	}
	return ApplyClient
}

// FieldManager is the name under which the API server remembers what gantry set.
const FieldManager = "gantry"

// VerbManager is the name for what one of gantry's verbs changes in a release that is
// there, such as scale. The next upgrade sets it as the chart says.
func VerbManager(verb string) string { return FieldManager + "-" + verb }

// setByVerbs reports whether all fields were set by gantry's own verbs.
func setByVerbs(list []Conflict) bool {
	others := slices.ContainsFunc(list, func(c Conflict) bool {
		return c.Owner != FieldManager && !strings.HasPrefix(c.Owner, VerbManager(""))
	})
	return len(list) > 0 && !others
}

// judgeGone decides on an object that is no longer in the release.
func (p *planner) judgeGone(s *Step) {
	switch {
	case s.live == nil:
		s.Do = Leave // it is gone already
	case keep(s.live):
		s.Do, s.Reason = Keep, "its annotation helm.sh/resource-policy says so"
	case !p.ours(s.live) && ownerOf(s.live) != "":
		s.Do, s.Reason = Keep, "it is of the release "+ownerOf(s.live)+" now"
	case s.Wave == Storage && !p.options.DeleteStorage:
		s.Do, s.Reason = Keep, "it holds data"
	case s.Wave == Definitions:
		s.Do, s.Reason = Keep, "definitions are never deleted, as all objects of their kinds would be"
	default:
		s.Lost = lostForGood(s.Object)
		s.compare(s.live, nil)
	}
}

// yieldReplicas leaves the number of pods to an autoscaler of the release, which
// would be fought over otherwise.
func yieldReplicas(steps []*Step) {
	scaled := map[[3]string]bool{}
	for _, s := range steps {
		if s.Kind == "HorizontalPodAutoscaler" && s.Do != Delete {
			kind, _, _ := unstructured.NestedString(s.desired.Object, "spec", "scaleTargetRef", "kind")
			name, _, _ := unstructured.NestedString(s.desired.Object, "spec", "scaleTargetRef", "name")
			scaled[[3]string{s.Namespace, kind, name}] = true
		}
	}
	for _, s := range steps {
		if s.live == nil || s.Do == Delete || !scaled[[3]string{s.Namespace, s.Kind, s.Name}] {
			continue
		}
		replicas, found, err := unstructured.NestedInt64(s.live.Object, "spec", "replicas")
		if !found || err != nil || replicas == 0 {
			continue
		}
		// Without the field, one that nobody else has set yet would fall back to 1.
		if err := unstructured.SetNestedField(s.desired.Object, replicas, "spec", "replicas"); err != nil {
			continue // its spec is no map, of which the API server tells
		}
	}
}
