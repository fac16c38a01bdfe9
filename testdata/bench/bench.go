package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// bench runs the measurements and prints them as tables.
type bench struct {
	options
	out  io.Writer
	now  func() time.Time
	path string // $PATH
	dir  string // holds the Compose files, and is the home folder of every process
	self string // this program
}

// sample is one run of one process.
type sample struct {
	time time.Duration
	// rss is the most memory that the process held, and heap what its heap took of
	// it, in bytes. The former counts the moment before exec too, so nothing below
	// this program's own is seen.
	rss, heap int64
}

// contender is a command line that takes part in a comparison.
type contender struct {
	name string
	argv []string
	// selfTimed says that the process prints what its work took, without its own
	// start: nanoseconds and bytes of heap.
	selfTimed bool
	// undo is run after the process, and not measured.
	undo []string
}

// sizes are how many services the applications of the comparison have.
func sizes() []int { return []int{3, 100, 1000, 10_000} }

// runsFor says how often applications of a size are measured: large ones take so
// long that a few runs must do.
func (b *bench) runsFor(services int) int {
	switch {
	case services >= 10_000:
		return min(b.runs, 3)
	case services >= 1000:
		return min(b.runs, 5)
	default:
		return b.runs
	}
}

// convert compares converting with what compose-go needs to load the file, for
// applications of all sizes and shapes. Growth is how much longer it takes than
// for the size before, where 10 is linear from 100 services on.
func (b *bench) convert(ctx context.Context) error {
	w := b.table("shape", "services", "gantry convert", "compose-go load", "ratio", "growth", "gantry peak memory", "heap", "compose-go peak memory", "heap")
	for _, s := range shapes() {
		before := sample{}
		for _, services := range sizes() {
			if services > b.largest {
				break
			}
			file, err := b.write(services, s)
			if err != nil {
				return err
			}
			got, err := b.race(ctx, b.runsFor(services),
				contender{name: "convert", argv: []string{b.self, "-child", workConvert, "-file", file}, selfTimed: true},
				contender{name: "load", argv: []string{b.self, "-child", workLoad, "-file", file}, selfTimed: true},
			)
			if err != nil {
				return err
			}
			convert, load := got[0], got[1]
			growth := "-"
			if before.time > 0 {
				growth = fmt.Sprintf("%.1f", ratio(convert, before))
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%.2f\t%s\t%s\t%s\t%s\t%s\n", s.name, services,
				ms(convert.time), ms(load.time), ratio(convert, load), growth, mib(convert.rss), mib(convert.heap), mib(load.rss), mib(load.heap))
			before = convert
		}
	}
	return b.end(w)
}

// startup compares what a person waits for when there is next to nothing to do,
// and shows what large files take in all.
func (b *bench) startup(ctx context.Context) error {
	small, err := b.write(3, shapes()[0])
	if err != nil {
		return err
	}
	contenders := []contender{
		{name: "helm version", argv: []string{b.helm, "version"}},
		{name: "gantry version", argv: []string{b.gantry, "version"}},
		{name: "gantry convert, 3 services", argv: []string{b.gantry, "convert", "-f", small}},
	}
	for _, s := range shapes() {
		large, err := b.write(1000, s)
		if err != nil {
			return err
		}
		contenders = append(contenders, contender{name: "gantry convert, 1000 services, " + s.name, argv: []string{b.gantry, "convert", "-f", large}})
	}
	got, err := b.race(ctx, b.runs, contenders...)
	if err != nil {
		return err
	}
	w := b.table("command", "time", "ratio", "peak memory")
	for i, c := range contenders {
		fmt.Fprintf(w, "%s\t%s\t%.2f\t%s\n", c.name, ms(got[i].time), ratio(got[i], got[0]), mib(got[i].rss))
	}
	return b.end(w)
}

// race runs the contenders in turn, again and again, and returns the medians
// of each. One run before the count fills the caches of the operating system.
func (b *bench) race(ctx context.Context, runs int, contenders ...contender) ([]sample, error) {
	samples := make([][]sample, len(contenders))
	for round := range runs + 1 {
		for i, c := range contenders {
			s, err := b.measure(ctx, c)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if round > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	medians := make([]sample, len(contenders))
	for i, all := range samples {
		medians[i] = sample{
			time: median(all, func(s sample) time.Duration { return s.time }),
			rss:  median(all, func(s sample) int64 { return s.rss }),
			heap: median(all, func(s sample) int64 { return s.heap }),
		}
	}
	return medians, nil
}

func (b *bench) measure(ctx context.Context, c contender) (sample, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir = b.dir
	cmd.Env = []string{"HOME=" + b.dir, "PATH=" + b.path}
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	start := b.now()
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%w\n%s", err, stderr.String())
	}
	s := sample{time: b.now().Sub(start)}
	if c.selfTimed {
		if _, err := fmt.Fscan(&stdout, &s.time, &s.heap); err != nil {
			return sample{}, fmt.Errorf("read what the process has measured: %w", err)
		}
	}
	if len(c.undo) > 0 {
		if err := b.command(ctx, c.undo[0], c.undo[1:]...); err != nil {
			return sample{}, err
		}
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.rss = usage.Maxrss * 1024
	}
	return s, nil
}

// write puts a Compose file with so many services into the folder.
func (b *bench) write(services int, s shape) (string, error) {
	file := filepath.Join(b.dir, fmt.Sprintf("compose-%s-%d.yaml", s.name, services))
	return file, os.WriteFile(file, composeFile(services, s), 0o600)
}

func (b *bench) table(columns ...string) *tabwriter.Writer {
	w := tabwriter.NewWriter(b.out, 0, 0, 3, ' ', 0)
	fmt.Fprintln(w, strings.Join(columns, "\t"))
	return w
}

func (b *bench) end(w *tabwriter.Writer) error {
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(b.out)
	return err
}

func median[T cmp.Ordered](samples []sample, of func(sample) T) T {
	var values []T
	for _, s := range samples {
		values = append(values, of(s))
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func ratio(a, b sample) float64 { return float64(a.time) / float64(b.time) }

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }

func mib(bytes int64) string { return fmt.Sprintf("%.0f MiB", float64(bytes)/(1<<20)) }
