package release

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// Cluster is where releases live. kube.Cluster is one.
type Cluster interface {
	// ToRESTConfig returns what templates look objects up with.
	ToRESTConfig() (*rest.Config, error)
	// ToDiscoveryClient returns what knows the version of the cluster and its APIs.
	ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error)
	// Reach fails when the cluster does not answer, within seconds.
	Reach(ctx context.Context) error
	// Client returns what one operation applies objects with.
	Client(o ClientOptions) (Client, error)
	// Hold takes a release for one operation, which ends with the context that is
	// returned. The error is a [*BusyError] when somebody else is at work on it.
	Hold(ctx context.Context, name string, o ClientOptions) (context.Context, *Hold, error)
	// User is who the cluster takes us for; empty when it does not say.
	User(ctx context.Context) string
	// Lost recognises errors that mean that the connection is gone.
	Lost(err error) error
}

// ClientOptions says what a [Client] is for.
type ClientOptions struct {
	Namespace string
	// Observe is told what happens. It may be called from several goroutines, but
	// never by two at the same time. It may be nil.
	Observe func(Event)
	// Patient waits until the time is over, even for what waiting does not help;
	// default false.
	Patient bool
}

// Client reads and writes the objects of one operation. All of its methods may be
// called by several goroutines at once, end with their context, and outlast a
// short absence of the API server.
type Client interface {
	// Resolve finds out how the API server knows objects: those of a kind that has
	// namespaces get one when they have none, others lose theirs. The objects whose
	// kinds it does not know are returned, too.
	Resolve(objects []*unstructured.Unstructured) (unknown []*unstructured.Unstructured, err error)
	// Learn asks the API server for its kinds, until it knows those of the objects: it
	// answers for a new definition a moment after it has taken it.
	Learn(ctx context.Context, objects []*unstructured.Unstructured) error
	// Live returns the objects as they are, nil for one that is not there.
	Live(ctx context.Context, objects []*unstructured.Unstructured) ([]*unstructured.Unstructured, error)
	// Claims returns the claims that a StatefulSet has made for its pods, and that stay
	// when it goes.
	Claims(ctx context.Context, set *unstructured.Unstructured) ([]*unstructured.Unstructured, error)
	// Send makes one object as it should be, or rehearses that, and returns what has
	// become of it. The error is a [*RefusedError] when the API server does not take
	// it.
	Send(ctx context.Context, w Write) (*unstructured.Unstructured, error)
	// Delete deletes an object. One that is gone already is no error.
	Delete(ctx context.Context, obj *unstructured.Unstructured, orphan bool) error
	// Wait waits until all objects are as they should be. The objects are as they
	// were last seen; those that need no waiting cost no request.
	Wait(ctx context.Context, objects []*unstructured.Unstructured, until Until, timeout time.Duration) error
	// Logs tells the lines that a Pod, or the pods of a Job, have written.
	Logs(ctx context.Context, obj *unstructured.Unstructured, tell func(pod, container, line string)) error
	// Health tells how objects are.
	Health(ctx context.Context, objects []*unstructured.Unstructured) ([]Health, error)
	// Tables returns objects as the API server prints them, and the pods of workloads.
	Tables(ctx context.Context, objects []*unstructured.Unstructured) ([]Table, error)
}

// Table is the objects of one kind, as the API server prints them.
type Table struct {
	// Title is the version and the kind: v1/Deployment. It is v1/Pod(related) for the
	// pods of workloads, as helm calls them.
	Title string
	// Columns are the names of the columns, and Rows have a cell for each.
	Columns []string
	Rows    [][]string
	// Objects are what is in the rows.
	Objects []map[string]any
}

// Until is what a [Client] waits for.
type Until string

// What objects are waited for to be.
const (
	// UntilReady waits until they do what they are for. Jobs need not be complete.
	UntilReady Until = "ready"
	// UntilDone waits for the end of Jobs, too.
	UntilDone Until = "done"
	// UntilComplete waits for the end of Jobs and Pods, which are hooks.
	UntilComplete Until = "complete"
	// UntilGone waits until they are deleted.
	UntilGone Until = "gone"
)

// Method is how objects are changed.
type Method string

// The ways to change an object.
const (
	// ApplyAuto changes an object as it was changed before: on the server what is
	// new or was applied there, by the client what is helm's.
	ApplyAuto Method = "auto"
	// ApplyServer lets the API server merge, which knows who owns which field.
	ApplyServer Method = "server"
	// ApplyClient merges three ways, as helm 3 does: what the release says now, what
	// it said before, and the object as it is.
	ApplyClient Method = "client"
	// ApplyReplace writes the whole object, whatever others have set in it.
	ApplyReplace Method = "replace"
)

// auto reports whether each object is changed as it was before.
func (m Method) auto() bool { return m == ApplyAuto || m == "" }

// Write is one object that is sent.
type Write struct {
	// Object is as it should be.
	Object *unstructured.Unstructured
	// Live is as it is; nil when it is not there.
	Live *unstructured.Unstructured
	// Before is what revisions of the release have said of it.
	Before []*unstructured.Unstructured
	// Method is how it is changed; not [ApplyAuto].
	Method Method
	// Take takes fields over that somebody else has set.
	Take bool
	// DryRun changes nothing.
	DryRun bool
	// Strict refuses fields that the kind does not have, which are warned of
	// otherwise.
	Strict bool
}

// Health is how one object is.
type Health struct {
	Object
	// State is Current, InProgress, Failed, Terminating, Unknown or NotFound.
	State string `json:"state"`
	// Message says why.
	Message string `json:"message,omitempty"`
}

// Conflict is a field that the release wants to set and somebody else has set.
type Conflict struct {
	// Field is a path as the API server writes it: .spec.replicas
	Field string `json:"field"`
	// Owner is the name under which it was set: kubectl-edit.
	Owner string `json:"owner"`
	// At is when the owner has last written the object, if that is known.
	At time.Time `json:"at,omitzero"`
}

// String prints the field, its owner, and since when it is theirs.
func (c Conflict) String() string {
	owner := c.Owner
	if verb, found := strings.CutPrefix(owner, VerbManager("")); found {
		owner = FieldManager + " " + verb
	}
	text := fmt.Sprintf("%s, set by %s", c.Field, owner)
	if !c.At.IsZero() {
		text += " on " + c.At.UTC().Format("2006-01-02 at 15:04:05")
	}
	return text
}

// Refusal is why the API server does not take an object.
type Refusal string

// Why objects are refused.
const (
	// RefusedInvalid is an object with faults.
	RefusedInvalid Refusal = "invalid"
	// RefusedMistyped is an object with values of other types than its kind has there.
	RefusedMistyped Refusal = "mistyped"
	// RefusedImmutable is a change of what cannot change.
	RefusedImmutable Refusal = "immutable"
	// RefusedConflict is a change of what somebody else has set.
	RefusedConflict Refusal = "conflict"
	// RefusedForbidden is what the user may not do, or what a quota or a policy
	// forbids.
	RefusedForbidden Refusal = "forbidden"
	// RefusedUnmergeable is an object that the server cannot merge, though it would
	// take it otherwise: a list with the same key twice.
	RefusedUnmergeable Refusal = "unmergeable"
	// RefusedRehearsal means that the API server cannot say without doing it.
	RefusedRehearsal Refusal = "rehearsal"
	// RefusedUnasked means that a webhook has to agree, and does not answer.
	RefusedUnasked Refusal = "unasked"
	// RefusedMissing is an object that refers to what is not there.
	RefusedMissing Refusal = "missing"
)

// RefusedError is an object that the API server does not take.
type RefusedError struct {
	// Doing is what was tried: create, change.
	Doing string
	// Object is what it was tried on.
	Object Object
	// Why it was refused.
	Why Refusal
	// Problem says what is wrong, with the fields.
	Problem string
	// Source is the template that the object comes from, below the chart's name; empty
	// where that is not known.
	Source string
	// Conflicts are the fields of a [RefusedConflict].
	Conflicts []Conflict
	// Err is the server's answer.
	Err error
}

// Error prints the object and every cause.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s %s: the API server refuses it: %s", e.Doing, e.Object, e.Problem)
}

// Unwrap returns the server's answer.
func (e *RefusedError) Unwrap() error { return e.Err }

// refusedAs returns a refusal, if an error is one for one of the reasons.
func refusedAs(err error, reasons ...Refusal) (*RefusedError, bool) {
	e, ok := errors.AsType[*RefusedError](err)
	if !ok {
		return nil, false
	}
	return e, slices.Contains(reasons, e.Why)
}
