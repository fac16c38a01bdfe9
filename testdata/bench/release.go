package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// deployments is how many unique Deployments the chart of the comparison has.
const deployments = 100

// releaseRuns is how often releases are measured: helm takes seconds for each.
const releaseRuns = 3

// releases compares upgrades that change nothing, each with its own release of
// the same chart on a sandbox of its own, and the sizes of the records.
func (b *bench) releases(ctx context.Context) (err error) {
	folder := filepath.Join(b.dir, "sandbox")
	b.path = filepath.Dir(b.gantry) + string(os.PathListSeparator) + b.path
	if err := b.command(ctx, b.gantry, "sandbox", "start", "--nodes", "4", "--dir", folder); err != nil {
		return fmt.Errorf("start a sandbox: %w", err)
	}
	defer func() {
		stopped := b.command(context.WithoutCancel(ctx), b.gantry, "sandbox", "stop", "--dir", folder)
		err = errors.Join(err, stopped)
	}()
	config := filepath.Join(folder, "kubeconfig")
	chart := filepath.Join(b.dir, "many")
	if err := writeManyChart(chart); err != nil {
		return err
	}
	in := func(tool, namespace string, args ...string) []string {
		return append([]string{tool}, append(args, "--kubeconfig", config, "--namespace", namespace)...)
	}
	for tool, namespace := range map[string]string{b.helm: "by-helm", b.gantry: "by-gantry"} {
		argv := in(tool, namespace, "install", "many", chart, "--create-namespace", "--wait")
		if err := b.command(ctx, argv[0], argv[1:]...); err != nil {
			return fmt.Errorf("install the chart: %w", err)
		}
	}
	contenders := []contender{
		{name: "helm upgrade --wait, no change", argv: in(b.helm, "by-helm", "upgrade", "many", chart, "--wait")},
		{name: "gantry upgrade --wait, no change", argv: in(b.gantry, "by-gantry", "upgrade", "many", chart, "--wait")},
		{name: "helm list", argv: in(b.helm, "by-helm", "list")},
		{name: "gantry list", argv: in(b.gantry, "by-gantry", "list")},
	}
	got, err := b.race(ctx, min(b.runs, releaseRuns), contenders...)
	if err != nil {
		return err
	}
	w := b.table(fmt.Sprintf("%d Deployments", deployments), "time", "ratio", "peak memory")
	for i, c := range contenders {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\n", c.name, ms(got[i].time), ratio(got[i], got[i-i%2]), mib(got[i].rss))
	}
	return b.end(w)
}

// command runs a command to its end; what it printed is in the error.
func (b *bench) command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = b.dir
	cmd.Env = []string{"HOME=" + b.dir, "PATH=" + b.path}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return nil
}

// writeManyChart writes a chart of Deployments with a selector of its own each.
func writeManyChart(dir string) error {
	var manifest strings.Builder
	for i := range deployments {
		fmt.Fprintf(&manifest, `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app-%[1]d}
spec:
  selector: {matchLabels: {app: app-%[1]d}}
  template:
    metadata: {labels: {app: app-%[1]d}}
    spec: {containers: [{name: app, image: example.com/app:1}]}
`, i)
	}
	if err := os.MkdirAll(filepath.Join(dir, "templates"), 0o750); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte("apiVersion: v2\nname: many\nversion: 1.0.0\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "templates", "apps.yaml"), []byte(manifest.String()), 0o600),
	)
}
