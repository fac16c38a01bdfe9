package release

import (
	"context"

	helmkube "helm.sh/helm/v3/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// Cluster is where releases live. kube.Cluster is one.
type Cluster interface {
	// RESTClientGetter is what helm's template functions and its discovery use.
	genericclioptions.RESTClientGetter
	// Reach fails when the cluster does not answer, within seconds.
	Reach(ctx context.Context) error
	// Client returns what one operation applies objects with. It stops when ctx is
	// done.
	Client(ctx context.Context, o ClientOptions) Client
	// Hold takes a release for one operation, which ends with the context that is
	// returned. The error is a [*BusyError] when somebody else is at work on it.
	Hold(ctx context.Context, name string, o ClientOptions) (context.Context, *Hold, error)
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

// Client applies the objects of one operation.
//
// The first part is what helm's actions call, the optional interfaces included:
// helm asserts InterfaceThreeWayMerge without looking when it takes over objects.
// Its methods have no context, so a Client keeps that of its operation.
type Client interface {
	helmkube.Interface
	helmkube.InterfaceExt
	helmkube.InterfaceThreeWayMerge
	helmkube.InterfaceLogs
	helmkube.InterfaceDeletionPropagation

	// Remember tells of the objects of a revision that failed. Some of them may be
	// there, whole or in part: Update takes back what only they had.
	Remember(manifest string) error
	// Failure is the first error that the client returned while it applied or
	// waited. helm's actions turn some errors into text.
	Failure() error
	// Rehearse asks the API server what it would say to the objects of a
	// manifest, and changes nothing. It returns all refusals, joined.
	Rehearse(manifest string) error
	// Health tells how the objects of a manifest are.
	Health(manifest string) ([]Health, error)
}

// Health is how one object is.
type Health struct {
	Object
	// State is Current, InProgress, Failed, Terminating, Unknown or NotFound.
	State string `json:"state"`
	// Message says why.
	Message string `json:"message,omitempty"`
}
