package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// DefaultTimeout bounds waiting for objects and for each hook.
const DefaultTimeout = 5 * time.Minute

// DefaultHistory is how many revisions of a release are kept.
const DefaultHistory = 10

// Manager manages the releases of one namespace.
type Manager struct {
	cluster   Cluster
	records   *storage.Storage
	namespace string
	observe   func(Event)
}

// Options says what a [Manager] manages.
type Options struct {
	// Namespace of the releases; empty for reading those of all namespaces.
	Namespace string
	// Records is where the releases are recorded; charts/store opens it. It must
	// be for the same namespace.
	Records *storage.Storage
	// Observe is told what happens, one event at a time. It may be nil.
	Observe func(Event)
}

// New returns a manager of releases. It sends nothing.
func New(c Cluster, o Options) *Manager {
	observe := o.Observe
	if observe == nil {
		observe = func(Event) {}
	}
	return &Manager{cluster: c, records: o.Records, namespace: o.Namespace, observe: observe}
}

// operation is one run of one of helm's actions.
type operation struct {
	config *action.Configuration
	client Client
}

// begin starts an operation that ends with ctx: helm's actions cannot be
// stopped, but each of their steps asks the client, which then refuses.
func (m *Manager) begin(ctx context.Context, patient bool) *operation {
	client := m.cluster.Client(ctx, ClientOptions{Namespace: m.namespace, Observe: m.observe, Patient: patient})
	return &operation{client: client, config: &action.Configuration{
		RESTClientGetter: m.cluster,
		Releases:         m.records,
		KubeClient:       client,
		Log:              func(string, ...any) {},
		HookOutputFunc: func(_, pod, container string) io.Writer {
			return &lineWriter{line: func(text string) {
				m.observe(Event{Action: Step, Detail: fmt.Sprintf("log of pod %s, container %s: %s", pod, container, text)})
			}}
		},
	}}
}

// remember tells the client of the revisions that failed since one was deployed.
// helm compares with the deployed one alone, so that what a failed upgrade has
// added stays for ever.
func (m *Manager) remember(op *operation, name string) error {
	records, err := m.history(name)
	if err != nil {
		return err
	}
	for _, r := range slices.Backward(records) {
		switch r.Info.Status {
		case helmrelease.StatusDeployed:
			return nil
		case helmrelease.StatusFailed, helmrelease.StatusPendingInstall, helmrelease.StatusPendingUpgrade, helmrelease.StatusPendingRollback:
		default:
			continue
		}
		if err := op.client.Remember(r.Manifest); err != nil {
			return fmt.Errorf("read the objects of revision %d: %w", r.Version, err)
		}
	}
	return nil
}

// fault gives an error of helm's action its cause back, where the action made
// text of it.
func (op *operation) fault(err error) error {
	cause := op.client.Failure()
	if err == nil || cause == nil || errors.Is(err, cause) || !strings.Contains(err.Error(), cause.Error()) {
		return err
	}
	return &causedError{err: err, cause: cause}
}

type causedError struct{ err, cause error }

func (e *causedError) Error() string   { return e.err.Error() }
func (e *causedError) Unwrap() []error { return []error{e.err, e.cause} }

// lineWriter splits what is written into lines.
type lineWriter struct {
	line func(string)
	rest string
}

func (w *lineWriter) Write(p []byte) (int, error) {
	text := w.rest + string(p)
	for {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			w.rest = text
			return len(p), nil
		}
		w.line(line)
		text = rest
	}
}

// NotFoundError is a release, or a revision of one, that there is not.
type NotFoundError struct {
	Name, Namespace string
	// Revision is 0 when the release as a whole is not there.
	Revision int
}

// Error names it.
func (e *NotFoundError) Error() string {
	if e.Revision > 0 {
		return fmt.Sprintf("release %s in namespace %s has no revision %d", e.Name, e.Namespace, e.Revision)
	}
	return fmt.Sprintf("there is no release %s in namespace %s", e.Name, e.Namespace)
}

// ExistsError is a name that is taken.
type ExistsError struct {
	Name, Namespace, Status string
}

// Error names the release and its status.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("release %s in namespace %s exists already (%s)", e.Name, e.Namespace, e.Status)
}

// PendingError is a release on which an operation is under way, or was when it
// was cut off.
type PendingError struct {
	Name, Namespace, Status string
	// Revision is the one that was being made.
	Revision int
	// Since is when the operation began.
	Since time.Time
}

// Error says what is under way, and since when.
func (e *PendingError) Error() string {
	return fmt.Sprintf("release %s in namespace %s is in the middle of an operation (%s, revision %d, begun %s)",
		e.Name, e.Namespace, e.Status, e.Revision, e.Since.UTC().Format(time.RFC3339))
}

// NoNamespaceError is a namespace that there is not.
type NoNamespaceError struct{ Namespace string }

// Error names the namespace.
func (e *NoNamespaceError) Error() string {
	return fmt.Sprintf("there is no namespace %s", e.Namespace)
}

// UndoneError is an operation that failed and was undone.
type UndoneError struct {
	// Err is why it failed.
	Err error
	// How says what was done about it.
	How string
}

// Error prints why it failed and what was done.
func (e *UndoneError) Error() string { return e.Err.Error() + "; " + e.How }

// Unwrap returns why it failed.
func (e *UndoneError) Unwrap() error { return e.Err }

// last returns the newest revision of a release, or a [*NotFoundError].
func (m *Manager) last(name string) (*helmrelease.Release, error) {
	if err := chartutil.ValidateReleaseName(name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", name, err)
	}
	r, err := m.records.Last(name)
	if err != nil {
		return nil, m.recordError(name, 0, err)
	}
	return r, nil
}

// recordError gives errors of the records a type.
func (m *Manager) recordError(name string, revision int, err error) error {
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound), errors.Is(err, driver.ErrNoDeployedReleases):
		return &NotFoundError{Name: name, Namespace: m.namespace, Revision: revision}
	case missingNamespace(err):
		return &NoNamespaceError{Namespace: m.namespace}
	default:
		return fmt.Errorf("read the records of %s: %w", name, m.cluster.Lost(err))
	}
}

func missingNamespace(err error) bool {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	return ok && apierrors.IsNotFound(err) && status.ErrStatus.Details != nil && status.ErrStatus.Details.Kind == "namespaces"
}

func pending(r *helmrelease.Release) error {
	if !r.Info.Status.IsPending() {
		return nil
	}
	return &PendingError{Name: r.Name, Namespace: r.Namespace, Status: r.Info.Status.String(), Revision: r.Version, Since: r.Info.LastDeployed.Time}
}

// settle marks the newest revision as failed when an operation left it pending:
// helm's rollback does so when a hook fails, and nothing could be done with the
// release any more.
func (m *Manager) settle(name string, err error) {
	if err == nil {
		return
	}
	r, rerr := m.records.Last(name)
	if rerr != nil || !r.Info.Status.IsPending() {
		return
	}
	r.Info.Status = helmrelease.StatusFailed
	r.Info.Description = err.Error()
	if uerr := m.records.Update(r); uerr != nil {
		m.observe(Event{Action: Warned, Detail: fmt.Sprintf("revision %d could not be marked as failed: %v", r.Version, uerr)})
	}
}

// afterwards returns a context for undoing what was begun with ctx, which may
// be over.
func afterwards(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), timeout+time.Minute)
}
