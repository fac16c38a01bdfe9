package controlplane

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	cliflag "k8s.io/component-base/cli/flag"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	apiserveroptions "k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	controllermanageroptions "k8s.io/kubernetes/cmd/kube-controller-manager/app/options"
	"k8s.io/kubernetes/cmd/kube-controller-manager/names"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	scheduleroptions "k8s.io/kubernetes/cmd/kube-scheduler/app/options"
)

// The components are started through their options and not through their cobra
// commands: each of those takes the signals of the process, and the second to do
// so panics.

const apiServerStart = 60 * time.Second

func (c *cluster) startAPIServer(ctx context.Context) error {
	s := apiserveroptions.NewServerRunOptions()
	if err := parseFlags(s.Flags(), c.apiServerFlags()); err != nil {
		return err
	}
	s.SecureServing.Listener = c.listener
	if err := s.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := s.Complete(c.background())
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return utilerrors.NewAggregate(errs)
	}
	c.runComponent("kube-apiserver", func(ctx context.Context) error { return apiserver.Run(ctx, completed) })
	return c.waitOK(ctx, "/livez/ping", apiServerStart)
}

func (c *cluster) apiServerFlags() []string {
	flags := []string{
		"--etcd-servers=" + c.etcdURL,
		"--bind-address=127.0.0.1",
		fmt.Sprintf("--secure-port=%d", c.Port),
		// Never used, but asked for when the machine has no address but loopback.
		"--advertise-address=192.0.2.1",
		"--external-hostname=127.0.0.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + c.pki.cert("server"),
		"--tls-private-key-file=" + c.pki.key("server"),
		"--cert-dir=" + c.pki.dir,
		"--client-ca-file=" + c.pki.cert("ca"),
		"--service-account-key-file=" + c.pki.path("sa.pub"),
		"--service-account-signing-key-file=" + c.pki.key("sa"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--egress-selector-config-file=" + c.egressConfig,
		"--profiling=false",
		// There is one user, who may ask as fast as the machine answers.
		"--max-requests-inflight=2000",
		"--max-mutating-requests-inflight=1000",
	}
	if c.NoWebhooks {
		flags = append(flags, "--disable-admission-plugins=MutatingAdmissionWebhook,ValidatingAdmissionWebhook")
	}
	return flags
}

func (c *cluster) startControllerManager(ctx context.Context) error {
	// It ends by itself when the API server is not healthy within ten seconds, which a busy
	// machine needs.
	if err := c.waitOK(ctx, "/healthz", readyWithin); err != nil {
		return err
	}
	s, err := controllermanageroptions.NewKubeControllerManagerOptions()
	if err != nil {
		return err
	}
	known, off, aliases := controllermanager.KnownControllers(), controllermanager.ControllersDisabledByDefault(), controllermanager.ControllerAliases()
	if err := parseFlags(s.Flags(known, off, aliases), append(c.clientFlags(),
		"--service-account-private-key-file="+c.pki.key("sa"),
		"--root-ca-file="+c.pki.cert("ca"),
		"--cluster-signing-cert-file="+c.pki.cert("ca"),
		"--cluster-signing-key-file="+c.pki.key("ca"),
		"--use-service-account-credentials=false",
		"--controller-start-interval=0s",
		"--flex-volume-plugin-dir="+c.folder.path("flex"),
		// Nodes never join by token here.
		"--controllers=*,-"+names.BootstrapSignerController+",-"+names.TokenCleanerController,
	)); err != nil {
		return err
	}
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	cfg, err := s.Config(c.background(), known, off, aliases)
	if err != nil {
		return err
	}
	c.runComponent("kube-controller-manager", func(ctx context.Context) error { return controllermanager.Run(ctx, cfg.Complete()) })
	return nil
}

func (c *cluster) startScheduler(context.Context) error {
	s := scheduleroptions.NewOptions()
	if err := parseFlags(*s.Flags, c.clientFlags()); err != nil {
		return err
	}
	if err := s.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	cfg, sched, err := scheduler.Setup(c.background(), s)
	if err != nil {
		return err
	}
	c.runComponent("kube-scheduler", func(ctx context.Context) error { return scheduler.Run(ctx, cfg, sched) })
	return nil
}

// clientFlags are those of the components that use the API server: alone, as
// fast as they can, and with no port of their own.
func (c *cluster) clientFlags() []string {
	return []string{
		"--kubeconfig=" + c.folder.path("kubeconfig"),
		"--cert-dir=" + c.pki.dir,
		"--secure-port=0",
		"--leader-elect=false",
		"--profiling=false",
		"--kube-api-qps=500",
		"--kube-api-burst=1000",
	}
}

func parseFlags(sets cliflag.NamedFlagSets, args []string) error {
	flags := pflag.NewFlagSet("component", pflag.ContinueOnError)
	flags.SetNormalizeFunc(cliflag.WordSepNormalizeFunc)
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	return flags.Parse(args)
}
