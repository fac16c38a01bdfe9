// Command bench puts gantry beside what it is measured against: converting
// beside compose-go's own loading of the same file, starting up, rendering charts and releases
// beside helm.
//
// Every measurement is a process of its own, so that memory is the process's
// and no run warms up the next. The rivals take turns, so that a busy moment of
// the machine meets all of them. What counts is the ratio of the medians.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type options struct {
	gantry, helm string
	runs         int
	// largest is how many services the largest application has.
	largest int
	// only names the one comparison that is wanted.
	only string
	// child names the work to do once and to time in this very process.
	child, file string
}

func main() {
	var o options
	flag.StringVar(&o.gantry, "gantry", "bin/gantry", "the gantry binary")
	flag.StringVar(&o.helm, "helm", "bin/tools/helm", "the helm binary")
	flag.IntVar(&o.runs, "runs", 11, "runs of each measurement")
	flag.IntVar(&o.largest, "largest", 10_000, "services of the largest application: 3, 100, 1000 or 10000")
	flag.StringVar(&o.only, "only", "", "run one comparison only: "+strings.Join(comparisons(), ", "))
	flag.StringVar(&o.child, "child", "", "")
	flag.StringVar(&o.file, "file", "", "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, o options) error {
	if o.child != "" {
		start := time.Now()
		if err := childWork(ctx, o.child, o.file); err != nil {
			return err
		}
		took := time.Since(start).Nanoseconds()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		fmt.Fprintln(out, took, m.HeapSys) // the heap gives nothing of it back
		return nil
	}
	for _, binary := range []*string{&o.gantry, &o.helm} {
		abs, err := filepath.Abs(*binary)
		if err != nil {
			return err
		}
		if err := forget(abs); err != nil {
			return fmt.Errorf("%w (make bench builds it)", err)
		}
		*binary = abs
	}
	dir, err := os.MkdirTemp("", "gantry-bench-")
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	b := &bench{options: o, out: out, now: time.Now, path: os.Getenv("PATH"), dir: dir, self: self}
	return errors.Join(b.measureAll(ctx, o.only), os.RemoveAll(dir))
}

// comparison is one table, or several that belong together.
type comparison struct {
	name string
	run  func(*bench, context.Context) error
}

func all() []comparison {
	list := []comparison{
		{"convert", (*bench).convert},
		{"startup", (*bench).startup},
		{"template", (*bench).template},
		{"search", (*bench).search},
		{"serve", (*bench).serve},
	}
	for _, c := range onCluster() {
		list = append(list, comparison{c.name, func(b *bench, ctx context.Context) error {
			return b.withCluster(ctx, func(ctx context.Context, c2 *cluster) error { return c.run(b, ctx, c2) })
		}})
	}
	return list
}

// comparisons returns their names.
func comparisons() []string {
	var names []string
	for _, c := range all() {
		names = append(names, c.name)
	}
	return names
}

// measureAll runs the comparisons, or the one that is wanted.
func (b *bench) measureAll(ctx context.Context, only string) error {
	if only != "" && !slices.Contains(comparisons(), only) {
		return fmt.Errorf("unknown comparison %q: there is %s", only, strings.Join(comparisons(), ", "))
	}
	for _, c := range all() {
		if only != "" && only != c.name {
			continue
		}
		if err := c.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
