package deps

import (
	"slices"

	"helm.sh/helm/v3/pkg/chart"
)

// The states of a dependency.
const (
	// OK means that charts/ has it.
	OK = "ok"
	// Missing means that charts/ does not have it.
	Missing = "missing"
	// WrongVersion means that charts/ has a version that is not asked for.
	WrongVersion = "wrong version"
)

// Dependency is how things stand with one dependency.
type Dependency struct {
	Name       string   `json:"name"`
	Alias      string   `json:"alias,omitempty"`
	Version    string   `json:"version"`
	Repository string   `json:"repository"`
	Condition  string   `json:"condition,omitempty"`
	Tags       []string `json:"tags,omitempty"`
	// Locked is the version of the lock file, and Have the one in charts/.
	Locked string `json:"locked,omitempty"`
	Have   string `json:"have,omitempty"`
	Status string `json:"status"`
}

// List tells how things stand with the dependencies of a chart, in the order of
// Chart.yaml.
func List(c *chart.Chart) []Dependency {
	list := []Dependency{}
	for i, want := range c.Metadata.Dependencies {
		d := Dependency{
			Name: want.Name, Alias: want.Alias, Version: want.Version, Repository: want.Repository,
			Condition: want.Condition, Tags: want.Tags, Status: Missing,
		}
		if c.Lock != nil && i < len(c.Lock.Dependencies) && c.Lock.Dependencies[i].Name == want.Name {
			d.Locked = c.Lock.Dependencies[i].Version
		}
		for _, have := range c.Dependencies() {
			if have.Name() != want.Name || d.Status == OK {
				continue
			}
			d.Have, d.Status = have.Metadata.Version, WrongVersion
			if meets(d.Have, want.Version) {
				d.Status = OK
			}
		}
		list = append(list, d)
	}
	return list
}

// Undeclared returns the names of the charts in charts/ that are no dependency.
func Undeclared(c *chart.Chart) []string {
	var names []string
	for _, have := range c.Dependencies() {
		if !slices.ContainsFunc(c.Metadata.Dependencies, func(d *chart.Dependency) bool { return d.Name == have.Name() }) {
			names = append(names, have.Name())
		}
	}
	return names
}
