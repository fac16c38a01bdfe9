package extension

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
)

// App is what the top level says of the whole application.
type App struct {
	// Namespace is the namespace of all objects. The default is the one that they are applied to.
	Namespace *Namespace `json:"namespace,omitempty"`
	// Labels are labels of all objects.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of all objects.
	Annotations map[string]string `json:"annotations,omitempty"`
	// ImagePullSecrets are the names of Secrets with the credentials for the registries of all images.
	ImagePullSecrets []string `json:"imagePullSecrets,omitempty"`
	// ResourceQuota is how much the namespace may use in all.
	ResourceQuota *corev1.ResourceQuotaSpec `json:"resourceQuota,omitempty"`
	// LimitRange is how much each pod, container or claim of the namespace may use, and does by default.
	LimitRange *corev1.LimitRangeSpec `json:"limitRange,omitempty"`
	// Patch changes finished objects, by kind/name, or by kind for all of the kind.
	Patch Patches `json:"patch,omitempty"`
}

// Namespace is a namespace. In place of {name: NAME}, NAME will do.
type Namespace struct {
	// Name is the name of the namespace.
	Name string `json:"name"`
	// Create makes the namespace an object of the application.
	Create bool `json:"create,omitempty"`
	// Labels are labels of the namespace, such as those of Pod Security, if it is created.
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations are annotations of the namespace, if it is created.
	Annotations map[string]string `json:"annotations,omitempty"`
}

// Patches are changes of finished objects, by kind or by kind/name. A mapping is
// a strategic merge patch, a list the operations of a JSON patch (RFC 6902).
type Patches map[string]json.RawMessage

// UnmarshalJSON takes a name for a namespace that only has a name.
func (n *Namespace) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &n.Name) == nil {
		return nil
	}
	type plain Namespace
	return json.Unmarshal(data, (*plain)(n))
}
