package release

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"helm.sh/helm/v3/pkg/chartutil"
	helmrelease "helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	helmtime "helm.sh/helm/v3/pkg/time"
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
	clock     func() time.Time
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
	// Now is the clock; that of the machine when it is nil.
	Now func() time.Time
}

// New returns a manager of releases. It sends nothing.
func New(c Cluster, o Options) *Manager {
	clock := o.Now
	if clock == nil {
		clock = time.Now //nolint:forbidigo // the default
	}
	var mu sync.Mutex
	observe := func(e Event) {
		if o.Observe != nil {
			mu.Lock()
			defer mu.Unlock()
			o.Observe(e)
		}
	}
	return &Manager{cluster: c, records: o.Records, namespace: o.Namespace, observe: observe, clock: clock}
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

// NameError is a name that no release can have.
type NameError struct{ Name string }

// Error says which names there are.
func (e *NameError) Error() string {
	return fmt.Sprintf("%q cannot be the name of a release: use a to z, 0 to 9, - and ., with a letter or digit at either end, and at most 53 characters", e.Name)
}

// checkName refuses names that helm refuses.
func checkName(name string) error {
	if chartutil.ValidateReleaseName(name) != nil {
		return &NameError{Name: name}
	}
	return nil
}

// last returns the newest revision of a release, or a [*NotFoundError].
func (m *Manager) last(name string) (*helmrelease.Release, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	r, err := m.records.Last(name)
	if err != nil {
		return nil, m.recordError(name, 0, err)
	}
	return r, nil
}

// missingRelease reports whether there is no such release.
func missingRelease(err error) bool {
	_, missing := errors.AsType[*NotFoundError](err)
	return missing
}

// recordError gives errors of the records a type.
func (m *Manager) recordError(name string, revision int, err error) error {
	switch {
	case errors.Is(err, driver.ErrReleaseNotFound), errors.Is(err, driver.ErrNoDeployedReleases):
		return &NotFoundError{Name: name, Namespace: m.namespace, Revision: revision}
	case missingNamespace(err, m.namespace):
		return &NoNamespaceError{Namespace: m.namespace}
	default:
		return fmt.Errorf("read the records of %s: %w", name, m.cluster.Lost(err))
	}
}

func pending(r *helmrelease.Release) error {
	if !r.Info.Status.IsPending() {
		return nil
	}
	return &PendingError{Name: r.Name, Namespace: r.Namespace, Status: r.Info.Status.String(), Revision: r.Version, Since: r.Info.LastDeployed.Time}
}

// now is the time, as records have it.
func (m *Manager) now() helmtime.Time { return helmtime.Time{Time: m.clock()} }

// afterwards returns a context for undoing what was begun with ctx, which may
// be over.
func afterwards(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), timeout+time.Minute)
}
