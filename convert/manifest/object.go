package manifest

import (
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Resource is a typed Kubernetes object from k8s.io/api.
type Resource interface {
	runtime.Object
	metav1.Object
}

// Object is a Kubernetes object and the part of the application it serves.
type Object struct {
	Resource
	// Service is the Compose service that the object belongs to, or "" when
	// several services share it.
	Service string
}

// Kind returns the kind of the object, such as Deployment.
func (o Object) Kind() string { return o.GetObjectKind().GroupVersionKind().Kind }

// Node returns the object as an ordered tree, without what the API server fills
// in by itself (status, empty defaults).
func (o Object) Node() (*Node, error) {
	n, err := NodeOf(o.Resource)
	if err != nil {
		return nil, err
	}
	n.Delete("status")
	prune(n)
	n.moveFirst("apiVersion")
	order(n)
	return n, nil
}

// Write prints the objects as one YAML stream.
func Write(w io.Writer, objects []Object) error {
	for _, o := range objects {
		n, err := o.Node()
		if err != nil {
			return err
		}
		if _, err := io.WriteString(w, "---\n"); err != nil {
			return err
		}
		if err := Encode(w, n); err != nil {
			return err
		}
	}
	return nil
}

// prune drops nulls and the empty structs that k8s.io/api types print although
// nothing was set. An empty emptyDir or podSelector means something and stays.
func prune(n *Node) {
	kept := n.Fields[:0]
	for _, f := range n.Fields {
		prune(f.Value)
		if f.Value.empty() && (f.Value.Kind == Literal || emptyByDefault(f.Key)) {
			continue
		}
		kept = append(kept, f)
	}
	n.Fields = kept
	for _, item := range n.Items {
		prune(item)
	}
}

func emptyByDefault(key string) bool {
	switch key {
	case "resources", "strategy", "updateStrategy", "metadata", "spec", "status", "loadBalancer":
		return true
	default:
		return false
	}
}

// sayEmpty gives variables that are set to nothing their empty value, which the
// API types leave out: a name alone looks as if something were missing.
func sayEmpty(env *Node) {
	for _, v := range env.Items {
		if v.Get("name") != nil && v.Get("value") == nil && v.Get("valueFrom") == nil {
			v.Set("value", Text(""))
		}
	}
}

// order moves what is long to the end, where people look for it: the volumes of
// a pod behind its containers, a pod template behind what is said of it.
func order(n *Node) {
	if n.Get("containers") != nil {
		n.moveLast("volumes")
	}
	if n.Get("selector") != nil {
		n.moveLast("template")
		n.moveLast("volumeClaimTemplates")
	}
	for _, f := range n.Fields {
		if f.Key == "env" {
			sayEmpty(f.Value)
		}
		order(f.Value)
	}
	for _, item := range n.Items {
		order(item)
	}
}
