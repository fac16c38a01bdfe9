package release

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"gantry/charts"
)

// Dependency is a workload that another one comes after.
type Dependency struct {
	Object

	// Until is what it is waited for to be, before the other is applied; empty when
	// it is enough that it was applied.
	Until Until `json:"until,omitempty"`
}

// need is a dependency as the steps of a plan have it.
type need struct {
	step  *Step
	until Until
}

// untils are the words of the annotation.
func untils() map[string]Until {
	return map[string]Until{"": "", "started": "", "healthy": UntilReady, "completed": UntilDone}
}

// DependsError is an annotation about dependencies that cannot be followed.
type DependsError struct {
	Object Object
	// Problem says why.
	Problem string
}

// Error names the object.
func (e *DependsError) Error() string {
	return fmt.Sprintf("%s: its annotation %s %s", e.Object, charts.DependsOn, e.Problem)
}

// chain finds out which workloads come after which others, and gives each its rank:
// 0 when it comes after none, else one more than the highest that it comes after.
// What has to wait for another to be healthy is held back, and so is what comes
// after that.
func chain(steps []*Step) error {
	workloads := slices.DeleteFunc(slices.Clone(steps), func(s *Step) bool { return s.Wave != Workloads })
	known := byName(workloads)
	for _, s := range workloads {
		if err := s.findNeeds(known); err != nil {
			return err
		}
	}
	const begun, ranked = 1, 2
	state := map[*Step]int{}
	var path []*Step
	var visit func(s *Step) error
	visit = func(s *Step) error {
		switch path = append(path, s); state[s] {
		case begun:
			return cycle(path)
		case ranked:
			return nil
		}
		state[s] = begun
		for _, n := range s.needs {
			if err := visit(n.step); err != nil {
				return err
			}
			path = path[:len(path)-1]
			s.rank = max(s.rank, n.step.rank+1)
			s.held = s.held || n.until != "" || n.step.held
		}
		state[s] = ranked
		return nil
	}
	for _, s := range workloads {
		if err := visit(s); err != nil {
			return err
		}
		path = path[:0]
	}
	return nil
}

// cycle says who waits for whom. The last of the path is in it before.
func cycle(path []*Step) error {
	last := path[len(path)-1]
	path = path[slices.Index(path, last):]
	names := make([]string, 0, len(path))
	for _, s := range path {
		names = append(names, s.Name)
	}
	return &DependsError{Object: last.Object, Problem: "leads back to it: " + strings.Join(names, " comes after ")}
}

// byName returns the workloads that each name means. A budget or a scaler goes with
// the workload of its name, and runs nothing itself.
func byName(workloads []*Step) map[string][]*Step {
	known := map[string][]*Step{}
	for _, s := range workloads {
		if group := s.desired.GroupVersionKind().Group; group == "policy" || group == "autoscaling" {
			continue
		}
		label := s.desired.GetLabels()["app.kubernetes.io/name"]
		known[s.Name] = append(known[s.Name], s)
		if label != "" && label != s.Name {
			known[label] = append(known[label], s)
		}
	}
	return known
}

// findNeeds reads the annotation of a workload.
func (s *Step) findNeeds(known map[string][]*Step) error {
	for entry := range strings.SplitSeq(s.desired.GetAnnotations()[charts.DependsOn], ",") {
		name, condition, _ := strings.Cut(strings.TrimSpace(entry), "=")
		until, understood := untils()[condition]
		if !understood {
			return &DependsError{Object: s.Object, Problem: fmt.Sprintf("says %q of %s: use started, healthy or completed", condition, name)}
		}
		for _, other := range known[name] {
			if other == s || !sameApplication(s.desired, other.desired) {
				continue
			}
			n := need{other, until}
			if other.Kind == "CronJob" {
				n.until = "" // it runs when its time has come
			}
			s.needs = append(s.needs, n)
			if s.Do != Delete {
				s.After = append(s.After, Dependency{Object: other.Object, Until: n.until})
			}
		}
	}
	return nil
}

// sameApplication reports whether two workloads are of one application: a chart of
// charts may have several of a name.
func sameApplication(a, b *unstructured.Unstructured) bool {
	const application = "app.kubernetes.io/part-of"
	return a.GetNamespace() == b.GetNamespace() && a.GetLabels()[application] == b.GetLabels()[application]
}

// layers groups steps by their rank, the lowest first.
func layers(steps []*Step) [][]*Step {
	var list [][]*Step
	sorted := slices.Clone(steps)
	slices.SortStableFunc(sorted, func(a, b *Step) int { return cmp.Compare(a.rank, b.rank) })
	for i, s := range sorted {
		if i == 0 || s.rank != sorted[i-1].rank {
			list = append(list, nil)
		}
		list[len(list)-1] = append(list[len(list)-1], s)
	}
	return list
}
