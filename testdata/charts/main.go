package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"sigs.k8s.io/yaml"

	"gantry/charts/archive"
	"gantry/charts/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var r rivals
	flag.StringVar(&r.gantry, "gantry", "bin/gantry", "the gantry binary")
	flag.StringVar(&r.helm, "helm", "bin/tools/helm", "the helm binary")
	releases := flag.Bool("releases", false, "install, upgrade, roll back and uninstall the charts instead of rendering them")
	flag.Parse()
	same, err := run(ctx, r, *releases, flag.Args(), os.Stdout)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "charts:", err)
		os.Exit(1)
	case !same:
		os.Exit(1)
	}
}

func run(ctx context.Context, r rivals, releases bool, args []string, out io.Writer) (bool, error) {
	if len(args) != 1 {
		return false, errors.New("name one folder")
	}
	charts, err := findCharts(args[0])
	if err != nil {
		return false, err
	}
	if len(charts) == 0 {
		return false, fmt.Errorf("there is no chart below %s", args[0])
	}
	if releases {
		return compareLives(ctx, r, args[0], charts, out)
	}
	return compareRenderings(ctx, r, args[0], charts, out)
}

// compareRenderings prints a row for each chart and its values, and the totals.
func compareRenderings(ctx context.Context, r rivals, root string, charts []string, out io.Writer) (bool, error) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "CHART\tVALUES\tBYTES\tOUTCOME")
	totals := map[outcome]int{}
	var details []string
	for _, chart := range charts {
		name, err := filepath.Rel(root, chart)
		if err != nil {
			return false, err
		}
		folder, remove, err := complete(chart)
		if err != nil {
			return false, err
		}
		defer remove()
		if folder != chart {
			name += " alone"
		}
		for _, values := range append([]string{""}, valuesOf(chart)...) {
			o, size, detail, err := r.compare(ctx, folder, values)
			if err != nil {
				return false, err
			}
			values = cmp.Or(filepath.Base(values), "")
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", name, strings.TrimPrefix(values, "."), size, o)
			totals[o]++
			if detail != "" {
				details = append(details, fmt.Sprintf("%s %s: %s", name, values, detail))
			}
		}
	}
	if err := w.Flush(); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%s\n%d charts: %d renderings are the same, %d the same but for what is random, %d refused by both, %d differ\n",
		strings.Join(details, "\n"), len(charts), totals[same], totals[random], totals[refused], totals[differs])
	return totals[differs] == 0, nil
}

// findCharts lists the folders with a chart.
func findCharts(dir string) ([]string, error) {
	var charts []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() == "Chart.yaml" {
			charts = append(charts, filepath.Dir(path))
		}
		return err
	})
	slices.Sort(charts)
	return charts, err
}

// complete returns the folder of a chart, or that of a copy which does not depend
// on charts that are not there.
func complete(chart string) (folder string, remove func(), err error) {
	nothing := func() {}
	c, err := archive.Load(chart)
	if err != nil || len(archive.MissingDependencies(c)) == 0 {
		return chart, nothing, nil //nolint:nilerr // both have to refuse it
	}
	dir, err := os.MkdirTemp("", "gantry-charts-")
	if err != nil {
		return "", nothing, err
	}
	remove = func() { _ = os.RemoveAll(dir) }
	folder = filepath.Join(dir, c.Name())
	if err := os.CopyFS(folder, os.DirFS(chart)); err != nil {
		return "", remove, err
	}
	c.Metadata.Dependencies = nil
	data, err := yaml.Marshal(c.Metadata)
	if err != nil {
		return "", remove, err
	}
	for _, name := range []string{"requirements.yaml", "requirements.lock", "Chart.lock"} {
		if err := os.RemoveAll(filepath.Join(folder, name)); err != nil {
			return "", remove, err
		}
	}
	return folder, remove, os.WriteFile(filepath.Join(folder, "Chart.yaml"), data, 0o600)
}

// valuesOf lists the values that a chart is tested with.
func valuesOf(chart string) []string {
	files, _ := filepath.Glob(filepath.Join(chart, "ci", "*-values.y*ml")) // the pattern is a good one
	return files
}

// rivals are the two binaries.
type rivals struct{ gantry, helm string }

type outcome string

const (
	same    outcome = "same"
	random  outcome = "same but for what is random"
	refused outcome = "refused by both"
	differs outcome = "DIFFERS"
)

// compare renders a chart with both. The detail says why both refuse it, or where
// the difference is.
func (r rivals) compare(ctx context.Context, chart, values string) (o outcome, size int, detail string, err error) {
	args := []string{"template", "demo", chart, "--include-crds", "--kube-version", engine.DefaultKubeVersion}
	if values != "" {
		args = append(args, "-f", values)
	}
	theirs, helmSays, helmFails := render(ctx, r.helm, args)
	ours, weSay, weFail := render(ctx, r.gantry, args)
	if ctx.Err() != nil {
		return "", 0, "", ctx.Err()
	}
	switch {
	case helmFails && weFail:
		return refused, 0, "helm: " + firstLine(helmSays) + "\n    gantry: " + firstLine(weSay), nil
	case helmFails:
		return differs, len(ours), "only helm refuses it: " + firstLine(helmSays), nil
	case weFail:
		return differs, 0, "only gantry refuses it: " + firstLine(weSay), nil
	case bytes.Equal(ours, theirs):
		return same, len(ours), "", nil
	}
	again, _, _ := render(ctx, r.helm, args)
	if line := firstDifference(ours, theirs, again); line != "" {
		return differs, len(ours), line, nil
	}
	return random, len(ours), "", nil
}

func render(ctx context.Context, binary string, args []string) (out []byte, says string, fails bool) {
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, binary, args...)
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	return stdout.Bytes(), stderr.String(), err != nil
}

// firstDifference returns the first line in which ours is another than theirs,
// except for lines in which theirs is another each time.
func firstDifference(ours, theirs, again []byte) string {
	a, b, c := strings.Split(string(ours), "\n"), strings.Split(string(theirs), "\n"), strings.Split(string(again), "\n")
	if len(a) != len(b) || len(b) != len(c) {
		return fmt.Sprintf("%d lines, helm writes %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] && b[i] == c[i] {
			return fmt.Sprintf("line %d: %q, helm writes %q", i+1, a[i], b[i])
		}
	}
	return ""
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
