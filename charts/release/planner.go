package release

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// parallel is how many objects are worked on at once.
const parallel = 32

// planner makes a plan. It writes nothing.
type planner struct {
	client Client
	name   string
	// namespace is that of the release.
	namespace string
	options   ApplyOptions
	crds      CRDPolicy
	// events are the hooks that run: first those before the objects are applied,
	// then those after.
	events [2]helmrelease.HookEvent

	// defined are the kinds that the plan itself defines.
	defined map[schema.GroupKind]bool
	// made are the namespaces that the plan itself makes.
	made map[string]bool
}

// situation is what a plan starts from.
type situation struct {
	// next is the revision to be made.
	next *helmrelease.Release
	// definitions are the objects of the chart's folder crds.
	definitions []document
	// before is the revision that is there, nil when there is none, and attempts those
	// that failed since.
	before   *helmrelease.Release
	attempts []*helmrelease.Release
}

// plan says what it takes to make the next revision. The error is a
// [*RefusedPlanError] with all that the API server would refuse.
func (p *planner) plan(ctx context.Context, s situation) (*Plan, error) {
	desired, err := parseManifest(s.next.Manifest)
	if err != nil {
		return nil, err
	}
	if p.crds != CRDsSkip {
		desired = append(slices.Clone(s.definitions), desired...)
	}
	if desired, err = p.resolve(desired); err != nil {
		return nil, err
	}
	said := p.said(s)
	gone := missingIn(said, desired)

	var steps []*Step
	objects := make([]*unstructured.Unstructured, 0, len(desired)+len(gone))
	for _, d := range desired {
		step := newStep(d)
		if !d.definition {
			own(d.Unstructured, p.name, p.namespace)
			step.before = said.of(d.Unstructured)
		}
		steps = append(steps, step)
		objects = append(objects, d.Unstructured)
	}
	for _, obj := range gone {
		step := newStep(document{Unstructured: obj})
		step.Do = Delete
		steps = append(steps, step)
		objects = append(objects, obj)
	}
	if err := p.look(ctx, steps, objects); err != nil {
		return nil, err
	}
	yieldReplicas(steps)
	hooks, err := p.hooks(s.next)
	if err != nil {
		return nil, err
	}
	return p.judge(ctx, &Plan{Release: p.name, Namespace: p.namespace, Steps: steps}, hooks)
}

// judge decides on every step, and rehearses what would be written.
func (p *planner) judge(ctx context.Context, plan *Plan, hooks [2][]*Step) (*Plan, error) {
	refusals := make([]error, len(plan.Steps))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, step := range plan.Steps {
		group.Go(func() error {
			if step.Do == Delete {
				p.judgeGone(step)
				return nil
			}
			err := p.decide(ctx, step)
			if isRefusal(err) {
				refusals[i] = err
				return nil
			}
			return err
		})
	}
	hookRefusals := make([]error, len(hooks[0])+len(hooks[1]))
	for i, step := range slices.Concat(hooks[0], hooks[1]) {
		group.Go(func() error {
			err := p.rehearseHook(ctx, step)
			if isRefusal(err) {
				hookRefusals[i] = err
				return nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	if all := slices.DeleteFunc(slices.Concat(refusals, hookRefusals), func(err error) bool { return err == nil }); len(all) > 0 {
		return nil, &RefusedPlanError{Refusals: all}
	}
	plan.Steps = slices.Concat(hooks[0], ordered(plan.Steps), hooks[1])
	return plan, nil
}

func isRefusal(err error) bool {
	_, refused := errors.AsType[*RefusedError](err)
	_, recreate := errors.AsType[*RecreateError](err)
	_, owned := errors.AsType[*OwnedError](err)
	return refused || recreate || owned
}

// ordered sorts steps: what is applied by wave, then what is deleted, the last
// wave first.
func ordered(steps []*Step) []*Step {
	var applied, deleted []*Step
	for _, wave := range waves() {
		var gone []*Step
		for _, s := range steps {
			switch {
			case s.Wave != wave:
			case s.Do == Delete || s.Do == Keep:
				gone = append(gone, s)
			default:
				applied = append(applied, s)
			}
		}
		deleted = append(gone, deleted...)
	}
	return append(applied, deleted...)
}

// resolve finds out how the API server knows the objects. A kind that it does
// not know must be one that the plan defines.
func (p *planner) resolve(list []document) ([]document, error) {
	p.defined, p.made = map[schema.GroupKind]bool{}, map[string]bool{}
	objects := make([]*unstructured.Unstructured, 0, len(list))
	for _, d := range list {
		objects = append(objects, d.Unstructured)
		switch {
		case d.GetKind() == "CustomResourceDefinition":
			group, _, _ := unstructured.NestedString(d.Object, "spec", "group")
			kind, _, _ := unstructured.NestedString(d.Object, "spec", "names", "kind")
			p.defined[schema.GroupKind{Group: group, Kind: kind}] = true
			if scope, _, _ := unstructured.NestedString(d.Object, "spec", "scope"); scope == "Namespaced" {
				p.settle(list, schema.GroupKind{Group: group, Kind: kind})
			}
		case d.GetKind() == "Namespace" && d.GetAPIVersion() == "v1":
			p.made[d.GetName()] = true
		}
	}
	unknown, err := p.client.Resolve(objects)
	if err != nil {
		return nil, err
	}
	for _, obj := range unknown {
		if !p.defined[obj.GroupVersionKind().GroupKind()] {
			return nil, &UnknownKindError{Object: ObjectOf(obj)}
		}
	}
	return list, nil
}

// settle gives the objects of a kind that is about to be defined their namespace.
func (p *planner) settle(list []document, kind schema.GroupKind) {
	for _, d := range list {
		if d.GroupVersionKind().GroupKind() == kind && d.GetNamespace() == "" {
			d.SetNamespace(p.namespace)
		}
	}
}

// UnknownKindError is an object of a kind that the cluster does not have.
type UnknownKindError struct{ Object Object }

// Error names the object and its kind.
func (e *UnknownKindError) Error() string {
	return fmt.Sprintf("%s: the cluster has no kind %s in %s", e.Object, e.Object.Kind, e.Object.APIVersion)
}

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

// look reads the objects as they are. Those of kinds that are only about to be
// defined are not there.
func (p *planner) look(ctx context.Context, steps []*Step, objects []*unstructured.Unstructured) error {
	live, err := p.client.Live(ctx, objects)
	if err != nil {
		return err
	}
	for i, step := range steps {
		step.live = live[i]
	}
	return nil
}

// hooks returns the hooks that run before the objects are applied, and after.
func (p *planner) hooks(r *helmrelease.Release) (steps [2][]*Step, err error) {
	if p.options.NoHooks {
		return steps, nil
	}
	for i, event := range p.events {
		for _, h := range hooksOf(r, event) {
			found, err := parseDocument(h.Manifest)
			if err != nil {
				return steps, fmt.Errorf("hook %s: %w", h.Path, err)
			}
			for _, d := range found {
				d.hook = h
				unknown, err := p.client.Resolve([]*unstructured.Unstructured{d.Unstructured})
				if err != nil {
					return steps, err
				}
				if len(unknown) > 0 && !p.defined[d.GroupVersionKind().GroupKind()] {
					return steps, &UnknownKindError{Object: d.object()}
				}
				step := newStep(d)
				step.Do, step.Hook = Run, []string{event.String()}
				steps[i] = append(steps[i], step)
			}
		}
	}
	return steps, nil
}

// unborn reports whether an object cannot be asked about yet, because its kind or
// its namespace is made by the plan.
func (p *planner) unborn(obj *unstructured.Unstructured) bool {
	unknown, err := p.client.Resolve([]*unstructured.Unstructured{obj.DeepCopy()})
	return err == nil && len(unknown) > 0 || p.made[obj.GetNamespace()]
}

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
	if _, immutable := refusedAs(err, RefusedImmutable); immutable {
		return p.decideRecreation(s, err)
	}
	if err != nil || result == nil {
		return err
	}
	p.compare(s, result)
	return nil
}

// compare decides between a change and none.
func (p *planner) compare(s *Step, result *unstructured.Unstructured) {
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

// rehearse asks the API server what would become of an object. The result is nil
// when it cannot say without doing it.
func (p *planner) rehearse(ctx context.Context, s *Step) (*unstructured.Unstructured, error) {
	w := p.write(s)
	w.DryRun, w.Strict = true, p.options.strict
	result, err := p.client.Send(ctx, w)
	if refused, conflict := refusedAs(err, RefusedConflict); conflict && p.options.Take {
		s.Taken, w.Take = refused.Conflicts, true
		result, err = p.client.Send(ctx, w)
	}
	if _, unmergeable := refusedAs(err, RefusedUnmergeable); unmergeable && p.auto() {
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

// rehearseHook asks the API server whether it would take a hook. One that is
// there from the last time is deleted first, so it says nothing.
func (p *planner) rehearseHook(ctx context.Context, s *Step) error {
	s.method = ApplyClient
	if p.unborn(s.desired) {
		return nil
	}
	_, err := p.rehearse(ctx, s)
	if _, there := refusedAs(err, RefusedConflict); there {
		return nil
	}
	return err
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
	if !p.auto() {
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

// auto reports whether each object is changed as it was before.
func (p *planner) auto() bool { return p.options.Method == ApplyAuto || p.options.Method == "" }

// FieldManager is the name under which the API server remembers what gantry set.
const FieldManager = "gantry"

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
		s.Lost = lostWith(s.Object)
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

// The marks by which helm knows whose an object is.
const (
	ownerName      = "meta.helm.sh/release-name"
	ownerNamespace = "meta.helm.sh/release-namespace"
	managedBy      = "app.kubernetes.io/managed-by"
)

// own marks an object as the release's.
func own(obj *unstructured.Unstructured, name, namespace string) {
	labels := obj.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[managedBy] = "Helm"
	obj.SetLabels(labels)
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[ownerName], annotations[ownerNamespace] = name, namespace
	obj.SetAnnotations(annotations)
}

// unmarked copies an object without these marks, which every object gets: for
// people.
func unmarked(obj *unstructured.Unstructured) *unstructured.Unstructured {
	obj = obj.DeepCopy()
	annotations := obj.GetAnnotations()
	delete(annotations, ownerName)
	delete(annotations, ownerNamespace)
	obj.SetAnnotations(annotations)
	if labels := obj.GetLabels(); len(labels) == 1 && labels[managedBy] != "" {
		obj.SetLabels(nil)
	}
	return obj
}

// ours reports whether an object is marked as the release's.
func (p *planner) ours(live *unstructured.Unstructured) bool {
	return live.GetLabels()[managedBy] == "Helm" && ownerOf(live) == p.namespace+"/"+p.name
}

// ownerOf returns the release that an object is marked as, or "".
func ownerOf(live *unstructured.Unstructured) string {
	annotations := live.GetAnnotations()
	if annotations[ownerName] == "" {
		return ""
	}
	return strings.TrimPrefix(annotations[ownerNamespace]+"/"+annotations[ownerName], "/")
}
