package release

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"gantry/charts/store"
)

// work is one revision to be made: by an installation, an upgrade or a rollback.
type work struct {
	name string
	// next is the revision.
	next *helmrelease.Release
	// before is the revision that is there; nil for the first.
	before  *helmrelease.Release
	options ApplyOptions
	crds    CRDPolicy
	// definitions are the objects of the chart's folder crds.
	definitions []document
	// from and to say what is compared, for people.
	from, to string
	// events are the hooks before the objects and after.
	events [2]helmrelease.HookEvent
	// done is the description of success, and verb begins that of failure.
	done, verb string
	// historyMax is how many revisions are kept, as the records count: 0 keeps all.
	historyMax int
	// cleanup deletes what a failure has newly created.
	cleanup bool
	// onlyChanges makes no revision that is like the one that is deployed.
	onlyChanges bool
	// createNamespace makes the namespace first, where it is not there. Only rehearsals
	// need to know.
	createNamespace bool
}

// plan makes the plan of a piece of work.
func (m *Manager) plan(ctx context.Context, client Client, w *work) (*Plan, error) {
	attempts, err := m.attempts(w.name)
	if err != nil {
		return nil, err
	}
	p := &planner{
		client: client, name: w.name, namespace: m.namespace,
		options: w.options, crds: w.crds, events: w.events,
		founds: w.createNamespace && m.lacksNamespace(ctx, client),
	}
	plan, err := p.plan(ctx, situation{next: w.next, definitions: w.definitions, before: w.before, attempts: attempts})
	if err != nil {
		return nil, err
	}
	plan.From, plan.To = nothing, w.to
	if w.before != nil {
		plan.From = fmt.Sprintf("revision %d", w.before.Version)
	}
	if w.from != "" {
		plan.From = w.from
	}
	return plan, nil
}

// attempts returns the revisions that failed since one was deployed: some of
// their objects may be there, whole or in part.
func (m *Manager) attempts(name string) ([]*helmrelease.Release, error) {
	records, err := m.history(name)
	if missingRelease(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var failed []*helmrelease.Release
	for _, r := range slices.Backward(records) {
		switch r.Info.Status {
		case helmrelease.StatusDeployed:
			return failed, nil
		case helmrelease.StatusFailed, helmrelease.StatusPendingInstall, helmrelease.StatusPendingUpgrade,
			helmrelease.StatusPendingRollback, helmrelease.StatusUninstalling:
			failed = append(failed, r)
		case helmrelease.StatusSuperseded, helmrelease.StatusUninstalled, helmrelease.StatusUnknown:
		}
	}
	return failed, nil
}

// rehearse plans and changes nothing.
func (m *Manager) rehearse(ctx context.Context, w work) (*Release, error) {
	client, err := m.client(w.options)
	if err != nil {
		return nil, err
	}
	plan, err := m.plan(ctx, client, &w)
	if missingNamespace(err, m.namespace) {
		return nil, &NoNamespaceError{Namespace: m.namespace}
	}
	if err != nil {
		return nil, err
	}
	r := dryRun(w.next)
	r.Plan = plan
	return r, nil
}

func (m *Manager) client(o ApplyOptions) (Client, error) {
	return m.cluster.Client(ClientOptions{Namespace: m.namespace, Observe: m.observe, Patient: o.Patient})
}

// carryOut makes a revision: it plans, records the revision as pending, runs the
// hooks that come first, applies the objects, waits for them, runs the other
// hooks, and records how it went. The revision is nil when nothing was begun.
func (m *Manager) carryOut(ctx context.Context, w work) (*Release, error) {
	client, err := m.client(w.options)
	if err != nil {
		return nil, err
	}
	plan, err := m.plan(ctx, client, &w)
	if err != nil {
		return nil, err
	}
	if err := w.options.confirm(ctx, plan); err != nil {
		return nil, err
	}
	e := &execution{manager: m, client: client, plan: plan, record: w.next, options: w.options}
	if w.onlyChanges && !plan.Changes() && alike(w.before, w.next) {
		return stay(ctx, e, w.before)
	}
	m.records.MaxHistory = w.historyMax
	sign(w.next, m.cluster.User(ctx))
	if err := m.begin(w.next); err != nil {
		return nil, m.writeError(w.next, err)
	}
	if err := m.perform(ctx, e, w); err != nil {
		if w.cleanup {
			err = e.cleanUp(ctx, err)
		}
		return m.failed(w, err)
	}
	w.next.SetStatus(helmrelease.StatusDeployed, w.done)
	if w.options.Description != "" {
		w.next.Info.Description = w.options.Description
	}
	if err := m.records.Update(w.next); err != nil {
		return fromRecord(w.next), m.writeError(w.next, err)
	}
	r := fromRecord(w.next)
	r.Plan = plan
	return r, nil
}

// alike reports whether a revision would be the one that is deployed once more: of the
// same chart, with the same values, objects, hooks and notes.
func alike(deployed, next *helmrelease.Release) bool {
	if deployed == nil || deployed.Info.Status != helmrelease.StatusDeployed || deployed.Version != next.Version-1 {
		return false
	}
	a, err := contents(deployed)
	b, nerr := contents(next)
	return err == nil && nerr == nil && bytes.Equal(a, b)
}

// contents returns what makes a revision another one than that before, in the form that
// records have: numbers that were read from one are of other types.
func contents(r *helmrelease.Release) ([]byte, error) {
	hooks := make([]helmrelease.Hook, len(r.Hooks))
	for i, h := range r.Hooks {
		hooks[i] = *h
		hooks[i].LastRun, hooks[i].DeletePolicies = helmrelease.HookExecution{}, nil // a run fills them in
	}
	return json.Marshal([]any{slim(r.Chart), r.Config, r.Info.Notes, r.Manifest, hooks})
}

// stay keeps the revision that is deployed. Its objects are as they should be, but may
// not be ready.
func stay(ctx context.Context, e *execution, deployed *helmrelease.Release) (*Release, error) {
	if err := e.applyAndWait(ctx); err != nil {
		return nil, err
	}
	r := fromRecord(deployed)
	r.Plan, r.Unchanged = e.plan, true
	return r, nil
}

// begin records a revision as pending. Creating it is what decides between two who
// begin at once; when the answer is lost, the record tells whose it is.
func (m *Manager) begin(r *helmrelease.Release) error {
	r.Chart = slim(r.Chart)
	err := m.records.Create(r)
	if _, large := errors.AsType[*apierrors.StatusError](err); large && tooLarge(err) {
		return &TooLargeError{Err: err}
	}
	if err == nil || errors.Is(err, driver.ErrReleaseExists) {
		return err
	}
	there, gerr := m.records.Get(r.Name, r.Version)
	switch {
	case gerr == nil && there.Info.LastDeployed.Equal(r.Info.LastDeployed) && there.Manifest == r.Manifest:
		return nil
	case errors.Is(gerr, driver.ErrReleaseNotFound):
		return m.records.Create(r)
	default:
		return err
	}
}

// slim leaves out of a chart what no later operation needs: templates, files and the
// schema. They are most of a record. Its values stay, for those who reuse them.
func slim(c *chart.Chart) *chart.Chart {
	if c == nil {
		return nil
	}
	out := &chart.Chart{Metadata: c.Metadata, Lock: c.Lock, Values: c.Values}
	for _, d := range c.Dependencies() {
		out.AddDependency(slim(d))
	}
	return out
}

// TooLargeError is a revision whose record the cluster does not take.
type TooLargeError struct{ Err error }

// Error says how large a record may be.
func (e *TooLargeError) Error() string {
	return fmt.Sprintf("the objects of the release are more than a record can hold: %.0f MB in Secrets, %d MiB in ConfigMaps, compressed",
		store.MostInSecrets/1e6, store.MostInAConfigMap>>20)
}

// Unwrap returns the server's answer.
func (e *TooLargeError) Unwrap() error { return e.Err }

// tooLarge recognises the answers of the API server and of etcd to a record that
// is too large.
func tooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsInvalid(err) && strings.Contains(err.Error(), "Too long")
}

// perform is the part of carryOut that touches objects.
func (m *Manager) perform(ctx context.Context, e *execution, w work) error {
	steps := []func(context.Context) error{
		func(ctx context.Context) error { return e.hooks(ctx, w.events[0]) },
		e.apply,
		e.wait,
		func(ctx context.Context) error { return e.hooks(ctx, w.events[1]) },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return cmp.Or(Ended(ctx), err)
		}
	}
	return nil
}

// failed records that a revision has failed.
func (m *Manager) failed(w work, err error) (*Release, error) {
	w.next.SetStatus(helmrelease.StatusFailed, fmt.Sprintf("%s %q failed: %s", w.verb, w.name, err))
	_, ending := errors.AsType[*EndingNamespaceError](err) // the record goes with it
	if uerr := m.records.Update(w.next); uerr != nil && !ending {
		m.observe(Event{Action: Warned, Detail: fmt.Sprintf("revision %d could not be marked as failed: %v", w.next.Version, m.cluster.Lost(uerr))})
	}
	return fromRecord(w.next), err
}

// writeError says that a revision could not be recorded.
func (m *Manager) writeError(r *helmrelease.Release, err error) error {
	return fmt.Errorf("record revision %d of %s: %w", r.Version, r.Name, m.cluster.Lost(err))
}
