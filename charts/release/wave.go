package release

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Wave is a set of kinds whose objects need nothing of each other. Objects are
// applied wave after wave, those of one wave at once, and deleted the other way
// round.
type Wave string

// The waves, in their order.
const (
	// Namespaces hold everything else.
	Namespaces Wave = "namespaces"
	// Definitions make the kinds of other objects known; they are waited for.
	Definitions Wave = "definitions"
	// Config is what pods refer to, and the rules that they live by.
	Config Wave = "config"
	// Storage holds data: deleting it loses them.
	Storage Wave = "storage"
	// Services give names to pods.
	Services Wave = "services"
	// Workloads run.
	Workloads Wave = "workloads"
	// Ingress lets the world in.
	Ingress Wave = "ingress"
	// Custom objects come last, as in helm: whatever answers for them runs by then.
	Custom Wave = "custom"
)

// waves returns all waves in their order.
func waves() []Wave {
	return []Wave{Namespaces, Definitions, Config, Storage, Services, Workloads, Ingress, Custom}
}

// waveOf returns the wave of a kind.
func waveOf(kind schema.GroupKind) Wave {
	switch kind.Group {
	case "":
		return coreWave(kind.Kind)
	case "apiextensions.k8s.io":
		return Definitions
	case "rbac.authorization.k8s.io", "scheduling.k8s.io", "node.k8s.io", "storage.k8s.io":
		return Config
	case "policy", "autoscaling", "apps", "batch":
		return Workloads
	case "networking.k8s.io":
		if kind.Kind == "NetworkPolicy" || kind.Kind == "IngressClass" {
			return Config
		}
		return Ingress
	case "apiregistration.k8s.io", "admissionregistration.k8s.io", "gateway.networking.k8s.io":
		return Ingress
	default:
		return Custom
	}
}

// coreWave returns the wave of a kind of the group without a name.
func coreWave(kind string) Wave {
	switch kind {
	case "Namespace":
		return Namespaces
	case "PersistentVolume", "PersistentVolumeClaim":
		return Storage
	case "Service", "Endpoints":
		return Services
	case "Pod", "ReplicationController":
		return Workloads
	default:
		return Config
	}
}
