package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/kubectl/pkg/util/interrupt"
	"k8s.io/kubectl/pkg/util/term"

	"gantry/charts/live"
)

// whichContainer are the flags that say which container of a service is meant.
type whichContainer struct {
	index     int
	container string
}

func (w *whichContainer) bind(c *cobra.Command) {
	c.Flags().IntVar(&w.index, "index", 0, "which pod of the service, as ps -o wide counts them (default: one that is ready)")
	c.Flags().StringVarP(&w.container, "container", "c", "", "container of the pod (default: its first)")
}

type execOptions struct {
	which       whichRelease
	target      whichContainer
	interactive bool
	tty, noTTY  bool
}

func newExec(a *app) *cobra.Command {
	var o execOptions
	c := &cobra.Command{
		Use:   "exec SERVICE [flags] -- COMMAND [ARG...]",
		Short: "Run a command in a container of a service",
		Long: `Exec runs a command in a container that runs. At a terminal, the command gets one, too.
Gantry ends with the exit code of the command.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry exec web -- sh
  gantry exec db -T -- pg_dump shop > shop.sql
  gantry exec web --index 2 --release shop -- env`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return runExec(cmd.Context(), a, args[0], args[1:], &o) },
	}
	o.which.bind(a, c, "f")
	o.target.bind(c)
	f := c.Flags()
	f.BoolVarP(&o.interactive, "interactive", "i", true, "give the command what is on standard input")
	f.BoolVarP(&o.tty, "tty", "t", false, "give the command a terminal (default: when there is one)")
	f.BoolVarP(&o.noTTY, "no-tty", "T", false, "give the command no terminal")
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return usageError(withHint(err, "put -- before the command: gantry exec SERVICE -- COMMAND"))
	})
	return c
}

func runExec(ctx context.Context, a *app, name string, command []string, o *execOptions) error {
	terminal := isTerminal(a.In) && isTerminal(a.Out)
	switch {
	case o.tty && o.noTTY:
		return usageError(errors.New("--tty and --no-tty exclude each other"))
	case o.tty && !terminal:
		return usageError(withHint(errors.New("there is no terminal to give to the command"), "leave out --tty"))
	}
	app, target, err := o.target.find(ctx, a, &o.which, name)
	if err != nil {
		return err
	}
	s := live.Streams{Out: a.Out, Err: a.Err, TTY: terminal && o.interactive && !o.noTTY}
	if o.interactive {
		s.In = a.In
	}
	if !s.TTY {
		return a.execError(app.Exec(ctx, target, command, s), o.which.again(a))
	}
	// An interrupt goes to the command, by the terminal.
	tty := term.TTY{In: a.In, Out: underlying(a.Out), Raw: true, Parent: interrupt.New(func(os.Signal) {})}
	s.Sizes = sizes{tty.MonitorSize(tty.GetSize())}
	return a.execError(tty.Safe(func() error { return app.Exec(ctx, target, command, s) }), o.which.again(a))
}

// find finds a container of a service that runs.
func (w *whichContainer) find(ctx context.Context, a *app, which *whichRelease, name string) (*live.App, live.Target, error) {
	if w.index < 0 {
		return nil, live.Target{}, usageError(fmt.Errorf("--index %d: pods are counted from 1", w.index))
	}
	app, services, err := which.services(ctx, a, []string{name})
	if err != nil {
		return nil, live.Target{}, err
	}
	target, err := app.Target(ctx, services[0], w.index, w.container)
	if err != nil {
		return nil, live.Target{}, a.execError(err, which.again(a))
	}
	return app, target, nil
}

// execError gives what can go wrong in a container its exit code: that of the
// command, where one ran. Hints repeat the flags that name the release.
func (a *app) execError(err error, flags string) error {
	if exit, ok := errors.AsType[*live.ExitError](err); ok {
		return &exitError{exit.Code, errReported}
	}
	if missing, ok := errors.AsType[*live.NoPodError](err); ok {
		hint := "see how its pods are with: gantry ps -o wide " + missing.Service.Name + flags
		if missing.Status.State == live.Stopped {
			hint = fmt.Sprintf("start one with: gantry scale %s=1%s", missing.Service.Name, flags)
		}
		return notFoundError(withHint(err, hint))
	}
	if _, ok := errors.AsType[*live.NoContainerError](err); ok {
		return notFoundError(err)
	}
	if err != nil && (strings.Contains(err.Error(), "executable file not found") || strings.Contains(err.Error(), "no such file or directory")) {
		return notFoundError(withHint(err, "the image may have no such program, nor a shell"))
	}
	return a.releaseError(err)
}

// sizes tells a command in a container how large the terminal is.
type sizes struct{ queue term.TerminalSizeQueue }

func (s sizes) Next() *remotecommand.TerminalSize {
	next := s.queue.Next()
	if next == nil {
		return nil
	}
	return &remotecommand.TerminalSize{Width: next.Width, Height: next.Height}
}

// underlying returns the stream itself, for those who look whether it is a
// terminal.
func underlying(w io.Writer) io.Writer {
	if c, ok := w.(*checkedWriter); ok {
		return c.w
	}
	return w
}
