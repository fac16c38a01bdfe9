package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	helmkube "helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/resource"
	"k8s.io/client-go/dynamic"

	"gantry/charts/release"
)

// fieldManager is the name under which the API server remembers what gantry set.
const fieldManager = "gantry"

// parallel is how many requests a session has under way at once.
const parallel = 16

// Session applies the objects of one operation. It satisfies release.Client.
type Session struct {
	cluster   *Cluster
	namespace string
	helm      *helmkube.Client
	// ctx is that of the operation: the methods that helm calls take none.
	ctx context.Context //nolint:containedctx // see above

	// patient waits for what is stuck, too.
	patient bool

	mu      sync.Mutex
	observe func(release.Event)
	built   map[string]helmkube.ResourceList
	failure error
	// attempts are the objects of revisions that failed.
	attempts []helmkube.ResourceList
}

// Client starts a session.
func (c *Cluster) Client(ctx context.Context, o release.ClientOptions) release.Client {
	return c.session(ctx, o)
}

func (c *Cluster) session(ctx context.Context, o release.ClientOptions) *Session {
	client := helmkube.New(c)
	client.Namespace = o.Namespace
	if o.Observe == nil {
		o.Observe = func(release.Event) {}
	}
	return &Session{
		cluster: c, namespace: o.Namespace, helm: client, ctx: ctx,
		observe: o.Observe, patient: o.Patient, built: map[string]helmkube.ResourceList{},
	}
}

// interruptedError is what a session returns after its operation was cancelled. It
// is recorded in the release, so it speaks to people.
type interruptedError struct{}

func (interruptedError) Error() string { return "interrupted" }

// Is makes it the cancellation that it stands for.
func (interruptedError) Is(target error) bool { return target == context.Canceled }

// over returns an error when the operation is over.
func (s *Session) over() error {
	err := s.ctx.Err()
	if errors.Is(err, context.Canceled) {
		return interruptedError{}
	}
	return err
}

// tell reports an event, one at a time.
func (s *Session) tell(e release.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe(e)
}

// failed remembers the first error, and returns the one it is given.
func (s *Session) failed(err error) error {
	err = s.cluster.Lost(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
	return err
}

// Failure returns the first error of the session.
func (s *Session) Failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}

// IsReachable asks the cluster for its version.
func (s *Session) IsReachable() error { return s.failed(s.cluster.Reach(s.ctx)) }

// Build reads the objects of a manifest and finds their resources.
//
// helm builds the same manifest up to three times in one operation, so what was
// built is kept. Validation is left to the API server, which is asked to warn of
// unknown fields when objects are applied: the client-side one needs two
// megabytes of schema and finds less.
func (s *Session) Build(reader io.Reader, _ bool) (helmkube.ResourceList, error) {
	data, err := io.ReadAll(reader)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	list, known := s.built[string(data)]
	s.mu.Unlock()
	if !known {
		if list, err = s.helm.Build(bytes.NewReader(data), false); err != nil {
			return nil, s.failed(err)
		}
		s.mu.Lock()
		s.built[string(data)] = list
		s.mu.Unlock()
	}
	return clone(list), nil
}

// Remember takes the objects of a revision that failed: Update takes back what
// only they had. Objects of kinds that the cluster no longer knows are left out.
func (s *Session) Remember(manifest string) error {
	list, err := s.helm.Build(strings.NewReader(manifest), false)
	if err != nil && !meta.IsNoMatchError(err) {
		return s.failed(err)
	}
	s.attempts = append(s.attempts, list)
	return nil
}

// clone copies a list, because helm writes labels into the objects it gets.
func clone(list helmkube.ResourceList) helmkube.ResourceList {
	out := make(helmkube.ResourceList, 0, len(list))
	for _, info := range list {
		c := *info
		c.Object = info.Object.DeepCopyObject()
		out = append(out, &c)
	}
	return out
}

func (s *Session) dynamic() (dynamic.Interface, error) {
	client, err := dynamic.NewForConfig(s.cluster.config)
	if err != nil {
		return nil, fmt.Errorf("use the kubeconfig: %w", err)
	}
	return client, nil
}

// helper returns the requests for one object.
func helper(info *resource.Info) *resource.Helper {
	// Warn lets objects with unknown fields through, as helm does, but not in
	// silence.
	return resource.NewHelper(info.Client, info.Mapping).WithFieldManager(fieldManager).WithFieldValidation("Warn")
}

// object names what a resource.Info stands for.
func object(info *resource.Info) release.Object {
	version, kind := info.Mapping.GroupVersionKind.ToAPIVersionAndKind()
	return release.Object{APIVersion: version, Kind: kind, Namespace: info.Namespace, Name: info.Name}
}

func resourceVersion(obj runtime.Object) string {
	info := &resource.Info{}
	if err := info.Refresh(obj, true); err != nil {
		return ""
	}
	return info.ResourceVersion
}
