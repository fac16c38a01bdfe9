package release

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	// founds tells that the namespace is made before the plan is carried out.
	founds bool
	// events are the hooks that run: first those before the objects are applied,
	// then those after.
	events [2]helmrelease.HookEvent

	// defined are the kinds that the plan itself defines.
	defined map[schema.GroupKind]bool
	// made are the namespaces that are made by the plan, or before it.
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
	if err := chain(steps[:len(desired)]); err != nil {
		return nil, &RefusedPlanError{Refusals: []error{err}}
	}
	_ = chain(steps[len(desired):]) // what goes can go in any order, if it must
	if steps, err = p.addClaims(ctx, steps); err != nil {
		return nil, err
	}
	hooks, err := p.hooks(s.next)
	if err != nil {
		return nil, err
	}
	return p.judge(ctx, &Plan{Release: p.name, Namespace: p.namespace, Steps: steps}, hooks)
}

// addClaims adds the claims of the StatefulSets that go: no manifest has them, and data
// is in them.
func (p *planner) addClaims(ctx context.Context, steps []*Step) ([]*Step, error) {
	known := map[identity]bool{}
	for _, s := range steps {
		if s.live != nil {
			known[identityOf(s.live)] = true
		}
	}
	for _, s := range steps {
		if s.Do != Delete || s.Kind != "StatefulSet" || s.live == nil {
			continue
		}
		if p.judgeGone(s); s.Do != Delete {
			continue
		}
		claims, err := p.client.Claims(ctx, s.live)
		if err != nil {
			return nil, err
		}
		for _, claim := range claims {
			if known[identityOf(claim)] {
				continue
			}
			step := newStep(document{Unstructured: claim})
			step.Do, step.live = Delete, claim
			steps = append(steps, step)
		}
	}
	return steps, nil
}

// judge decides on every step, and rehearses what would be written.
func (p *planner) judge(ctx context.Context, plan *Plan, hooks [2][]*Step) (*Plan, error) {
	refusals := make([]error, len(plan.Steps))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, step := range plan.Steps {
		group.Go(func() error {
			if step.Do != "" { // it is no longer in the release
				p.judgeGone(step)
				return nil
			}
			err := p.decide(ctx, step)
			if isRefusal(err, step) {
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
			if isRefusal(err, step) {
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
	if p.founds {
		first := newStep(document{Unstructured: newNamespace(p.namespace)})
		first.Do = Create
		plan.Steps = slices.Insert(plan.Steps, 0, first)
	}
	return plan, nil
}

// isRefusal reports whether an error says why a step cannot be done, and notes there which
// template is at fault.
func isRefusal(err error, of *Step) bool {
	e, refused := errors.AsType[*RefusedError](err)
	if refused {
		e.Source = of.source
	}
	_, recreate := errors.AsType[*RecreateError](err)
	_, owned := errors.AsType[*OwnedError](err)
	return refused || recreate || owned
}

// ordered sorts steps: what is applied by wave and rank, with what is held back at
// the end; then what is deleted, the other way round.
func ordered(steps []*Step) []*Step {
	var applied, held, deleted []*Step
	for _, wave := range waves() {
		var gone []*Step
		for _, s := range slices.Concat(layers(inWave(steps, wave))...) {
			switch {
			case s.Do == Delete || s.Do == Keep:
				gone = append(gone, s)
			case s.held:
				held = append(held, s)
			default:
				applied = append(applied, s)
			}
		}
		for _, layer := range layers(gone) {
			deleted = slices.Concat(layer, deleted)
		}
	}
	return slices.Concat(applied, held, deleted)
}

func inWave(steps []*Step, wave Wave) []*Step {
	return slices.DeleteFunc(slices.Clone(steps), func(s *Step) bool { return s.Wave != wave })
}

// resolve finds out how the API server knows the objects. A kind that it does
// not know must be one that the plan defines.
func (p *planner) resolve(list []document) ([]document, error) {
	p.defined, p.made = map[schema.GroupKind]bool{}, map[string]bool{p.namespace: p.founds}
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

// look reads the objects as they are. Those of kinds that are only about to be
// defined are not there.
func (p *planner) look(ctx context.Context, steps []*Step, objects []*unstructured.Unstructured) error {
	live, err := p.client.Live(ctx, objects)
	if err != nil {
		return err
	}
	for i, step := range steps {
		step.live = live[i]
		if step.live != nil && step.Wave == Namespaces {
			delete(p.made, step.Name) // it can be asked about what comes into it
		}
	}
	return nil
}

// unborn reports whether an object cannot be asked about yet, because its kind is
// made by the plan.
func (p *planner) unborn(obj *unstructured.Unstructured) bool {
	like := &unstructured.Unstructured{}
	like.SetGroupVersionKind(obj.GroupVersionKind())
	unknown, err := p.client.Resolve([]*unstructured.Unstructured{like})
	return err == nil && len(unknown) > 0
}
