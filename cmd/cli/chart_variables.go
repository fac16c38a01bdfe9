package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/convert"
	"gantry/convert/manifest"
	"gantry/convert/rules"
	"gantry/convert/trace"
)

// variables finds what the variables of the Compose files decide in the objects
// of a chart, and tells of it. disabled are the services that are in the chart
// although no profile selects them.
func (a *app) variables(ctx context.Context, o *sourceOptions, result *convert.Result, disabled []string) (*trace.Found, error) {
	if o.images.Pin || o.images.Inspect {
		return nil, nil // what a registry says of one image is not true of another
	}
	opts, err := o.options()
	if err != nil {
		return nil, err
	}
	in, err := a.repeatable(o)
	if err != nil {
		return nil, err
	}
	src, err := o.source(a)
	if err != nil {
		return nil, err
	}
	if len(disabled) > 0 {
		src.Profiles = []string{"*"}
	}
	again := func(ctx context.Context, variables map[string]string) ([]manifest.Object, error) {
		other := src
		other.Stdin, other.Environ = in(), slices.Clone(src.Environ)
		for name, value := range variables {
			other.Environ = append(other.Environ, name+"="+value)
		}
		result, err := convert.Convert(ctx, other, opts)
		if err != nil {
			return nil, err
		}
		return result.Objects, nil
	}
	found, err := trace.Variables(ctx, result.Project.Variables, result.Objects, again, rules.IsSecretName)
	if err != nil {
		return nil, fmt.Errorf("find what variables decide: %w", err)
	}
	a.tellVariables(found)
	return found, nil
}

func (a *app) tellVariables(found *trace.Found) {
	var offered, fixed []string
	for _, v := range found.Variables {
		offered = append(offered, v.Name)
	}
	for _, f := range found.Fixed {
		fixed = append(fixed, f.Name)
	}
	if len(offered) > 0 {
		fmt.Fprintf(a.Err, "variables that are values of the chart: %s\n", strings.Join(offered, ", "))
	}
	if len(fixed) > 0 {
		fmt.Fprintf(a.Err, "variables that are not, as its README explains: %s\n", strings.Join(fixed, ", "))
	}
}
