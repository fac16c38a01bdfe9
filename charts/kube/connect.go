package kube

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Options says which cluster is meant, as kubectl's flags do.
type Options struct {
	// Kubeconfig is a file. When it is empty, the files of $KUBECONFIG count,
	// then ~/.kube/config, then the service account of a pod.
	Kubeconfig string
	// Context is a context of the kubeconfig; its current one when empty.
	Context string
	// Namespace overrides that of the context.
	Namespace string
	// Getenv looks up an environment variable. It is required.
	Getenv func(string) string
	// Holder says who changes a release, to others who want to; "gantry" when it is
	// empty.
	Holder string
	// Warn is told the warnings of the API server, each text once.
	Warn func(text string)
	// ReachTimeout bounds [Cluster.Reach]; [DefaultReachTimeout] when it is zero.
	ReachTimeout time.Duration
}

// NotConfiguredError means that nothing says which cluster is meant.
type NotConfiguredError struct {
	// Looked lists the files that could have said so.
	Looked []string
}

// Error lists where a cluster was looked for.
func (e *NotConfiguredError) Error() string {
	return "no cluster is configured: looked for a kubeconfig in " + strings.Join(e.Looked, ", ")
}

// NoContextError is a context that the kubeconfig does not have.
type NoContextError struct {
	Context string
	// Known are those that it has.
	Known []string
}

// Error names the contexts that there are.
func (e *NoContextError) Error() string {
	return fmt.Sprintf("no context %q in the kubeconfig: there is %s", e.Context, strings.Join(e.Known, ", "))
}

// Cluster is one cluster. It keeps what it has learnt, so that discovery is asked
// once.
type Cluster struct {
	loader clientcmd.ClientConfig
	config *rest.Config
	holder string
	// reachTimeout bounds the first request.
	reachTimeout time.Duration

	once struct {
		discovery, mapper sync.Once
	}
	discovery    discovery.CachedDiscoveryInterface
	discoveryErr error
	mapper       meta.RESTMapper
}

// Connect finds out which cluster is meant. It sends nothing: [Cluster.Reach]
// does.
//
// The error is a [*NotConfiguredError] when nothing says which. Connect never
// guesses, and never takes a sandbox that happens to run.
func Connect(o Options) (*Cluster, error) {
	// client-go logs for the operators of controllers; what a person must know
	// comes back as errors.
	klog.SetLogger(logr.Discard())
	rules, looked := loadingRules(o)
	overrides := &clientcmd.ConfigOverrides{CurrentContext: o.Context}
	overrides.Context.Namespace = o.Namespace
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	raw, err := loader.RawConfig()
	if errors.Is(err, fs.ErrNotExist) { // the one that was named; others may be missing
		return nil, &NotConfiguredError{Looked: looked}
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	if o.Context != "" && raw.Contexts[o.Context] == nil {
		known := slices.Sorted(maps.Keys(raw.Contexts))
		if len(known) == 0 {
			return nil, &NotConfiguredError{Looked: looked}
		}
		return nil, &NoContextError{Context: o.Context, Known: known}
	}
	config, err := loader.ClientConfig()
	if clientcmd.IsEmptyConfig(err) || errors.Is(err, rest.ErrNotInCluster) {
		return nil, &NotConfiguredError{Looked: looked}
	}
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	// The server has its own ways to be fair to all; a brake in the client only
	// makes large releases slow.
	config.QPS, config.Burst = -1, -1
	config.UserAgent = "gantry"
	config.WarningHandler = &warnings{warn: o.Warn}
	warn := o.Warn
	if warn == nil {
		warn = func(string) {}
	}
	away := &atomic.Bool{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &persistent{next, warn, away} })
	return &Cluster{loader: loader, config: config, holder: cmp.Or(o.Holder, fieldManager), reachTimeout: cmp.Or(o.ReachTimeout, DefaultReachTimeout)}, nil
}

// loadingRules says in which files clusters are configured, without reading the
// process's environment behind the caller's back.
func loadingRules(o Options) (rules *clientcmd.ClientConfigLoadingRules, looked []string) {
	rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: o.Kubeconfig}
	if o.Kubeconfig != "" {
		return rules, lookedFor(o.Kubeconfig)
	}
	if list := o.Getenv("KUBECONFIG"); list != "" {
		rules.Precedence = slices.DeleteFunc(filepath.SplitList(list), func(s string) bool { return s == "" })
		return rules, lookedFor(rules.Precedence...)
	}
	rules.Precedence = []string{filepath.Join(o.Getenv("HOME"), ".kube", "config")}
	return rules, []string{"$KUBECONFIG", "~/.kube/config"}
}

// lookedFor says of files that somebody has named which of them are not there.
func lookedFor(names ...string) []string {
	looked := slices.Clone(names)
	for i, name := range names {
		if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
			looked[i] += " (which does not exist)"
		}
	}
	return looked
}

// Address is where the cluster answers, for people.
func (c *Cluster) Address() string { return c.config.Host }

// Namespace is the one that was asked for, or the context's, or "default".
func (c *Cluster) Namespace() string {
	namespace, _, err := c.loader.Namespace()
	if err != nil || namespace == "" {
		return "default"
	}
	return namespace
}

// Clientset returns a typed client.
func (c *Cluster) Clientset() (kubernetes.Interface, error) {
	return kubernetes.NewForConfig(c.config)
}

// ToRESTConfig returns a copy of the connection's configuration.
func (c *Cluster) ToRESTConfig() (*rest.Config, error) { return rest.CopyConfig(c.config), nil }

// ToDiscoveryClient returns a discovery client that keeps its answers as long as
// the process lives: one on disk would miss definitions made a moment ago.
func (c *Cluster) ToDiscoveryClient() (discovery.CachedDiscoveryInterface, error) {
	c.once.discovery.Do(func() {
		client, err := discovery.NewDiscoveryClientForConfig(c.config)
		if err != nil {
			c.discoveryErr = err
			return
		}
		c.discovery = memory.NewMemCacheClient(client)
	})
	return c.discovery, c.discoveryErr
}

// ToRESTMapper returns a mapper from kinds to resources.
func (c *Cluster) ToRESTMapper() (meta.RESTMapper, error) {
	client, err := c.ToDiscoveryClient()
	if err != nil {
		return nil, err
	}
	c.once.mapper.Do(func() {
		c.mapper = restmapper.NewShortcutExpander(restmapper.NewDeferredDiscoveryRESTMapper(client), client, nil)
	})
	return c.mapper, nil
}

// warnings passes on what the API server warns of, each text once.
type warnings struct {
	warn func(string)
	mu   sync.Mutex
	seen map[string]bool
}

// HandleWarningHeader takes one warning.
func (w *warnings) HandleWarningHeader(code int, _, text string) {
	const deprecationOrOther = 299
	if w.warn == nil || code != deprecationOrOther || text == "" {
		return
	}
	w.mu.Lock()
	seen := w.seen[text]
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	w.seen[text] = true
	w.mu.Unlock()
	if !seen {
		w.warn(text)
	}
}
