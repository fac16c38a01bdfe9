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
	"time"
)

type options struct {
	gantry, helm string
	runs         int
	// largest is how many services the largest application has.
	largest int
	// only names the one comparison that is wanted: convert, startup or template.
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
	flag.StringVar(&o.only, "only", "", "run one comparison only: convert, startup or template")
	flag.StringVar(&o.child, "child", "", "")
	flag.StringVar(&o.file, "file", "", "")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
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
		if _, err := os.Stat(abs); err != nil {
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

// measureAll runs the comparisons, or the one that is wanted.
func (b *bench) measureAll(ctx context.Context, only string) error {
	found := false
	for _, c := range []struct {
		name string
		run  func(context.Context) error
	}{{"convert", b.convert}, {"startup", b.startup}, {"template", b.template}, {"releases", b.releases}} {
		if only != "" && only != c.name {
			continue
		}
		found = true
		if err := c.run(ctx); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("unknown comparison %q", only)
	}
	return nil
}
