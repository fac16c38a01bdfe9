package kube

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"

	"gantry/charts/release"
)

// sending is one object on its way to the API server.
type sending struct {
	release.Write

	client dynamic.ResourceInterface
	dryRun []string
	// validation says what becomes of fields that the kind does not have.
	validation string
}

// Send makes one object as it should be, or rehearses it, and returns what has
// become of it.
func (s *Session) Send(ctx context.Context, w release.Write) (*unstructured.Unstructured, error) {
	if err := release.Ended(ctx); err != nil {
		return nil, err
	}
	client, err := s.requests(w.Object)
	if err != nil {
		return nil, err
	}
	out := &sending{Write: w, client: client, validation: metav1.FieldValidationWarn}
	if w.DryRun {
		out.dryRun = []string{metav1.DryRunAll}
	}
	if w.Strict {
		out.validation = metav1.FieldValidationStrict
	}
	var live *unstructured.Unstructured
	err = repeat(ctx, func() (bool, error) {
		live, err = out.send(ctx)
		// Somebody has written at the same moment; fields are not in dispute.
		return apierrors.IsConflict(err) && len(conflictsIn(err)) == 0 && w.Method != release.ApplyReplace, err
	})
	if err == nil {
		return live, nil
	}
	if err := release.Ended(ctx); err != nil {
		return nil, err
	}
	doing := "change"
	if w.Live == nil {
		doing = "create"
	}
	return nil, refused(doing, w.Object, w.Live, s.cluster.Lost(err))
}

func (o *sending) send(ctx context.Context) (*unstructured.Unstructured, error) {
	switch {
	case o.Live == nil && o.Method == release.ApplyServer:
		// Nothing is there that could belong to somebody else.
		return o.apply(ctx, true)
	case o.Live == nil:
		return o.create(ctx)
	case o.Method == release.ApplyReplace:
		return o.replace(ctx)
	case o.Method == release.ApplyServer && o.patchedBefore():
		return o.migrate(ctx)
	case o.Method == release.ApplyServer && settled(o.Object, o.Live):
		return o.Live, nil
	case o.Method == release.ApplyServer:
		return o.apply(ctx, o.Take)
	default:
		return o.merge(ctx)
	}
}

// apply lets the API server merge.
func (o *sending) apply(ctx context.Context, take bool) (*unstructured.Unstructured, error) {
	// A null means to an apply that the field is wanted, and empty.
	data, err := json.Marshal(withoutNulls(o.Object.Object))
	if err != nil {
		return nil, err
	}
	return o.client.Patch(ctx, o.Object.GetName(), types.ApplyPatchType, data, metav1.PatchOptions{
		FieldManager: fieldManager, Force: &take, DryRun: o.dryRun, FieldValidation: o.validation,
	})
}

// withoutNulls copies fields and leaves those out that are null.
func withoutNulls(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for key, value := range fields {
		if value != nil {
			out[key] = prune(value)
		}
	}
	return out
}

func prune(value any) any {
	switch value := value.(type) {
	case map[string]any:
		return withoutNulls(value)
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = prune(item)
		}
		return out
	default:
		return value
	}
}

// create makes an object that must not be there. When the answer is lost, it may be
// there nevertheless, and is ours then: what is somebody else's was there before.
func (o *sending) create(ctx context.Context) (obj *unstructured.Unstructured, err error) {
	err = repeat(ctx, func() (bool, error) {
		obj, err = o.client.Create(ctx, o.Object, metav1.CreateOptions{FieldManager: fieldManager, DryRun: o.dryRun, FieldValidation: o.validation})
		if err == nil || !lostAnswer(err) || ctx.Err() != nil {
			return false, err
		}
		there, gerr := o.client.Get(ctx, o.Object.GetName(), metav1.GetOptions{})
		if gerr == nil && len(o.dryRun) == 0 {
			obj, err = there, nil
			return false, nil
		}
		return true, err
	})
	return obj, err
}

// replace writes the whole object.
func (o *sending) replace(ctx context.Context) (*unstructured.Unstructured, error) {
	obj := o.Object.DeepCopy()
	obj.SetResourceVersion(o.Live.GetResourceVersion())
	return o.client.Update(ctx, obj, metav1.UpdateOptions{FieldManager: fieldManager, DryRun: o.dryRun, FieldValidation: o.validation})
}

// merge patches what differs, three ways. It asks nothing when nothing differs.
func (o *sending) merge(ctx context.Context) (*unstructured.Unstructured, error) {
	p, err := patchFor(o.Object, o.Before, o.Live)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", release.ObjectOf(o.Object), err)
	}
	if p.empty() {
		return o.Live, nil
	}
	return o.client.Patch(ctx, o.Object.GetName(), p.kind, p.data, metav1.PatchOptions{FieldManager: fieldManager, DryRun: o.dryRun, FieldValidation: o.validation})
}

// patchers are the managers whose patches an apply takes over: what they set is
// the release's.
func patchers() sets.Set[string] { return sets.New("helm", fieldManager) }

// patchedBefore reports whether the object was changed by patches of the release:
// helm's, or ours.
func (o *sending) patchedBefore() bool {
	for _, entry := range o.Live.GetManagedFields() {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" && patchers().Has(entry.Manager) {
			return true
		}
	}
	return false
}

// migrate applies to an object that was patched before. Its fields are made to
// count as applied first, or else those that are no longer in the release
// would stay. That writes, so a rehearsal asks what a patch would do, and
// whether anybody else is in the way.
func (o *sending) migrate(ctx context.Context) (*unstructured.Unstructured, error) {
	if len(o.dryRun) > 0 {
		if _, err := o.apply(ctx, o.Take); err != nil && !onlyPatchers(err) {
			return nil, err
		}
		return o.merge(ctx)
	}
	data, err := csaupgrade.UpgradeManagedFieldsPatch(o.Live, patchers(), fieldManager)
	if err != nil {
		return nil, fmt.Errorf("take the fields over: %w", err)
	}
	if len(data) > 0 {
		if _, err := o.client.Patch(ctx, o.Object.GetName(), types.JSONPatchType, data, metav1.PatchOptions{FieldManager: fieldManager}); err != nil {
			return nil, err
		}
	}
	return o.apply(ctx, o.Take)
}

// onlyPatchers reports whether an apply is in conflict with nobody but those
// whose fields it takes over anyway.
func onlyPatchers(err error) bool {
	conflicts := conflictsIn(err)
	for _, c := range conflicts {
		if !patchers().Has(c.Owner) {
			return false
		}
	}
	return len(conflicts) > 0
}

// Delete deletes an object, and by default what it owns. One that is gone, or that
// was made anew by somebody else, is let be.
func (s *Session) Delete(ctx context.Context, obj *unstructured.Unstructured, orphan bool) error {
	if err := release.Ended(ctx); err != nil {
		return err
	}
	client, err := s.requests(obj)
	if err != nil {
		return err
	}
	policy := metav1.DeletePropagationBackground
	if orphan {
		policy = metav1.DeletePropagationOrphan
	}
	options := metav1.DeleteOptions{PropagationPolicy: &policy}
	if uid := obj.GetUID(); uid != "" {
		options.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err = repeat(ctx, func() (bool, error) {
		err := client.Delete(ctx, obj.GetName(), options)
		if !apierrors.IsConflict(err) {
			return false, err
		}
		there, gerr := client.Get(ctx, obj.GetName(), metav1.GetOptions{})
		if apierrors.IsNotFound(gerr) || gerr == nil && there.GetUID() != obj.GetUID() {
			return false, nil
		}
		return true, err
	})
	if err == nil || apierrors.IsNotFound(err) {
		return nil
	}
	if err := release.Ended(ctx); err != nil {
		return err
	}
	return refused("delete", obj, nil, s.cluster.Lost(err))
}
