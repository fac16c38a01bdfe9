package helm

import (
	"fmt"
	"slices"
	"strconv"

	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// aliasOf returns what a chart is called in the one that depends on it, which is
// also the key of its values.
func aliasOf(d *workload.Chart) string {
	if slices.Contains(reservedKeys(), d.Alias) {
		return d.Alias + "-chart"
	}
	return d.Alias
}

func aliases(charts []*workload.Chart) []string {
	var all []string
	for _, d := range charts {
		all = append(all, aliasOf(d))
	}
	return all
}

// dependencies are those of Chart.yaml. Each can be left out, as services can.
func (b *builder) dependencies() []*manifest.Node {
	var all []*manifest.Node
	for _, d := range b.src.Charts {
		n := emptyMap()
		n.Set("name", manifest.Text(d.Name))
		n.Set("version", manifest.Text(d.Version))
		n.Set("repository", manifest.Text(d.Repository))
		if alias := aliasOf(d); alias != d.Name {
			n.Set("alias", manifest.Text(alias))
		}
		n.Set("condition", manifest.Text(aliasOf(d)+".enabled"))
		all = append(all, n)
	}
	return all
}

// dependencyValues are the values for the charts that this one depends on. What
// else they take, they say themselves.
func (b *builder) dependencyValues() error {
	for _, d := range b.src.Charts {
		values, err := manifest.NodeOf(d.Values)
		if err != nil {
			return fmt.Errorf("the values of %s: %w", d.Service, err)
		}
		at := b.root.group(aliasOf(d), fmt.Sprintf("Values for the chart %s, which runs in place of the service %s", d.Name, d.Service))
		at.open = true
		enabled := !slices.Contains(b.src.Disabled, d.Service)
		at.add("enabled", "Whether the chart is installed", literal(strconv.FormatBool(enabled)), ofType("boolean"))
		for _, f := range values.Fields {
			if f.Key == "enabled" {
				continue // the condition of the dependency reads it
			}
			comment := ""
			if f.Key == "fullnameOverride" {
				comment = "Name of its objects, by which the application finds it"
			}
			at.add(f.Key, comment, f.Value, &schema{})
		}
		at.sort([]string{"enabled", "fullnameOverride", ""})
	}
	return nil
}
