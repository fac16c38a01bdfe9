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
	"syscall"

	"golang.org/x/sync/errgroup"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var j judge
	flag.StringVar(&j.gantry, "gantry", "bin/gantry", "the gantry binary")
	flag.StringVar(&j.kubeScore, "kube-score", "bin/tools/kube-score", "the kube-score binary")
	workers := flag.Int("workers", 2, "how many cases are judged at the same time")
	flag.Parse()
	good, err := run(ctx, &j, *workers, flag.Args(), os.Stdout)
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "score:", err)
		os.Exit(1)
	case !good:
		os.Exit(1)
	}
}

// run judges the cases, and reports whether there was nothing to find.
func run(ctx context.Context, j *judge, workers int, args []string, out io.Writer) (bool, error) {
	for _, binary := range []*string{&j.gantry, &j.kubeScore} {
		path, err := filepath.Abs(*binary)
		if err != nil {
			return false, err
		}
		*binary = path
	}
	if len(args) == 0 {
		return false, errors.New("name cases: txtar files with a compose.yaml")
	}
	verdicts := make([]verdict, len(args))
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(workers)
	for i, name := range args {
		group.Go(func() (err error) {
			if verdicts[i], err = j.judge(within, name); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return false, err
	}
	var charts, objects, critical int
	for i, v := range verdicts {
		if v.objects > 0 {
			charts++
		}
		objects += v.objects
		critical += len(v.critical)
		for _, finding := range v.critical {
			fmt.Fprintf(out, "%s: %s\n", args[i], finding)
		}
	}
	fmt.Fprintf(out, "%d charts of %d cases, %d objects: %d critical findings that the Compose files did not ask for\n", charts, len(args), objects, critical)
	return critical == 0, nil
}
