package picture

import (
	"cmp"
	"slices"
)

// Picture is an application as boxes and arrows: what runs, how it is reached,
// what it keeps, and which Kubernetes objects come of it.
type Picture struct {
	// Name is that of the application.
	Name string
	// Boxes are the services, the jobs and the storage that several of them share,
	// each by name.
	Boxes []*Box
	// Networks are the names of the networks when there are several, and
	// otherwise none: that all services are on one says nothing.
	Networks []string
	Arrows   []Arrow
}

// BoxKind tells what a box stands for.
type BoxKind string

// The kinds of boxes.
const (
	ServiceBox BoxKind = "service"
	JobBox     BoxKind = "job"
	VolumeBox  BoxKind = "volume"
)

// Box is a service, a job or shared storage.
type Box struct {
	Kind BoxKind
	Name string
	// Image is what runs, or the size of storage.
	Image string
	// Scale is how many replicas there are, or when a job runs; empty for one.
	Scale string
	Ports []Port
	// Hosts are the names by which the world reaches the service.
	Hosts  []string
	Mounts []Mount
	// Networks are indexes of the picture's networks.
	Networks []int
	// Objects are the Kubernetes objects that the box became or uses.
	Objects []Object
	// Pod is the service in whose pod it runs, where that is another one.
	Pod string
	// Problems is how many warnings and errors there are about it.
	Problems int
}

// Port is a port that a service answers on.
type Port struct {
	// Published is the port outside of the application, or empty.
	Published string
	Target    string
	Protocol  string
	// Loopback tells that it is published on the developer's own machine only.
	Loopback bool
}

// Mount is something in a service's file system that is not of its image.
type Mount struct {
	// Kind is volume, bind, tmpfs, config or secret.
	Kind           string
	Source, Target string
}

// Object names a Kubernetes object.
type Object struct{ Kind, Name string }

// Arrow leads from what needs something to what it needs.
type Arrow struct {
	// From and To are indexes of the boxes.
	From, To int
	Kind     ArrowKind
	// Why says it in words: "waits until db is healthy".
	Why string
}

// ArrowKind tells why one box needs another.
type ArrowKind string

// The kinds of arrows.
const (
	// DependsArrow leads to a service that must run.
	DependsArrow ArrowKind = "depends"
	// CompletesArrow leads to one that must have run.
	CompletesArrow ArrowKind = "completes"
	// SharesArrow leads to a service whose pod or storage is shared.
	SharesArrow ArrowKind = "shares"
	// MountsArrow leads to storage.
	MountsArrow ArrowKind = "mounts"
)

// SortObjects puts the objects of a box into the order of [CompareKinds].
func (b *Box) SortObjects() {
	slices.SortFunc(b.Objects, func(x, y Object) int {
		return cmp.Or(CompareKinds(x.Kind, y.Kind), cmp.Compare(x.Name, y.Name))
	})
}

// CompareKinds puts kinds of objects into the order in which people think of
// them: what runs before how it is reached, and that before what it keeps and
// reads.
func CompareKinds(a, b string) int {
	return cmp.Or(cmp.Compare(kindRank(a), kindRank(b)), cmp.Compare(a, b))
}

func kindRank(kind string) int {
	order := []string{
		"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress", "HTTPRoute",
		"HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy", "ServiceAccount", "PersistentVolumeClaim", "ConfigMap", "Secret",
	}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}
