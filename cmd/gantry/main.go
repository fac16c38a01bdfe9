// Command gantry runs Docker Compose applications on Kubernetes.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"gantry/cmd/cli"
	_ "gantry/cmd/start" // before the libraries
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // the second Ctrl-C ends what does not heed the first
	slog.SetDefault(slog.New(cli.Remarks(os.Stderr)))
	code := cli.Run(ctx, cli.IO{
		In:      os.Stdin,
		Out:     os.Stdout,
		Err:     os.Stderr,
		Environ: os.Environ(),
		Now:     time.Now,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}
