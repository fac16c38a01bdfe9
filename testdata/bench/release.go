package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// releaseRuns is how often releases are measured at most: helm takes seconds for
// each, and minutes for the large ones.
const releaseRuns = 3

// farAway is how long a request is under way to an API server that is not on the
// same network.
const farAway = 20 * time.Millisecond

// clustered is a comparison of releases, on a sandbox of its own.
type clustered struct {
	name string
	run  func(*bench, context.Context, *cluster) error
}

func onCluster() []clustered {
	return []clustered{
		{"unchanged", (*bench).unchanged},
		{"unchanged-500", (*bench).unchanged500},
		{"far", (*bench).far},
		{"install", (*bench).install},
		{"memory", (*bench).memory},
		{"list", (*bench).list},
		{"records", (*bench).records},
	}
}

// tool is one of the two that are compared. Each works in a namespace of its own.
type tool struct {
	name, binary, namespace string
}

// tools returns helm, which sets the measure, and gantry.
func (b *bench) tools() []tool {
	return []tool{{"helm", b.helm, "by-helm"}, {"gantry", b.gantry, "by-gantry"}}
}

// in returns a command line of the tool on a cluster.
func (t tool) in(config string, args ...string) []string {
	return append(append([]string{t.binary}, args...), "--kubeconfig", config, "--namespace", t.namespace)
}

// unchanged compares upgrades that change nothing, and wait.
func (b *bench) unchanged(ctx context.Context, c *cluster) error {
	return b.unchangedOf(ctx, c, 100, min(b.runs, releaseRuns))
}

func (b *bench) unchanged500(ctx context.Context, c *cluster) error {
	return b.unchangedOf(ctx, c, 500, 1) // helm takes minutes
}

func (b *bench) unchangedOf(ctx context.Context, c *cluster, deployments, runs int) error {
	chart, err := b.writeDeployments(deployments)
	if err != nil {
		return err
	}
	if err := b.installed(ctx, c, chart); err != nil {
		return err
	}
	return b.versus(ctx, runs, fmt.Sprintf("upgrade --wait that changes nothing, %d Deployments", deployments), func(t tool) contender {
		return contender{argv: t.in(c.config, "upgrade", "many", chart, "--wait")}
	})
}

// installed installs a chart once with each tool, and waits until all is ready.
func (b *bench) installed(ctx context.Context, c *cluster, chart string) error {
	for _, t := range b.tools() {
		if err := b.run(ctx, t.in(c.config, "install", "many", chart, "--create-namespace")); err != nil {
			return err
		}
		if err := c.ready(ctx, t.namespace); err != nil {
			return err
		}
	}
	return nil
}

// versus lets both tools do the same, and prints a table.
func (b *bench) versus(ctx context.Context, runs int, title string, of func(t tool) contender) error {
	var contenders []contender
	for _, t := range b.tools() {
		next := of(t)
		next.name = t.name
		contenders = append(contenders, next)
	}
	got, err := b.race(ctx, runs, contenders...)
	if err != nil {
		return err
	}
	w := b.table(title, "time", "ratio", "peak memory", "ratio")
	for i, c := range contenders {
		fmt.Fprintf(w, "%s\t%s\t%.3f\t%s\t%.2f\n", c.name, ms(got[i].time), ratio(got[i], got[0]), mib(got[i].rss), float64(got[i].rss)/float64(got[0].rss))
	}
	return b.end(w)
}

// far compares upgrades that change nothing when each request takes its time, and
// counts requests.
func (b *bench) far(ctx context.Context, c *cluster) error {
	const objects = 500
	chart, err := b.writeDeployments(objects)
	if err != nil {
		return err
	}
	if err := b.installed(ctx, c, chart); err != nil {
		return err
	}
	meters := map[string]*meter{}
	for _, t := range b.tools() {
		m, err := c.newMeter(t.name, farAway)
		if err != nil {
			return err
		}
		defer m.close()
		meters[t.name] = m
	}
	err = b.versus(ctx, 1, fmt.Sprintf("upgrade that changes nothing, %d Deployments, %s away", objects, farAway), func(t tool) contender {
		return contender{argv: t.in(meters[t.name].config, "upgrade", "many", chart)}
	})
	if err != nil {
		return err
	}
	const runs = 2 // one fills caches
	w := b.table("", "requests", "for each object")
	for _, t := range b.tools() {
		requests := float64(meters[t.name].requests.Load()) / runs
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\n", t.name, requests, requests/objects)
	}
	return b.end(w)
}

// install compares installations of what needs no pods, so that the tools are
// measured and not the controllers.
func (b *bench) install(ctx context.Context, c *cluster) error {
	const objects = 500
	chart, err := b.writeObjects(objects)
	if err != nil {
		return err
	}
	return b.versus(ctx, min(b.runs, releaseRuns), fmt.Sprintf("install, %d objects", objects), func(t tool) contender {
		return contender{
			argv: t.in(c.config, "install", "many", chart, "--create-namespace"),
			undo: t.in(c.config, "uninstall", "many"),
		}
	})
}

// memory compares what a release of many objects takes.
func (b *bench) memory(ctx context.Context, c *cluster) error {
	const objects = 5000
	chart, err := b.writeObjects(objects)
	if err != nil {
		return err
	}
	for _, t := range b.tools() {
		// helm asks for all of a kind at once, which is more than a busy API server takes.
		// It upgrades what gantry has installed.
		t.binary = b.gantry
		if err := b.run(ctx, t.in(c.config, "install", "many", chart, "--create-namespace")); err != nil {
			return err
		}
	}
	return b.versus(ctx, 1, fmt.Sprintf("upgrade that changes nothing, %d objects", objects), func(t tool) contender {
		return contender{argv: t.in(c.config, "upgrade", "many", chart)}
	})
}

// list compares listing releases, and counts what they download for it.
func (b *bench) list(ctx context.Context, c *cluster) error {
	const releases = 1000
	chart, err := b.starter(ctx)
	if err != nil {
		return err
	}
	if err := b.installed(ctx, c, chart); err != nil {
		return err
	}
	for _, t := range b.tools() {
		if err := c.multiply(ctx, t.namespace, releases); err != nil {
			return err
		}
	}
	meters := map[string]*meter{}
	for _, t := range b.tools() {
		m, err := c.newMeter(t.name, 0)
		if err != nil {
			return err
		}
		defer m.close()
		meters[t.name] = m
	}
	args := map[string][]string{"helm": {"list", "--max", "0"}, "gantry": {"list"}}
	if err := b.versus(ctx, b.runs, fmt.Sprintf("list, %d releases", releases), func(t tool) contender {
		return contender{argv: t.in(c.config, args[t.name]...)}
	}); err != nil {
		return err
	}
	w := b.table("", "requests", "downloaded")
	for _, t := range b.tools() {
		if err := b.run(ctx, t.in(meters[t.name].config, args[t.name]...)); err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%d\t%.2f MiB\n", t.name, meters[t.name].requests.Load(), float64(meters[t.name].bytes.Load())/(1<<20))
	}
	return b.end(w)
}

// multiply copies the record of the release so often, under other names. Only what
// lists tell of a record is in its labels, so the contents may stay.
func (c *cluster) multiply(ctx context.Context, namespace string, releases int) error {
	secrets := c.client.CoreV1().Secrets(namespace)
	record, err := secrets.Get(ctx, "sh.helm.release.v1.many.v1", metav1.GetOptions{})
	if err != nil {
		return err
	}
	for i := range releases - 1 {
		next := record.DeepCopy()
		name := fmt.Sprintf("many-%d", i)
		next.ObjectMeta = metav1.ObjectMeta{Name: "sh.helm.release.v1." + name + ".v1", Labels: record.Labels, Annotations: record.Annotations}
		next.Labels["name"] = name
		if _, err := secrets.Create(ctx, next, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// records compares the sizes of the records of releases.
func (b *bench) records(ctx context.Context, c *cluster) error {
	starter, err := b.starter(ctx)
	if err != nil {
		return err
	}
	objects, err := b.writeObjects(500)
	if err != nil {
		return err
	}
	deployments, err := b.writeDeployments(100)
	if err != nil {
		return err
	}
	w := b.table("record of a release of", "helm", "gantry", "ratio")
	for _, chart := range []struct{ name, dir string }{
		{"helm's starter chart", starter}, {"100 Deployments", deployments}, {"500 objects", objects},
	} {
		var sizes []int
		for _, t := range b.tools() {
			if err := b.run(ctx, t.in(c.config, "install", "many", chart.dir, "--create-namespace")); err != nil {
				return err
			}
			record, err := c.client.CoreV1().Secrets(t.namespace).Get(ctx, "sh.helm.release.v1.many.v1", metav1.GetOptions{})
			if err != nil {
				return err
			}
			sizes = append(sizes, len(record.Data["release"]))
			if err := b.run(ctx, t.in(c.config, "uninstall", "many")); err != nil {
				return err
			}
		}
		fmt.Fprintf(w, "%s\t%d B\t%d B\t%.2f\n", chart.name, sizes[0], sizes[1], float64(sizes[1])/float64(sizes[0]))
	}
	return b.end(w)
}

// starter lets helm write the chart that it gives to beginners.
func (b *bench) starter(ctx context.Context) (string, error) {
	return filepath.Join(b.dir, "starter"), b.command(ctx, b.helm, "create", "starter")
}

func (b *bench) run(ctx context.Context, argv []string) error {
	return b.command(ctx, argv[0], argv[1:]...)
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

// writeDeployments writes a chart of Deployments with a selector of its own each.
func (b *bench) writeDeployments(n int) (string, error) {
	var manifest strings.Builder
	for i := range n {
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
	return b.writeFiles(fmt.Sprintf("deployments-%d", n), map[string]string{
		"Chart.yaml":          "apiVersion: v2\nname: many\nversion: 1.0.0\n",
		"templates/apps.yaml": manifest.String(),
	})
}

// writeObjects writes a chart of objects that need no controller.
func (b *bench) writeObjects(n int) (string, error) {
	var manifest strings.Builder
	for i := range n {
		spec := "data: {a: \"%d\", b: two, c: three}"
		kind := []string{"ConfigMap", "ConfigMap", "ServiceAccount", "Secret"}[i%4]
		switch kind {
		case "ServiceAccount":
			spec = "automountServiceAccountToken: false # %d"
		case "Secret":
			spec = "stringData: {a: \"%d\"}"
		}
		fmt.Fprintf(&manifest, "---\napiVersion: v1\nkind: %s\nmetadata: {name: object-%d, labels: {app: many}}\n"+spec+"\n", kind, i, i)
	}
	return b.writeFiles(fmt.Sprintf("objects-%d", n), map[string]string{
		"Chart.yaml":             "apiVersion: v2\nname: many\nversion: 1.0.0\n",
		"templates/objects.yaml": manifest.String(),
	})
}
