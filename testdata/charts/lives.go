package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/yaml"

	"gantry/charts/compare"
	"gantry/charts/engine"
)

// places is how the namespaces of releases begin.
const places = "release-"

func isOurs(namespace string) bool { return strings.HasPrefix(namespace, places) }

// lives lets both tools take every chart through the life of a release, each on a
// cluster of its own, and compares the clusters after each step.
type lives struct {
	rivals
	helms, ours *cluster
	dir         string
	out         *tabwriter.Writer
	totals      map[outcome]int
	details     []string
	count       int
}

// compareLives prints a row for each chart and its values, and the totals.
func compareLives(ctx context.Context, r rivals, root string, charts []string, out io.Writer) (bool, error) {
	dir, err := os.MkdirTemp("", "gantry-lives-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	l := &lives{rivals: r, dir: dir, out: tabwriter.NewWriter(out, 0, 8, 2, ' ', 0), totals: map[outcome]int{}}
	remove, err := l.start(ctx)
	if err != nil {
		return false, err
	}
	err = l.all(ctx, root, charts)
	if err := errors.Join(err, remove(), l.out.Flush()); err != nil {
		return false, err
	}
	fmt.Fprintf(out, "\n%s\n%d charts: %d releases are the same after every step, %d were refused by both, %d differ\n%s\n",
		strings.Join(l.details, "\n"), len(charts), l.totals[same], l.totals[refused], l.totals[differs], notCompared)
	return l.totals[differs] == 0, nil
}

// start starts both clusters, and returns how to delete them.
func (l *lives) start(ctx context.Context) (func() error, error) {
	var group errgroup.Group
	for _, at := range []**cluster{&l.helms, &l.ours} {
		group.Go(func() (err error) {
			*at, err = startCluster(ctx, l.gantry)
			return err
		})
	}
	remove := func() error {
		var all []error
		for _, c := range []*cluster{l.helms, l.ours} {
			if c != nil {
				all = append(all, c.Delete(ctx))
			}
		}
		return errors.Join(all...)
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, remove())
	}
	return remove, nil
}

func (l *lives) all(ctx context.Context, root string, charts []string) error {
	fmt.Fprintln(l.out, "CHART\tVALUES\tOBJECTS\tSTEPS\tOUTCOME")
	for _, chart := range charts {
		name, err := filepath.Rel(root, chart)
		if err != nil {
			return err
		}
		folder, remove, err := complete(chart)
		if err != nil {
			return err
		}
		if folder != chart {
			name += " alone"
		}
		for _, values := range append([]string{""}, valuesOf(chart)...) {
			if err := l.one(ctx, name, folder, values); err != nil {
				return errors.Join(fmt.Errorf("%s %s: %w", name, values, err), ctx.Err())
			}
		}
		remove()
	}
	return nil
}

// life is the release of one chart with one file of values.
type life struct {
	*lives
	namespace string
	random    []compare.Document
	// objects and steps are how far it has come.
	objects int
	steps   []string
	// refusedOne tells that both have refused a step.
	refusedOne bool
}

// one compares one release, and adds its row.
func (l *lives) one(ctx context.Context, name, folder, values string) error {
	l.count++
	r := &life{lives: l, namespace: fmt.Sprintf("%s%d", places, l.count)}
	o, said, err := r.live(ctx, folder, values)
	if err != nil {
		return err
	}
	file := cmp.Or(strings.TrimPrefix(filepath.Base(values), "."), "")
	fmt.Fprintf(l.out, "%s\t%s\t%d\t%s\t%s\n", name, file, r.objects, strings.Join(r.steps, " "), o)
	l.totals[o]++
	for _, s := range said {
		l.details = append(l.details, fmt.Sprintf("%s %s: %s", name, file, s))
	}
	var group errgroup.Group
	for _, c := range []*cluster{l.helms, l.ours} {
		group.Go(func() error { return c.clean(ctx, r.namespace) })
	}
	return group.Wait()
}

// live takes a release from its installation to its end, as far as helm comes.
func (r *life) live(ctx context.Context, folder, values string) (outcome, []string, error) {
	steps := [][]string{{"install", "demo", folder, "--create-namespace"}}
	given, err := readValues(values, os.ReadFile)
	if err != nil {
		return refused, []string{err.Error()}, nil //nolint:nilerr // nobody can read them
	}
	found, err := findChanges(ctx, folder, given, engine.Options{Name: "demo", Namespace: r.namespace})
	if ctx.Err() != nil {
		return "", nil, ctx.Err()
	}
	if err == nil { // otherwise both refuse it
		r.random = found.random
		for i, change := range []map[string]any{found.edit, found.toggle} {
			if change == nil {
				continue
			}
			file := filepath.Join(r.dir, fmt.Sprintf("%d-%d.yaml", r.count, i))
			if err := writeYAML(file, change); err != nil {
				return "", nil, err
			}
			steps = append(steps, []string{"upgrade", "demo", folder, "-f", file})
		}
	}
	if values != "" {
		for i, step := range steps {
			steps[i] = append(append(step[:3:3], "-f", values), step[3:]...)
		}
	}
	return r.play(ctx, append(steps, []string{"rollback", "demo", "1"}, []string{"uninstall", "demo"}))
}

// play lets both take the same steps. When an installation is refused by both, that is
// all; what else both refuse is passed over.
func (r *life) play(ctx context.Context, steps [][]string) (outcome, []string, error) {
	var said []string
	for _, step := range steps {
		theirs, ours, err := r.step(ctx, step)
		if err != nil {
			return "", nil, err
		}
		switch {
		case theirs != "" && ours != "":
			said = append(said, fmt.Sprintf("%s is refused: helm: %s\n    gantry: %s", step[0], theirs, ours))
			if step[0] == "install" {
				return refused, said, nil
			}
			r.refusedOne = true
			continue
		case theirs != "":
			return differs, append(said, fmt.Sprintf("%s: only helm fails: %s", step[0], theirs)), nil
		case ours != "":
			return differs, append(said, fmt.Sprintf("%s: only gantry fails: %s", step[0], ours)), nil
		}
		r.steps = append(r.steps, step[0])
		changes, excused, err := r.compare(ctx)
		if err != nil {
			return "", nil, err
		}
		said = append(said, excused...)
		if len(changes) > 0 {
			for _, c := range changes {
				said = append(said, fmt.Sprintf("after %s: %s (-helm +gantry)\n%s", strings.Join(r.steps, ", "), c.Object, c.Diff))
			}
			return differs, said, nil
		}
	}
	return same, said, nil
}

// step lets both take one step, and returns why each of them fails.
func (r *life) step(ctx context.Context, args []string) (theirs, ours string, err error) {
	common := append(args, "--namespace", r.namespace, "--timeout", "60s")
	our := append(slices.Clip(common), "--kubeconfig", r.ours.Kubeconfig)
	their := append(slices.Clip(common), "--kubeconfig", r.helms.Kubeconfig)
	if args[0] == "uninstall" {
		our, their = append(our, "--wait", "--delete-storage"), append(their, "--wait")
	}
	var group errgroup.Group
	run := func(reason *string, binary string, args []string) {
		group.Go(func() error {
			_, says, fails := render(ctx, binary, args)
			if fails {
				*reason = cmp.Or(lastLines(says), "it says nothing")
			}
			return ctx.Err()
		})
	}
	run(&theirs, r.helm, their)
	run(&ours, r.gantry, our)
	return theirs, ours, group.Wait()
}

// compare looks at both clusters until they are alike, or their controllers have had
// time enough.
func (r *life) compare(ctx context.Context) (changes []compare.Change, excused []string, err error) {
	err = wait.PollUntilContextTimeout(ctx, lookEvery, settleWithin, true, func(context.Context) (bool, error) {
		theirs, err := r.helms.state(ctx, r.namespace, r.random)
		if err != nil {
			return false, err
		}
		ours, err := r.ours.state(ctx, r.namespace, r.random)
		if err != nil {
			return false, err
		}
		r.objects = max(r.objects, len(theirs))
		changes, excused = r.excuse(ctx, compare.Objects(theirs, ours), theirs, ours)
		return len(changes) == 0, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		err = nil
	}
	return changes, excused, err
}

func writeYAML(name string, values map[string]any) error {
	data, err := yaml.Marshal(values)
	if err != nil {
		return err
	}
	return os.WriteFile(name, data, 0o600)
}

// lastLines returns the end of what a command has said, where its error is.
func lastLines(text string) string {
	const shown = 3
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-shown):], "\n    ")
}
