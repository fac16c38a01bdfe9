package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Options says how the control plane runs.
type Options struct {
	// Dir is the state folder. It must be new, empty, or a sandbox's.
	Dir string
	// Port is the port on 127.0.0.1. 0 keeps that of the last run when it is
	// free, and takes any free one otherwise.
	Port int
	// Nodes is the number of fake nodes, 1 to 100; 0 means 1.
	Nodes int
	// NoWebhooks disables admission webhooks, which nothing answers here: charts
	// that install one with failurePolicy Fail would otherwise lock themselves out.
	NoWebhooks bool
	// Fsync makes etcd wait for the disk. Without it the state survives the death
	// of the process, but not a power cut.
	Fsync bool
	// Verbosity is that of the components' logs.
	Verbosity int
	// Now is the clock; it is needed.
	Now func() time.Time
	// Progress, if any, is told what happens.
	Progress func(step string)
}

const maxNodes = 100

func (o *Options) validate() error {
	if o.Dir == "" {
		return errors.New("no folder for the state: give --dir")
	}
	if o.Port < 0 || o.Port > 65535 {
		return fmt.Errorf("port %d is not between 0 and 65535", o.Port)
	}
	if o.Nodes < 0 || o.Nodes > maxNodes {
		return fmt.Errorf("%d nodes: there can be 1 to %d", o.Nodes, maxNodes)
	}
	return nil
}

// cluster is a control plane that runs, or that is about to.
type cluster struct {
	Options

	folder   *folder
	pki      *pki
	listener net.Listener
	// etcdURL and egressConfig are how the API server reaches its store and the nodes.
	etcdURL, egressConfig string
	// kubelets answers for the fake nodes.
	kubelets *kubelets

	config *rest.Config
	client kubernetes.Interface

	failures chan error // of components that ended by themselves
	stops    []func()   // in the order of the starts
}

// Run brings a control plane up, serves until the context ends or a component
// fails, and takes it down again. The components keep settings in global
// variables, thus there can be one run in a process.
func Run(ctx context.Context, o Options) error {
	if err := o.validate(); err != nil {
		return err
	}
	var err error
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return err
	}
	o.Nodes = max(o.Nodes, 1)
	folder, err := openFolder(o.Dir, o.Now())
	if err != nil {
		return err
	}
	c := &cluster{Options: o, folder: folder, failures: make(chan error, 1)}
	return folder.close(c.run(ctx))
}

func (c *cluster) run(ctx context.Context) error {
	err := c.start(ctx)
	if err == nil {
		err = c.folder.ready(c.config.Host)
	}
	if err == nil {
		c.progress("ready at " + c.config.Host)
		select {
		case <-ctx.Done():
		case err = <-c.failures:
		}
	}
	c.progress("stop")
	c.stop()
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to stop, perhaps before it was up
	}
	return err
}

// start brings everything up, one step after the other.
func (c *cluster) start(ctx context.Context) error {
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"open the log", c.openLog},
		{"make certificates", c.makeCertificates},
		{"listen", c.listen},
		{"start etcd", c.startEtcd},
		{"start the way to the nodes", c.startEgress},
		{"start kube-apiserver", c.startAPIServer},
		{"start kube-controller-manager", c.startControllerManager},
		{"start kube-scheduler", c.startScheduler},
		{"start the nodes", c.startFakes},
		{"wait until everything is ready", c.waitReady},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		c.progress(step.name)
		if err := c.folder.step(step.name); err != nil {
			return err
		}
		if err := step.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// stop ends what was started, the last first, thus the store at the end.
func (c *cluster) stop() {
	for _, stop := range slices.Backward(c.stops) {
		stop()
	}
	c.stops = nil
}

func (c *cluster) onStop(f func()) { c.stops = append(c.stops, f) }

func (c *cluster) progress(step string) {
	if c.Progress != nil {
		c.Progress(step)
	}
}

// background returns a context for what a component starts beside itself. It
// outlives the component that is run next.
func (c *cluster) background() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	c.onStop(cancel)
	return ctx
}

// componentGrace is how long a component may take to end.
const componentGrace = 10 * time.Second

// runComponent runs a component until the cluster stops. It is not bound to the
// context of the start: the components must end in order.
func (c *cluster) runComponent(name string, run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		select {
		case c.failures <- fmt.Errorf("%s: %w", name, err):
		default: // the first failure is the one that counts
		}
	}()
	c.onStop(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(componentGrace):
		}
	})
}
