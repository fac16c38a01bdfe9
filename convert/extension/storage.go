package extension

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Storage is what a volume is made of.
type Storage struct {
	// Type is what becomes of the volume. The default is a claim for a named volume, and for a bind mount what it holds decides.
	Type StorageType `json:"type,omitempty"`
	// Size is how much the claim asks for, such as 10Gi. It wins over --volume-size.
	Size *resource.Quantity `json:"size,omitempty"`
	// StorageClass is the storage class of the claim; empty binds a volume that exists. It wins over --storage-class.
	StorageClass *string `json:"storageClass,omitempty"`
	// AccessModes are how nodes may mount the claim. The default is ReadWriteOnce, and ReadWriteMany where several workloads share it.
	AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes,omitempty"`
	// SubPath is the folder of the volume that is mounted.
	SubPath string `json:"subPath,omitempty"`
	// Selector are labels of the PersistentVolumes that may be bound.
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// StorageType is what becomes of a volume.
type StorageType string

// The types of storage.
const (
	// ClaimStorage outlives the pods.
	ClaimStorage StorageType = "claim"
	// EmptyDirStorage is lost with the pod.
	EmptyDirStorage StorageType = "emptyDir"
	// HostPathStorage is a folder of the node, for bind mounts.
	HostPathStorage StorageType = "hostPath"
	// ConfigMapStorage is a copy of the files, for bind mounts.
	ConfigMapStorage StorageType = "configMap"
)

// Volume is what a named volume says of its claim.
type Volume struct {
	Storage `json:",inline"`

	// ExistingClaim is the name of a claim that exists; none is made.
	ExistingClaim string `json:"existingClaim,omitempty"`
	// Labels are labels of the claim.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the claim.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Patch changes the finished claim, by its kind: PersistentVolumeClaim.
	Patch Patches `json:"patch,omitempty"`
}

// Network is what a network says of the NetworkPolicy that keeps it apart, with
// --network-policies.
type Network struct {
	// Ingress are more rules for traffic to the pods of the network, such as from an ingress controller.
	Ingress []networkingv1.NetworkPolicyIngressRule `json:"ingress,omitempty"`
	// Egress are more rules for traffic from the pods of an internal network.
	Egress []networkingv1.NetworkPolicyEgressRule `json:"egress,omitempty"`
	// Labels are labels of the NetworkPolicy.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the NetworkPolicy.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Patch changes the finished object, by its kind: NetworkPolicy.
	Patch Patches `json:"patch,omitempty"`
}

// Config is what a config says of its ConfigMap.
type Config struct {
	// Existing is the name of an object that exists; none is made.
	Existing string `json:"existing,omitempty"`
	// Key is the key of the object that holds the file. The default is the name of the config or secret.
	Key string `json:"key,omitempty"`
	// Immutable keeps the content from being changed.
	Immutable bool `json:"immutable,omitempty"`
	// Labels are labels of the object.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the object.
	Annotations map[string]string `json:"annotations,omitempty"`
	// Patch changes the finished object, by its kind: ConfigMap or Secret.
	Patch Patches `json:"patch,omitempty"`
}

// Secret is what a secret says of its Secret.
type Secret struct {
	Config `json:",inline"`

	// Type is the type of the Secret. The default is Opaque.
	Type corev1.SecretType `json:"type,omitempty"`
}
