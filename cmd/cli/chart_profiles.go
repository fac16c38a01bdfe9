package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gantry/convert"
	"gantry/convert/manifest"
)

// convertForChart converts an application for a chart: with the services that no
// active profile selects, which the chart has but does not install by itself.
// Their names are returned, too.
func (a *app) convertForChart(ctx context.Context, o *sourceOptions) (*convert.Result, []string, error) {
	in, err := a.repeatable(o)
	if err != nil {
		return nil, nil, err
	}
	defer func() { a.In = in() }()
	a.In = in()
	o.rules.Dependencies = true
	active, err := a.convert(ctx, o)
	if err != nil {
		return active, nil, err
	}
	disabled := slices.Sorted(maps.Keys(active.Project.DisabledServices))
	disabled = append(disabled, slices.Sorted(maps.Keys(active.Project.DisabledJobs))...)
	if len(disabled) == 0 {
		return active, nil, nil
	}
	a.In = in()
	all, why := a.everyProfile(ctx, o, active.Objects, disabled)
	if why != "" {
		fmt.Fprintf(a.Err, "the chart is without %s: %s\n", strings.Join(disabled, ", "), why)
		return active, nil, nil
	}
	active.Objects, active.App.Charts = all.Objects, all.App.Charts
	return active, disabled, nil
}

// everyProfile converts the application with all profiles. It says why the result
// is no use when the services that are active would not be the same in it.
func (a *app) everyProfile(ctx context.Context, o *sourceOptions, active []manifest.Object, disabled []string) (result *convert.Result, why string) {
	every := *o
	every.profiles = []string{"*"}
	all, err := a.convert(ctx, &every)
	if err != nil {
		return nil, err.Error()
	}
	if !extends(all.Objects, active, disabled) {
		return nil, "with their profiles, the other services would not be the same"
	}
	return all, ""
}

// repeatable lets standard input be read more than once where it is a Compose
// file.
func (a *app) repeatable(o *sourceOptions) (func() io.Reader, error) {
	if !slices.Contains(o.files, "-") {
		return func() io.Reader { return a.In }, nil
	}
	data, err := io.ReadAll(a.In)
	if err != nil {
		return nil, fmt.Errorf("read standard input: %w", err)
	}
	return func() io.Reader { return bytes.NewReader(data) }, nil
}

// extends reports whether all objects are among the more, unchanged, and the rest
// belongs to the services that are disabled, or is what their pods mount.
func extends(more, objects []manifest.Object, disabled []string) bool {
	id := func(o manifest.Object) string { return o.Kind() + " " + o.GetName() }
	known := map[string]manifest.Object{}
	for _, o := range objects {
		known[id(o)] = o
	}
	for _, o := range more {
		before, ok := known[id(o)]
		switch {
		case ok && reflect.DeepEqual(before, o):
			delete(known, id(o))
		case ok:
			return false
		case !slices.Contains(disabled, o.Service) && !slices.Contains([]string{"ConfigMap", "Secret", "PersistentVolumeClaim"}, o.Kind()):
			return false
		}
	}
	return len(known) == 0
}
