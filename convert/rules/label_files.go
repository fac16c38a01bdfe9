package rules

import (
	"maps"
	"slices"
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

// readLabelFiles adds the labels of label_file to those of each service and job,
// below the ones that stand in the Compose file. compose-go would read any file
// of the machine, and those of jobs not at all.
func (a *app) readLabelFiles() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		s := a.project.Services[name]
		s.Labels = a.withLabelFiles(diag.Path{"services", name}, &s.ContainerSpec)
		a.project.Services[name] = s
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		j := a.project.Jobs[name]
		j.Labels = a.withLabelFiles(diag.Path{"jobs", name}, &j.ContainerSpec)
		a.project.Jobs[name] = j
	}
}

// withLabelFiles returns the labels of a container with those of its files; the
// last file that sets one wins.
func (a *app) withLabelFiles(path diag.Path, in *types.ContainerSpec) types.Labels {
	if len(in.LabelFiles) == 0 {
		return in.Labels
	}
	labels := types.Labels{}
	nothing := func(string) (string, bool) { return "", false }
	for i, file := range in.LabelFiles {
		key := append(slices.Clip(path), "label_file", strconv.Itoa(i))
		data, err := a.readFile(file)
		if err != nil {
			a.unread(file, err, key)
			continue
		}
		set, list := compose.ParseEnv(a.project.Reach.Shown(file), data, labels, nothing)
		a.diags = append(a.diags, list...)
		maps.Copy(labels, set)
	}
	maps.Copy(labels, in.Labels)
	return labels
}
