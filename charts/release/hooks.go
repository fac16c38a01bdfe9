package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// hooksOf returns the hooks of a revision that run at an event, in their order:
// by weight, then by name.
func hooksOf(r *helmrelease.Release, event helmrelease.HookEvent) []*helmrelease.Hook {
	var list []*helmrelease.Hook
	for _, h := range r.Hooks {
		if slices.Contains(h.Events, event) {
			list = append(list, h)
		}
	}
	slices.SortStableFunc(list, func(a, b *helmrelease.Hook) int {
		if a.Weight != b.Weight {
			return a.Weight - b.Weight
		}
		return strings.Compare(a.Name, b.Name)
	})
	return list
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

// hooks runs the hooks of an event one after the other, as helm does: it deletes
// what the last run has left, creates the hook, and waits for its end.
func (e *execution) hooks(ctx context.Context, event helmrelease.HookEvent) error {
	if e.options.NoHooks || event == "" {
		return nil
	}
	hooks := hooksOf(e.record, event)
	for i, h := range hooks {
		if err := e.hook(ctx, h); err != nil {
			clean, cancel := afterwards(ctx, e.options.timeout())
			defer cancel()
			return errors.Join(err, e.discard(clean, hooks[:i], helmrelease.HookSucceeded))
		}
	}
	for _, h := range slices.Backward(hooks) {
		if slices.Contains(h.OutputLogPolicies, helmrelease.HookOutputOnSucceeded) {
			e.logs(ctx, h)
		}
	}
	return e.discard(ctx, hooks, helmrelease.HookSucceeded)
}

func (e *execution) hook(ctx context.Context, h *helmrelease.Hook) error {
	if len(h.DeletePolicies) == 0 {
		h.DeletePolicies = []helmrelease.HookDeletePolicy{helmrelease.HookBeforeHookCreation}
	}
	if err := e.discard(ctx, []*helmrelease.Hook{h}, helmrelease.HookBeforeHookCreation); err != nil {
		return err
	}
	h.LastRun = helmrelease.HookExecution{StartedAt: e.manager.now(), Phase: helmrelease.HookPhaseRunning}
	if err := e.manager.records.Update(e.record); err != nil {
		return e.manager.writeError(e.record, err)
	}
	objects, err := e.hookObjects(h)
	if err != nil {
		return err
	}
	err = e.runHook(ctx, objects)
	h.LastRun.CompletedAt, h.LastRun.Phase = e.manager.now(), helmrelease.HookPhaseSucceeded
	if err == nil {
		return nil
	}
	h.LastRun.Phase = helmrelease.HookPhaseFailed
	if slices.Contains(h.OutputLogPolicies, helmrelease.HookOutputOnFailed) && ctx.Err() == nil && e.logs(ctx, h) {
		if logged, ok := errors.AsType[withLogs](err); ok {
			logged.DropLogs()
		}
	}
	clean, cancel := afterwards(ctx, e.options.timeout())
	defer cancel()
	return errors.Join(fmt.Errorf("hook %s %s: %w", h.Kind, h.Name, err), e.discard(clean, []*helmrelease.Hook{h}, helmrelease.HookFailed))
}

// withLogs is an error that brings the ends of logs along, as long as nobody has told
// them in full.
type withLogs interface {
	error
	DropLogs()
}

// runHook creates the objects of a hook and waits for their end.
func (e *execution) runHook(ctx context.Context, objects []*unstructured.Unstructured) error {
	live := make([]*unstructured.Unstructured, len(objects))
	for i, obj := range objects {
		var err error
		if live[i], err = e.client.Send(ctx, Write{Object: obj, Method: ApplyClient}); err != nil {
			return err
		}
		if kind := obj.GetKind(); kind == "Job" || kind == "Pod" {
			e.manager.observe(Event{Action: HookStarted, Object: ObjectOf(obj)})
		} else {
			e.manager.observe(Event{Action: Created, Object: ObjectOf(obj)})
		}
	}
	return e.client.Wait(ctx, live, UntilComplete, e.options.timeout())
}

func (e *execution) hookObjects(h *helmrelease.Hook) ([]*unstructured.Unstructured, error) {
	found, err := parseDocument(h.Manifest)
	if err != nil {
		return nil, fmt.Errorf("hook %s: %w", h.Path, err)
	}
	objects := make([]*unstructured.Unstructured, 0, len(found))
	for _, d := range found {
		objects = append(objects, d.Unstructured)
	}
	unknown, err := e.client.Resolve(objects)
	if err != nil {
		return nil, err
	}
	if len(unknown) > 0 {
		return nil, &UnknownKindError{Object: ObjectOf(unknown[0])}
	}
	return objects, nil
}

// discard deletes the hooks whose policy says so, and waits until they are gone.
// Definitions are never deleted.
func (e *execution) discard(ctx context.Context, hooks []*helmrelease.Hook, policy helmrelease.HookDeletePolicy) error {
	for _, h := range hooks {
		if !slices.Contains(h.DeletePolicies, policy) || h.Kind == "CustomResourceDefinition" {
			continue
		}
		objects, err := e.hookObjects(h)
		if err != nil {
			return err
		}
		live, err := e.client.Live(ctx, objects)
		if err != nil {
			return err
		}
		there := slices.DeleteFunc(live, func(obj *unstructured.Unstructured) bool { return obj == nil })
		for _, obj := range there {
			if err := e.client.Delete(ctx, obj, false); err != nil {
				return err
			}
			e.manager.observe(Event{Action: Deleted, Object: ObjectOf(obj)})
		}
		if err := e.client.Wait(ctx, there, UntilGone, e.options.timeout()); err != nil {
			return err
		}
	}
	return nil
}

// logs tells what the pods of a hook have printed, and reports whether that was all: the pods
// of a Job may be gone. What cannot be read is told, too: it decides nothing.
func (e *execution) logs(ctx context.Context, h *helmrelease.Hook) bool {
	lines := 0
	objects, err := e.hookObjects(h)
	for _, obj := range objects {
		if kind := obj.GetKind(); kind != "Job" && kind != "Pod" {
			continue
		}
		err = errors.Join(err, e.client.Logs(ctx, obj, func(pod, container, line string) {
			lines++
			e.manager.observe(Event{Action: Doing, Detail: fmt.Sprintf("log of pod %s, container %s: %s", pod, container, line)})
		}))
	}
	if err != nil {
		e.manager.observe(Event{Action: Warned, Detail: err.Error()})
	}
	return err == nil && lines > 0
}
