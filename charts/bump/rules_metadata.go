package bump

import (
	"fmt"

	"github.com/Masterminds/semver/v3"

	"gantry/charts/compare"
)

// metadataRules judge Chart.yaml, without the version and the list of changes,
// which every version has.
func metadataRules() []rule[compare.Field] {
	at := func(f compare.Field, key string) bool { return len(f.Path) > 0 && f.Path[0] == key }
	return []rule[compare.Field]{
		{Rule{"chart-type", Major, "a library is no application, and an application no library", compare.Altered}, func(f compare.Field) string {
			if !at(f, "type") || kindOfChart(f.Before) == kindOfChart(f.After) {
				return ""
			}
			return fmt.Sprintf("the chart is of type %s, was %s", kindOfChart(f.After), kindOfChart(f.Before))
		}},
		{Rule{"cluster-refused", Major, "the chart refuses a version of Kubernetes that it accepted", compare.Altered}, func(f compare.Field) string {
			if !at(f, "kubeVersion") {
				return ""
			}
			version := refusedNow(constraint(f.Before), constraint(f.After))
			if version == "" {
				return ""
			}
			return fmt.Sprintf("Kubernetes %s is refused: kubeVersion is %q, was %q", version, text(f.After), text(f.Before))
		}},
		{Rule{"dependency-added", Minor, "the chart depends on another chart", compare.Added}, func(f compare.Field) string {
			if !at(f, "dependencies") || f.Change != compare.Added {
				return ""
			}
			return fmt.Sprintf("the chart depends on %s", f.Path[len(f.Path)-1])
		}},
		{Rule{"metadata", Patch, "something else of Chart.yaml is another", compare.Altered}, func(f compare.Field) string {
			annotation := ""
			if at(f, "annotations") {
				annotation = f.Path[len(f.Path)-1]
			}
			switch {
			case at(f, "version"), annotation == ChangesAnnotation:
				return ""
			case annotation == ImagesAnnotation: // a text of many lines
				return "Chart.yaml: " + ImagesAnnotation + " is another list"
			}
			return "Chart.yaml: " + f.String()
		}},
	}
}

func kindOfChart(v any) string {
	if v == "library" {
		return "library"
	}
	return "application"
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// constraint reads a kubeVersion; nil accepts everything, as what cannot be read
// does here.
func constraint(v any) *semver.Constraints {
	c, err := semver.NewConstraint(text(v))
	if err != nil {
		return nil
	}
	return c
}

// The minor versions of Kubernetes for which kubeVersion is tried.
const (
	oldestKubernetes = 16
	newestKubernetes = 60
)

// refusedNow returns the newest version of Kubernetes that was accepted and is
// not any more, or "".
func refusedNow(before, after *semver.Constraints) string {
	for minor := newestKubernetes; minor >= oldestKubernetes; minor-- {
		v := semver.New(1, uint64(minor), 0, "", "")
		if (before == nil || before.Check(v)) && after != nil && !after.Check(v) {
			return fmt.Sprintf("1.%d", minor)
		}
	}
	return ""
}

// fileRules judge files, where the charts differ in nothing else.
func fileRules() []rule[compare.FileChange] {
	return []rule[compare.FileChange]{
		{Rule{"file", Patch, "a file differs, and nothing else", compare.Altered}, func(f compare.FileChange) string {
			if f.Name == "Chart.yaml" {
				return ""
			}
			return fmt.Sprintf("%s is %s, which changes nothing else", f.Name, f.Change)
		}},
	}
}
