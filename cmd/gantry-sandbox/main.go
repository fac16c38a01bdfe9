// Command gantry-sandbox runs a real Kubernetes control plane with fake nodes in
// one process: no container runtime, no root, nothing to download. It is started
// by "gantry sandbox start", and can be run by hand.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"gantry/cmd/gantry-sandbox/controlplane"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// After the first signal the next one ends the process in the usual way.
	context.AfterFunc(ctx, stop)
	if os.Getenv("GOGC") == "" {
		// Half the garbage for a little more work: most of the time the process idles.
		debug.SetGCPercent(50)
	}
	os.Exit(run(ctx, os.Args[1:]))
}

// run serves until the context ends, and returns the exit code.
func run(ctx context.Context, args []string) int {
	o, withStdin, err := parse(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gantry-sandbox: error:", err)
		return 2
	}
	if withStdin {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancel()
		}()
	}
	began := time.Now()
	o.Now = time.Now
	o.Progress = func(step string) {
		fmt.Fprintf(os.Stderr, "gantry-sandbox: %5.2fs %s\n", time.Since(began).Seconds(), step)
	}
	if err := controlplane.Run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "gantry-sandbox: error:", err)
		return 1
	}
	return 0
}

// parse reads the flags. stdin tells that the sandbox must end when standard
// input does.
func parse(args []string) (o controlplane.Options, stdin bool, err error) {
	flags := pflag.NewFlagSet("gantry-sandbox", pflag.ExitOnError)
	var webhooks string
	flags.StringVar(&o.Dir, "dir", "", "folder for the state, which survives a stop and a kill (needed)")
	flags.IntVar(&o.Port, "port", 0, "port on 127.0.0.1; 0 keeps that of the last run, or takes a free one")
	flags.IntVar(&o.Nodes, "nodes", 1, "how many fake nodes")
	flags.StringVar(&webhooks, "webhooks", "on", "on, or off: call no admission webhooks (nothing answers them here)")
	flags.BoolVar(&o.Fsync, "fsync", false, "wait for the disk, so that the state survives a power cut, too")
	flags.IntVarP(&o.Verbosity, "verbosity", "v", 0, "how much the components log")
	flags.BoolVar(&stdin, "stop-with-stdin", false, "stop when standard input ends: nothing outlives a test")
	if err := flags.Parse(args); err != nil {
		return o, false, err
	}
	switch {
	case flags.NArg() > 0:
		return o, false, fmt.Errorf("unexpected argument %q: see --help", flags.Arg(0))
	case webhooks != "on" && webhooks != "off":
		return o, false, fmt.Errorf("--webhooks is on or off, not %q", webhooks)
	}
	o.NoWebhooks = webhooks == "off"
	return o, stdin, nil
}
