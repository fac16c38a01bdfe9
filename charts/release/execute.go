package release

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// execution carries a plan out.
type execution struct {
	manager *Manager
	client  Client
	plan    *Plan
	record  *helmrelease.Release
	options ApplyOptions

	mu sync.Mutex
	// applied are the objects of the release as they are now.
	applied map[*Step]*unstructured.Unstructured
	created []*Step
	// awaited are the dependencies that were waited for already.
	awaited map[need]bool
}

func (e *execution) tell(do Action, s *Step, detail string) {
	e.manager.observe(Event{Action: do, Object: s.Object, Detail: detail})
}

// apply carries out the steps of the objects, wave after wave. What waits for other
// workloads comes at the end: what those wait for may be in any wave.
func (e *execution) apply(ctx context.Context) error {
	e.applied, e.awaited = map[*Step]*unstructured.Unstructured{}, map[need]bool{}
	for _, wave := range waves() {
		steps := e.steps(func(s *Step) bool { return s.Wave == wave && !s.held && s.Do != Delete && s.Do != Keep })
		for _, layer := range layers(steps) {
			if err := e.together(ctx, layer, e.do); err != nil {
				return err
			}
		}
		if wave == Definitions {
			if err := e.awaitDefinitions(ctx, steps); err != nil {
				return err
			}
		}
	}
	for _, layer := range layers(e.steps(func(s *Step) bool { return s.held && s.Do != Delete && s.Do != Keep })) {
		if err := e.awaitNeeded(ctx, layer); err != nil {
			return err
		}
		if err := e.together(ctx, layer, e.do); err != nil {
			return err
		}
	}
	return e.remove(ctx)
}

// applyAndWait is what an operation does that makes no revision.
func (e *execution) applyAndWait(ctx context.Context) error {
	err := e.apply(ctx)
	if err == nil {
		err = e.wait(ctx)
	}
	if err == nil {
		return nil
	}
	return cmp.Or(Ended(ctx), err)
}

// awaitNeeded waits for what workloads depend on, if anything is to be done to them.
func (e *execution) awaitNeeded(ctx context.Context, layer []*Step) error {
	needed := map[Until][]*unstructured.Unstructured{}
	for _, s := range layer {
		for _, n := range s.needs {
			if s.Do == Leave || n.until == "" || e.awaited[n] {
				continue
			}
			e.awaited[n] = true
			needed[n.until] = append(needed[n.until], e.applied[n.step])
			e.tell(Doing, s, fmt.Sprintf("%s comes after %s: waiting until that is %s", s.Object, n.step.Object, n.until))
		}
	}
	for _, until := range slices.Sorted(maps.Keys(needed)) {
		if err := e.client.Wait(ctx, needed[until], until, e.options.timeout()); err != nil {
			return err
		}
	}
	return nil
}

// remove carries out the steps of what is no longer in the release.
func (e *execution) remove(ctx context.Context) error {
	for _, wave := range slices.Backward(waves()) {
		steps := e.steps(func(s *Step) bool { return s.Wave == wave && (s.Do == Delete || s.Do == Keep) })
		for _, layer := range slices.Backward(layers(steps)) {
			if err := e.together(ctx, layer, e.do); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *execution) steps(want func(*Step) bool) []*Step {
	var list []*Step
	for _, s := range e.plan.Steps {
		if s.Do != Run && want(s) {
			list = append(list, s)
		}
	}
	return list
}

// together works on steps at once. All are tried.
func (e *execution) together(ctx context.Context, steps []*Step, do func(context.Context, *Step) error) error {
	errs := make([]error, len(steps))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, s := range steps {
		group.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = do(ctx, s)
			}
			return nil
		})
	}
	return errors.Join(group.Wait(), errors.Join(errs...))
}

// do carries out one step.
func (e *execution) do(ctx context.Context, s *Step) error {
	switch s.Do {
	case Leave:
		return e.leave(ctx, s)
	case Keep:
		e.tell(Kept, s, s.Reason)
		return nil
	case Delete:
		if err := e.client.Delete(ctx, s.live, false); err != nil {
			return err
		}
		e.tell(Deleted, s, "")
		return nil
	case Recreate:
		return e.recreate(ctx, s)
	case Create, Change, Adopt, Run:
	}
	live, err := e.send(ctx, s)
	if err != nil {
		return err
	}
	did := Changed
	if s.Do == Create {
		did = Created
	}
	e.note(s, live)
	e.tell(did, s, "")
	return nil
}

// leave leaves an object as it is, but for the note of whose its fields are.
func (e *execution) leave(ctx context.Context, s *Step) error {
	if s.live == nil || s.desired == nil {
		return nil // gone already
	}
	live := s.live
	if s.claims {
		var err error
		if live, err = e.send(ctx, s); err != nil {
			return err
		}
	}
	e.note(s, live)
	e.tell(Unchanged, s, "")
	return nil
}

func (e *execution) send(ctx context.Context, s *Step) (*unstructured.Unstructured, error) {
	w := Write{Object: s.desired, Live: s.live, Before: s.before, Method: s.method, Take: s.crd || len(s.Taken) > 0}
	live, err := e.client.Send(ctx, w)
	if _, unmergeable := refusedAs(err, RefusedUnmergeable); unmergeable && s.live == nil && e.options.Method.auto() {
		w.Method = ApplyClient // as it was rehearsed
		return e.client.Send(ctx, w)
	}
	return live, err
}

// recreate deletes an object and makes it anew. What a StatefulSet controls stays,
// and is taken over by the new one.
func (e *execution) recreate(ctx context.Context, s *Step) error {
	if s.live.GetDeletionTimestamp() == nil {
		orphan := s.Kind == "StatefulSet"
		if err := e.client.Delete(ctx, s.live, orphan); err != nil {
			return err
		}
	}
	if err := e.client.Wait(ctx, []*unstructured.Unstructured{s.live}, UntilGone, e.options.timeout()); err != nil {
		return err
	}
	e.tell(Deleted, s, s.Reason)
	s.live = nil
	live, err := e.send(ctx, s)
	if err != nil {
		return err
	}
	e.note(s, live)
	e.tell(Created, s, "")
	return nil
}

// note remembers how an object is now.
func (e *execution) note(s *Step, live *unstructured.Unstructured) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.applied[s] = live
	if s.Do == Create {
		e.created = append(e.created, s)
	}
}

// wait waits until the objects are ready, if that is wanted.
func (e *execution) wait(ctx context.Context) error {
	if !e.options.Wait && !e.options.WaitForJobs && !e.options.Atomic {
		return nil
	}
	until := UntilReady
	if e.options.WaitForJobs {
		until = UntilDone
	}
	var objects []*unstructured.Unstructured
	for _, s := range e.plan.Steps {
		if live := e.applied[s]; live != nil && !s.crd {
			objects = append(objects, live)
		}
	}
	return e.client.Wait(ctx, objects, until, e.options.timeout())
}

// cleanUp deletes what a failed operation has newly created.
func (e *execution) cleanUp(ctx context.Context, failure error) error {
	if len(e.created) == 0 {
		return failure
	}
	e.manager.observe(Event{Action: Doing, Detail: fmt.Sprintf("the upgrade failed (%v); deleting what it has created", failure)})
	clean, cancel := afterwards(ctx, e.options.timeout())
	defer cancel()
	err := e.together(clean, e.created, func(ctx context.Context, s *Step) error {
		if s.Wave == Definitions || s.Wave == Storage {
			return nil
		}
		if err := e.client.Delete(ctx, e.applied[s], false); err != nil {
			return err
		}
		e.tell(Deleted, s, "")
		return nil
	})
	if err != nil {
		return fmt.Errorf("%w; deleting what was created failed as well: %w", failure, err)
	}
	return failure
}
