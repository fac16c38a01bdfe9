package release

// RecreatePolicy says which objects may be deleted and made anew to change what
// cannot be changed.
type RecreatePolicy string

// The policies.
const (
	// RecreateNever refuses such changes, all of them before anything is changed.
	RecreateNever RecreatePolicy = "never"
	// RecreateStateless allows them for objects that hold nothing.
	RecreateStateless RecreatePolicy = "stateless"
	// RecreateAll allows them for StatefulSets, too, whose pods and claims stay; and
	// for claims and volumes when storage may be deleted.
	RecreateAll RecreatePolicy = "all"
)

// decideRecreation says whether an object may be deleted and made anew. refused is
// what the API server said to changing it.
func (p *planner) decideRecreation(s *Step, refused error) error {
	reason := refused.Error()
	if e, ok := refusedAs(refused, RefusedImmutable); ok {
		reason = e.Problem
	}
	lost := lostWith(s.Object)
	needed := RecreateStateless
	switch s.Kind {
	case "Namespace", "CustomResourceDefinition":
		return refused // too much would go with it
	case "StatefulSet", "PersistentVolumeClaim", "PersistentVolume":
		needed = RecreateAll
	}
	storage := s.Wave == Storage
	allowed := p.options.Recreate == RecreateAll || p.options.Recreate == needed
	if !allowed || storage && !p.options.DeleteStorage {
		return &RecreateError{Object: s.Object, Reason: reason, Lost: lost, Allow: needed, Storage: storage}
	}
	s.Do, s.Reason, s.Lost = Recreate, reason, lost
	s.compare(s.live, s.desired)
	return nil
}

// lostWith says what is lost with an object that is deleted.
func lostWith(o Object) string {
	switch o.Kind {
	case "PersistentVolumeClaim", "PersistentVolume":
		return "the data in it"
	case "StatefulSet":
		return "nothing but the object for a moment: its pods and claims stay"
	case "Deployment", "DaemonSet", "ReplicaSet", "ReplicationController", "Pod":
		return "its pods, until new ones run"
	case "Job":
		return "its pods and their logs; the work is done again"
	case "CronJob":
		return "the Jobs that it has started"
	case "Service":
		return "its addresses"
	case "Ingress":
		return "its address, for a moment"
	case "Namespace":
		return "everything in it"
	case "Secret", "ConfigMap":
		return "what others have written into it"
	default:
		return "what controllers have noted in it"
	}
}

// lostForGood says what is lost with an object that does not come back, if that is more
// than the object.
func lostForGood(o Object) string {
	switch o.Kind {
	case "PersistentVolumeClaim", "PersistentVolume", "Namespace", "Secret", "ConfigMap":
		return lostWith(o)
	default:
		return ""
	}
}
