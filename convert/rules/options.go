package rules

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"k8s.io/apimachinery/pkg/api/resource"

	"gantry/convert/extension"
)

// Exposure says how published ports are reached from outside the cluster.
type Exposure = extension.Exposure

// The ways to expose published ports. Compose publishes for the developer's own
// machine, so nothing is public unless the user asks for it.
const (
	ExposeCluster      = extension.Cluster
	ExposeNodePort     = extension.NodePort
	ExposeLoadBalancer = extension.LoadBalancer
	ExposeIngress      = extension.ByIngress
	ExposeGateway      = extension.ByGateway
)

// EnvSecrets says which environment variables are kept in a Secret.
type EnvSecrets string

// The choices for environment variables.
const (
	EnvSecretsAuto  EnvSecrets = "auto"
	EnvSecretsNever EnvSecrets = "never"
	EnvSecretsAll   EnvSecrets = "all"
)

// SecretValues says where the values of secrets come from.
type SecretValues string

// The choices for the values of secrets.
const (
	// SecretsAuto writes what files and the Compose file hold, and a placeholder
	// for what came from the shell.
	SecretsAuto SecretValues = "auto"
	// SecretsPlain writes every value.
	SecretsPlain SecretValues = "plain"
	// SecretsPlaceholder writes no value.
	SecretsPlaceholder SecretValues = "placeholder"
	// SecretsExternal writes no Secret; they must exist.
	SecretsExternal SecretValues = "external"
)

// Options change decisions. The zero value is the safe choice throughout.
type Options struct {
	// Expose opens published ports; default cluster.
	Expose Exposure
	// Domain is appended to the service's name to make the host of an Ingress or
	// HTTPRoute; default example.com, which is reported.
	Domain string
	// Gateway is the Gateway of HTTPRoutes that name none, as NAME or NAMESPACE/NAME.
	Gateway string
	// IngressClass is the ingress class; default: the cluster's.
	IngressClass string
	// EnvSecrets moves environment variables into Secrets; default auto: those
	// whose names say password, secret, token or key.
	EnvSecrets EnvSecrets
	// Secrets says where secret values come from; default auto.
	Secrets SecretValues
	// KubernetesVersion is that of the clusters that the objects are for, from 1.29
	// to 1.36, which is the default.
	KubernetesVersion string
	// ModelEndpoints gives the addresses of models, by their names in the Compose
	// file; default: a Service with the model's name.
	ModelEndpoints map[string]string
	// WaitForHealthy lets pods wait, before they start, for the services that they
	// depend on to be ready; default: they start at once and are restarted until what
	// they need is there.
	WaitForHealthy bool
	// WaitImage is the image that waits; it has sh and nc.
	WaitImage string
	// WaitForCompleted lets pods wait, before they start, for the Jobs that they depend
	// on to be complete; default: they start at once. Releases of charts keep that
	// order themselves.
	WaitForCompleted bool
	// KubectlImage is the image that asks for Jobs; it has kubectl.
	KubectlImage string
	// PodSecurity names a Pod Security level, baseline or restricted: pods that a
	// namespace of that level would refuse are reported; default: the level of the
	// namespace that the application makes.
	PodSecurity string
	// StopSignals writes stop_signal into the pods, for clusters with the alpha
	// feature ContainerStopSignals; default: it is left out and reported.
	StopSignals bool
	// NetworkPolicies keeps the networks of the Compose file apart.
	NetworkPolicies bool
	// SeedVolumes fills empty volumes with what the images have at their places, and
	// claims in place of folders of the project with the files that lie there, by an
	// init container, for which the images need sh and cp; default: they start empty,
	// which is reported where it matters.
	SeedVolumes bool
	// VolumeSize is requested for each volume; default 1Gi.
	VolumeSize string
	// StorageClass is the storage class of claims; default: the cluster's.
	StorageClass string
	// VolumeDrivers gives the storage class for a volume driver of Docker.
	VolumeDrivers map[string]string
	// DeviceClasses gives the device class of the cluster that stands for a resource
	// of a device plugin, such as nvidia.com/gpu, or a kind of CDI device; default:
	// device plugins are asked.
	DeviceClasses map[string]string
	// Registry and Tag name the images of services that are built: default no
	// registry, and the tag latest.
	Registry, Tag string
	// UIDs gives the number of user names, which Kubernetes cannot look up.
	UIDs map[string]int64
	// Images is what registries say of images, by their references; default:
	// nothing is known.
	Images map[string]Image
	// LookUp asks registries. The conversion calls it once, with the images of the
	// application, and keeps the answers in Images; default: nobody is asked.
	LookUp func(ctx context.Context, refs []string) map[string]Image `json:"-"`
	// PinDigests makes it an error when an image cannot be pinned.
	PinDigests bool
	// Dependencies tells that the objects become a chart, which can depend on other
	// charts; default: it is reported when one should run in place of a service.
	Dependencies bool
	// NoLiveness leaves out liveness probes: a health check then only takes a pod
	// out of its Service.
	NoLiveness bool
}

const (
	defaultDomain     = "example.com"
	defaultVolumeSize = "1Gi"
	defaultTag        = "latest"
	defaultWaitImage  = "busybox:1.37.0"
	// A client may be one minor version older or newer than the API server, and
	// nothing that it asks for has changed since 1.21.
	defaultKubectlImage = "registry.k8s.io/kubectl:v1.34.1"
)

// withDefaults fills in what was left out.
func (o Options) withDefaults() Options {
	setDefault(&o.Expose, ExposeCluster)
	setDefault(&o.EnvSecrets, EnvSecretsAuto)
	setDefault(&o.Secrets, SecretsAuto)
	setDefault(&o.VolumeSize, defaultVolumeSize)
	setDefault(&o.Tag, defaultTag)
	setDefault(&o.WaitImage, defaultWaitImage)
	setDefault(&o.KubectlImage, defaultKubectlImage)
	setDefault(&o.KubernetesVersion, fmt.Sprintf("1.%d", newestMinor))
	return o
}

func setDefault[T ~string](v *T, value T) {
	if *v == "" {
		*v = value
	}
}

// Minor is the version of Kubernetes, 1.Minor, that the objects are for, of options
// that are valid.
func (o Options) Minor() int {
	minor, _ := parseVersion(o.withDefaults().KubernetesVersion)
	return minor
}

// Validate reports the first option that cannot be used.
func (o Options) Validate() error {
	switch o.Expose {
	case "", ExposeCluster, ExposeNodePort, ExposeLoadBalancer, ExposeIngress:
	case ExposeGateway:
		if o.Gateway == "" {
			return errors.New("exposure by a gateway needs its name: --gateway NAME or --gateway NAMESPACE/NAME")
		}
	default:
		return fmt.Errorf("unknown exposure %q: use cluster, nodeport, loadbalancer, ingress or gateway", o.Expose)
	}
	switch o.EnvSecrets {
	case "", EnvSecretsAuto, EnvSecretsNever, EnvSecretsAll:
	default:
		return fmt.Errorf("unknown choice of environment secrets %q: use auto, never or all", o.EnvSecrets)
	}
	switch o.Secrets {
	case "", SecretsAuto, SecretsPlain, SecretsPlaceholder, SecretsExternal:
	default:
		return fmt.Errorf("unknown source of secret values %q: use auto, plain, placeholder or external", o.Secrets)
	}
	switch o.PodSecurity {
	case "", "baseline", "restricted":
	default:
		return fmt.Errorf("unknown Pod Security level %q: use baseline or restricted", o.PodSecurity)
	}
	if o.VolumeSize != "" {
		if _, err := resource.ParseQuantity(o.VolumeSize); err != nil {
			return fmt.Errorf("volume size %q: %w", o.VolumeSize, err)
		}
	}
	if o.KubernetesVersion != "" {
		if _, err := parseVersion(o.KubernetesVersion); err != nil {
			return err
		}
	}
	for model, endpoint := range o.ModelEndpoints {
		if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("endpoint of model %s: %q is no URL such as http://models.example.com/v1", model, endpoint)
		}
	}
	return nil
}

// waitsForJobs reports whether init containers wait for Jobs: those of charts are named
// when they are rendered.
func (o Options) waitsForJobs() bool { return o.WaitForCompleted && !o.Dependencies }
