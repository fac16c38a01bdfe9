package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/manifest"
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
	tries := 0
	again := func(ctx context.Context, variables map[string]string) ([]manifest.Object, error) {
		tries++
		a.searchProgress(tries, len(variables))
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
	found, err := trace.Variables(ctx, trace.Application{
		Mentioned: result.Project.Variables, Objects: result.Objects, Hosts: result.App.Hosts, Again: again, Secret: charts.IsSecretName,
	})
	a.searchProgress(tries, 0)
	if err != nil {
		return nil, fmt.Errorf("find what variables decide: %w", err)
	}
	a.tellVariables(found)
	return found, nil
}

// searchProgress keeps one line of a terminal up to date while it is found out what
// variables decide, and takes it away when there are no more of them.
func (a *app) searchProgress(tries, variables int) {
	switch {
	case tries == 0 || !isTerminal(a.Err):
	case variables == 0:
		fmt.Fprint(a.Err, "\r\x1b[K")
	default:
		fmt.Fprintf(a.Err, "\r\x1b[Ktrying what variables decide: conversion %d, with %s", tries, countOf(variables, "variable"))
	}
}

// mostNamed is how many variables are named on the screen.
const mostNamed = 12

// someOf lists names, or the first of many.
func someOf(names []string) string {
	text := strings.Join(names[:min(len(names), mostNamed)], ", ")
	if more := len(names) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
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
		fmt.Fprintf(a.Err, "variables that are values of the chart: %s\n", someOf(offered))
	}
	if len(fixed) > 0 {
		fmt.Fprintf(a.Err, "variables that are no values of the chart, as its README explains: %s\n", someOf(fixed))
	}
}
