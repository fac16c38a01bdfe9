package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/strvals"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	yamlutil "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/rules"
	"gantry/convert/trace"
	"gantry/testdata/strict"
)

// chart makes the chart of a project, and returns what is wrong with it: what helm
// lint --strict says, objects that differ from those of the conversion when it is
// rendered with its defaults, and objects that the API server rejects.
func (j *judge) chart(ctx context.Context, src compose.Source, result *convert.Result) (*trace.Found, []string, error) {
	dir, err := os.MkdirTemp("", "gantry-chart-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	found, err := trace.Variables(ctx, trace.Application{
		Mentioned: result.Project.Variables, Objects: result.Objects, Hosts: result.App.Hosts, Again: conversion(src), Secret: charts.IsSecretName,
	})
	if err != nil {
		return nil, nil, err
	}
	folder, values := filepath.Join(dir, "chart"), filepath.Join(dir, "values.yaml")
	if err := writeChart(folder, values, result, found); err != nil {
		return nil, nil, err
	}
	if out, err := exec.CommandContext(ctx, j.helm, "lint", "--strict", folder).CombinedOutput(); err != nil {
		return found, []string{fmt.Sprintf("helm lint: %s", out)}, ctx.Err()
	}
	var stderr bytes.Buffer
	template := exec.CommandContext(ctx, j.helm, "template", result.App.Name, folder, "-f", values, "--skip-tests", "--kube-version", kubeVersion)
	template.Stderr = &stderr
	rendered, err := template.Output()
	if err != nil {
		return found, []string{fmt.Sprintf("helm template: %s", &stderr)}, ctx.Err()
	}
	said, err := j.compare(ctx, result.Objects, rendered)
	return found, said, err
}

// kubeVersion is the newest that gantry makes charts for: a helm that is built from
// source takes every cluster for an old one.
const kubeVersion = "1.36.0"

// conversion converts a project again with other variables.
func conversion(src compose.Source) trace.Conversion {
	return func(ctx context.Context, variables map[string]string) ([]manifest.Object, error) {
		other := src
		other.Environ = slices.Clone(src.Environ)
		for name, value := range variables {
			other.Environ = append(other.Environ, name+"="+value)
		}
		again, err := convert.Convert(ctx, other, rules.Options{})
		if err != nil {
			return nil, err
		}
		return again.Objects, nil
	}
}

func writeChart(folder, values string, result *convert.Result, found *trace.Found) error {
	files, err := helm.Chart(helm.Source{Name: result.App.Name, Minor: result.App.Minor, Objects: result.Objects, Variables: found})
	if err != nil {
		return err
	}
	for _, f := range files {
		name := filepath.Join(folder, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			return err
		}
	}
	given := helm.SecretValues(result.Objects)
	demanded := map[string]any{}
	for _, path := range helm.Demanded(result.Objects, result.App.Data) { // what only its users know
		if err := strvals.ParseIntoString(path+"="+strings.Repeat("0", 32), demanded); err != nil {
			return err
		}
	}
	data, err := yaml.Marshal(chartutil.CoalesceTables(given, demanded))
	if err != nil {
		return err
	}
	return os.WriteFile(values, data, 0o600)
}

// compare compares what a chart renders with the objects of the conversion, and
// asks the API server about each.
func (j *judge) compare(ctx context.Context, from []manifest.Object, rendered []byte) ([]string, error) {
	var direct bytes.Buffer
	if err := manifest.Write(&direct, from); err != nil {
		return nil, err
	}
	want, err := decode(direct.Bytes())
	if err != nil {
		return nil, err
	}
	got, err := decode(rendered)
	if err != nil {
		return []string{fmt.Sprintf("the chart renders to no YAML: %v", err)}, nil
	}
	var said []string
	for key, object := range got {
		if err := j.ask(ctx, &unstructured.Unstructured{Object: object.(map[string]any)}); err != nil {
			said = append(said, fmt.Sprintf("the chart's %s: %v", key, err))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if diff := cmp.Diff(strict.Plain(want), strict.Plain(got)); diff != "" {
		said = append(said, "the chart renders to something else (-convert +chart):\n"+diff)
	}
	slices.Sort(said)
	return said, nil
}

// decode reads objects, by kind and name.
func decode(text []byte) (map[string]any, error) {
	found := map[string]any{}
	dec := yamlutil.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var object map[string]any
		err := dec.Decode(&object)
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		if u := (&unstructured.Unstructured{Object: object}); len(object) > 0 {
			found[u.GetKind()+" "+u.GetName()] = object
		}
	}
}
