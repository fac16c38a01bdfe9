package release

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Namespace is what the namespace of a release says of itself.
type Namespace struct {
	Labels, Annotations map[string]string
}

// NoNamespaceError is a namespace that there is not.
type NoNamespaceError struct{ Namespace string }

// Error names the namespace.
func (e *NoNamespaceError) Error() string {
	return fmt.Sprintf("there is no namespace %s", e.Namespace)
}

// founding is how an operation begins that may be the first of a release.
type founding struct {
	name string
	// createNamespace makes the namespace when it is not there, and says is what it says
	// of itself.
	createNamespace bool
	says            Namespace
	options         *ApplyOptions
	dry             DryRun
}

// found carries out an operation that may be the first of a release, in a namespace that
// is there, and on a release that is held. A dry run does without both.
func (m *Manager) found(ctx context.Context, f founding, do func(context.Context, DryRun) (*Release, error)) (*Release, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	if f.dry != "" {
		return do(ctx, f.dry)
	}
	made := false
	if f.createNamespace {
		var err error
		if made, err = m.ensureNamespace(ctx, f, do); err != nil {
			return nil, err
		}
	}
	held, done, err := m.hold(ctx, f.name, f.options.Unlock)
	if err != nil {
		return nil, err
	}
	defer done()
	r, err := do(held, "")
	if made && r == nil {
		m.observe(Event{Action: Warned, Detail: fmt.Sprintf("namespace %s was made for this, and stays", m.namespace)})
	}
	return r, err
}

// dryRunFirst plans what comes into a namespace that is not there yet, as the
// operation that makes it does: with warnings where [DryRunServer] refuses.
const dryRunFirst DryRun = "first"

// ensureNamespace makes the namespace of the releases when it is not there, and
// gives one that is there the labels and annotations that it lacks. It makes none
// unless what comes into it can be rendered and planned, and was agreed to. What is
// refused in that namespace alone shows when it is there: then it stays
// (charts/adr/0014).
func (m *Manager) ensureNamespace(ctx context.Context, f founding, do func(context.Context, DryRun) (*Release, error)) (made bool, err error) {
	client, err := m.client(*f.options)
	if err != nil {
		return false, err
	}
	namespace := newNamespace(m.namespace)
	namespace.SetLabels(f.says.Labels)
	namespace.SetAnnotations(f.says.Annotations)
	live, err := client.Live(ctx, []*unstructured.Unstructured{namespace})
	if err == nil && live[0] != nil {
		return false, m.describeNamespace(ctx, client, namespace, live[0])
	}
	planned, err := do(ctx, dryRunFirst)
	if err != nil {
		return false, err
	}
	if err := f.options.confirm(ctx, planned.Plan); err != nil {
		return false, err
	}
	f.options.Confirm = nil // nobody is asked twice
	return m.makeNamespace(ctx, client, namespace)
}

// makeNamespace makes the namespace, unless somebody else was quicker.
func (m *Manager) makeNamespace(ctx context.Context, client Client, namespace *unstructured.Unstructured) (made bool, err error) {
	labels := map[string]string{"name": m.namespace} // as helm does
	maps.Copy(labels, namespace.GetLabels())
	namespace.SetLabels(labels)
	_, err = client.Send(ctx, Write{Object: namespace, Method: ApplyClient})
	if _, harmless := refusedAs(err, RefusedConflict, RefusedForbidden); harmless {
		return false, nil // who may not make it may still work in it; its absence shows soon
	}
	if err != nil {
		return false, err
	}
	m.observe(Event{Action: Created, Object: ObjectOf(namespace)})
	return true, nil
}

func newNamespace(name string) *unstructured.Unstructured {
	namespace := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace"}}
	namespace.SetName(name)
	return namespace
}

// describeNamespace gives a namespace what it lacks of labels and annotations. The
// others it has, it keeps.
func (m *Manager) describeNamespace(ctx context.Context, client Client, wanted, live *unstructured.Unstructured) error {
	if within(wanted.GetLabels(), live.GetLabels()) && within(wanted.GetAnnotations(), live.GetAnnotations()) {
		return nil
	}
	if _, err := client.Send(ctx, Write{Object: wanted, Live: live, Method: ApplyServer, Take: true}); err != nil {
		return fmt.Errorf("label namespace %s: %w", m.namespace, err)
	}
	m.observe(Event{Action: Changed, Object: ObjectOf(wanted)})
	return nil
}

// within reports whether a mapping has all entries of another.
func within(part, whole map[string]string) bool {
	for key, value := range part {
		if got, ok := whole[key]; !ok || got != value {
			return false
		}
	}
	return true
}

// lacksNamespace reports whether the namespace of the releases is certainly not there.
func (m *Manager) lacksNamespace(ctx context.Context, client Client) bool {
	live, err := client.Live(ctx, []*unstructured.Unstructured{newNamespace(m.namespace)})
	return err == nil && live[0] == nil
}

// missingNamespace recognises the answers of the API server to what is sent to a
// namespace that there is not.
func missingNamespace(err error, name string) bool {
	if plan, ok := errors.AsType[*RefusedPlanError](err); ok {
		return slices.ContainsFunc(plan.Refusals, func(err error) bool { return missingNamespace(err, name) })
	}
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || !apierrors.IsNotFound(err) {
		return false
	}
	missing := status.ErrStatus.Details
	return missing != nil && missing.Kind == "namespaces" && missing.Name == name
}

// rehearseElsewhere asks the API server about an object whose namespace is only about
// to be made, as if it were for one that every cluster has. What is invalid is so in
// any namespace; what else is said there means nothing.
func (p *planner) rehearseElsewhere(ctx context.Context, w Write) error {
	elsewhere := w.Object.DeepCopy()
	elsewhere.SetNamespace(metav1.NamespaceDefault)
	// An apply would be merged with what is there of the same name.
	_, err := p.client.Send(ctx, Write{Object: elsewhere, Method: ApplyClient, DryRun: true, Strict: w.Strict})
	refused, ok := errors.AsType[*RefusedError](err)
	switch {
	case !ok:
		return err
	case refused.Why == RefusedInvalid:
		refused.Object = ObjectOf(w.Object)
		return refused
	default:
		return nil
	}
}
