package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gantry/convert/compose"
	"gantry/convert/registry"
	"gantry/convert/rules"
)

// sourceOptions are the flags of every command that reads Compose files.
type sourceOptions struct {
	files      []string
	projectDir string
	name       string
	envFiles   []string
	profiles   []string
	allow      []string
	uids       map[string]int64
	rules      rules.Options
	images     *registry.Client
}

func (o *sourceOptions) bind(c *cobra.Command) {
	f := c.Flags()
	o.images = &registry.Client{UserAgent: "gantry/" + version}
	o.bindFiles(c, "f")
	o.bindRest(f)
	_ = c.RegisterFlagCompletionFunc("expose", cobra.FixedCompletions([]string{"cluster", "nodeport", "loadbalancer", "ingress", "gateway"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("secrets", cobra.FixedCompletions([]string{"auto", "plain", "placeholder", "external"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("pod-security", cobra.FixedCompletions([]string{"baseline", "restricted"}, cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("env-secrets", cobra.FixedCompletions([]string{"auto", "never", "all"}, cobra.ShellCompDirectiveNoFileComp))
}

// bindFiles binds the flags that say which Compose files are meant. The shorthand
// of --file is -f, unless that means something else.
func (o *sourceOptions) bindFiles(c *cobra.Command, shorthand string) {
	f := c.Flags()
	f.VarP(&repeated{values: &o.files}, "file", shorthand, "Compose file, - for standard input; repeat to override (default: compose.yaml here or in a parent)")
	_ = c.MarkFlagFilename("file", "yaml", "yml")
	f.StringVar(&o.projectDir, "project-directory", "", "folder that relative paths start from (default: that of the first file)")
	f.StringVarP(&o.name, "project-name", "p", "", "name of the application (default: from the file, or the folder)")
	f.Var(&repeated{values: &o.envFiles}, "env-file", "file with variables, instead of .env; repeat to override")
	f.Var(&repeated{values: &o.profiles}, "profile", "profile to activate, * for all; repeat for several")
}

func (o *sourceOptions) bindRest(f *pflag.FlagSet) {
	f.StringVar((*string)(&o.rules.Expose), "expose", "cluster", "how published ports are reached: cluster, nodeport, loadbalancer, ingress or gateway")
	f.StringVar(&o.rules.Domain, "domain", "", "domain below which --expose=ingress and --expose=gateway give services a host")
	f.StringVar(&o.rules.Gateway, "gateway", "", "Gateway of --expose=gateway, as NAME or NAMESPACE/NAME")
	f.StringVar(&o.rules.IngressClass, "ingress-class", "", "ingress class (default: the cluster's)")
	f.BoolVar(&o.rules.WaitForHealthy, "wait-for-healthy", false, "start pods when what they depend on with condition: service_healthy is ready, by an init container")
	f.StringVar(&o.rules.WaitImage, "wait-image", "", "image with sh and nc for --wait-for-healthy (default busybox:1.37.0)")
	f.StringVar(&o.rules.PodSecurity, "pod-security", "", "report pods that a namespace of this Pod Security level refuses: baseline or restricted (default: that of the namespace of x-kubernetes)")
	f.BoolVar(&o.rules.StopSignals, "stop-signals", false, "write stop_signal into pods, for clusters on which the alpha feature ContainerStopSignals is on")
	f.BoolVar(&o.rules.NetworkPolicies, "network-policies", false, "keep the networks of the Compose file apart by NetworkPolicies")
	f.StringVar(&o.rules.KubernetesVersion, "kubernetes-version", "1.36", "oldest version of the clusters that the objects are for, from 1.29 on")
	f.StringToStringVar(&o.rules.ModelEndpoints, "model-endpoint", nil, "address of a model, as NAME=URL; repeat for several")
	f.StringVar((*string)(&o.rules.EnvSecrets), "env-secrets", "auto", "which environment variables go to a Secret: auto (by their names), never or all")
	f.StringVar((*string)(&o.rules.Secrets), "secrets", "auto", "values of secrets: auto (from files, not from the shell), plain, placeholder or external")
	f.StringVar(&o.rules.VolumeSize, "volume-size", "1Gi", "size of each volume")
	f.BoolVar(&o.rules.SeedVolumes, "seed-volumes", false, "fill empty volumes with what the images have there, as Docker does, and claims in place of folders with their files, by an init container of the image")
	f.StringVar(&o.rules.StorageClass, "storage-class", "", "storage class of volumes (default: the cluster's)")
	f.StringToStringVar(&o.rules.VolumeDrivers, "volume-driver", nil, "storage class for a volume driver of Docker, as DRIVER=CLASS; repeat for several")
	f.StringToStringVar(&o.rules.DeviceClasses, "device-class", nil, "claim devices of this class of the cluster (DRA) in place of a resource, as nvidia.com/gpu=CLASS; repeat for several")
	f.StringVar(&o.rules.Registry, "registry", "", "registry of the images of services that are built")
	f.StringVar(&o.rules.Tag, "tag", "latest", "tag of the images of services that are built")
	f.BoolVar(&o.images.Pin, "pin-digests", false, "ask the registries which digests the tags of images stand for, and pin the images to them")
	f.BoolVar(&o.images.Inspect, "image-info", false, "ask the registries what images expose, declare and run as, where the Compose file does not say it")
	f.DurationVar(&o.images.Timeout, "registry-timeout", registry.DefaultTimeout, "how long a registry may take to tell of an image")
	f.StringToInt64Var(&o.uids, "uid", nil, "number of a user name, as NAME=NUMBER; repeat for several")
	f.BoolVar(&o.rules.NoLiveness, "no-liveness", false, "make no liveness probes: a failed health check then never restarts a pod")
	f.Var(&repeated{values: &o.allow}, "allow-file", "file or folder outside of the project that the Compose files may read from; repeat for several. The project is its folder, those of -f, and the Git repository around it")
}

// source says what to load, with the process's own environment behind it.
func (o *sourceOptions) source(a *app) (compose.Source, error) {
	wd, err := os.Getwd()
	if err != nil {
		return compose.Source{}, fmt.Errorf("find the current folder: %w", err)
	}
	for _, path := range o.allow {
		if _, err := os.Stat(path); err != nil {
			return compose.Source{}, usageError(fmt.Errorf("--allow-file: %w", err))
		}
	}
	return compose.Source{
		Files: o.files, Dir: o.projectDir, WorkingDir: wd, EnvFiles: o.envFiles, Allow: o.allow, Profiles: o.profiles, Name: o.name,
		Environ: a.Environ, Stdin: a.In,
	}, nil
}

// options returns the rules' options, checked.
func (o *sourceOptions) options() (rules.Options, error) {
	o.rules.UIDs = o.uids
	if err := o.rules.Validate(); err != nil {
		return rules.Options{}, usageError(fmt.Errorf("%s", strings.TrimSpace(err.Error())))
	}
	return o.rules, nil
}
