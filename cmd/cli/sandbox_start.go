package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

type startOptions struct {
	nodes, port int
	webhooks    string
	timeout     time.Duration
}

func newSandboxStart(a *app, s *sandboxOptions) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:   "start",
		Short: "Start the sandbox, and wait until it can be used",
		Long: `Start runs the sandbox in the background and waits until it can be used. What an
earlier run held is there again, at the same address. When it runs already, start
changes nothing.`,
		Example: "  gantry sandbox start\n  gantry sandbox start --name big --nodes 5",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			return runSandboxStart(cmd.Context(), a, folder, &o)
		},
	}
	f := c.Flags()
	f.IntVar(&o.nodes, "nodes", 1, "how many fake nodes")
	f.IntVar(&o.port, "port", 0, "port on 127.0.0.1; 0: that of the last run, or a free one")
	f.StringVar(&o.webhooks, "webhooks", "on", "on, or off: call no admission webhooks (nothing answers them here)")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait")
	return c
}

func runSandboxStart(ctx context.Context, a *app, folder sandboxFolder, o *startOptions) error {
	if o.webhooks != "on" && o.webhooks != "off" {
		return usageError(fmt.Errorf("--webhooks is on or off, not %q", o.webhooks))
	}
	state, running, err := folder.running()
	if err != nil {
		return err
	}
	if running && state.Ready {
		fmt.Fprintf(a.Err, "the sandbox is running already, at %s\n", state.Server)
		a.adviseSandbox(folder)
		return nil
	}
	var ours *sandboxProcess
	if !running {
		if ours, err = a.launchSandbox(ctx, folder, o); err != nil {
			return err
		}
	}
	if err := a.awaitSandbox(ctx, folder, o.timeout, ours); err != nil {
		return err
	}
	a.adviseSandbox(folder)
	return nil
}

// adviseSandbox says what to type next.
func (a *app) adviseSandbox(folder sandboxFolder) {
	fmt.Fprintf(a.Err, "use it with: export KUBECONFIG=%s\n", shellQuote(folder.kubeconfig()))
}

// sandboxProcess is a sandbox that this command has started.
type sandboxProcess struct {
	*os.Process

	// ended is closed when it has ended, with err.
	ended chan struct{}
	err   error
}

// end takes back a start that did not succeed.
func (p *sandboxProcess) end() error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopTimeout):
		return p.Kill()
	}
}

// launchSandbox starts the process in a session of its own: it goes on when this
// command ends.
func (a *app) launchSandbox(ctx context.Context, folder sandboxFolder, o *startOptions) (*sandboxProcess, error) {
	binary, err := a.findSandbox()
	if err != nil {
		return nil, err
	}
	if err := folder.prepare(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(folder.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	c := exec.CommandContext(context.WithoutCancel(ctx), binary,
		"--dir", folder.dir, "--nodes", strconv.Itoa(o.nodes), "--port", strconv.Itoa(o.port), "--webhooks", o.webhooks)
	c.Env = a.Environ
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = ownSession()
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	p := &sandboxProcess{Process: c.Process, ended: make(chan struct{})}
	go func() {
		p.err = c.Wait()
		close(p.ended)
	}()
	return p, nil
}

// sandboxBinary is the program that is the sandbox.
const sandboxBinary = "gantry-sandbox"

// findSandbox looks beside this program and then in $PATH.
func (a *app) findSandbox() (string, error) {
	var folders []string
	if self, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(self); err == nil {
			self = target
		}
		folders = append(folders, filepath.Dir(self))
	}
	for _, dir := range append(folders, filepath.SplitList(a.Getenv("PATH"))...) {
		if !filepath.IsAbs(dir) {
			continue // a relative folder means another program each time
		}
		if path, err := exec.LookPath(filepath.Join(dir, sandboxBinary)); err == nil {
			return path, nil
		}
	}
	return "", withHint(fmt.Errorf("there is no %s beside gantry or in $PATH", sandboxBinary), "build it with: make sandbox")
}

// sandboxPoll is how often the state of the sandbox is looked at.
const sandboxPoll = 50 * time.Millisecond

// awaitSandbox waits until the sandbox is ready, and tells each step of its start.
// When it was started by this command, and does not become ready, it is ended.
func (a *app) awaitSandbox(ctx context.Context, folder sandboxFolder, timeout time.Duration, ours *sandboxProcess) error {
	waiting, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(sandboxPoll)
	defer ticker.Stop()
	var ended <-chan struct{}
	if ours != nil {
		ended = ours.ended
	}
	for last := ""; ; {
		state, running, err := folder.running()
		if err != nil {
			return err
		}
		if state.Step != last && state.Step != "" {
			last = state.Step
			fmt.Fprintf(a.Err, "sandbox: %s\n", last)
		}
		if state.Ready {
			fmt.Fprintf(a.Err, "Kubernetes %s answers at %s\n", state.Version, state.Server)
			return nil
		}
		if ended == nil && !running {
			return sandboxFailure(folder, nil)
		}
		select {
		case <-ticker.C:
		case <-ended:
			if _, other, _ := folder.running(); !other {
				return sandboxFailure(folder, ours.err)
			}
			ended, ours = nil, nil // somebody else was quicker: that one will do
		case <-waiting.Done():
			if ours != nil {
				err = ours.end()
			}
			return notReadyInTime(ctx, folder, timeout, err)
		}
	}
}

// notReadyInTime is the error of a start that was interrupted, or took too long;
// ending is what went wrong when it was taken back.
func notReadyInTime(ctx context.Context, folder sandboxFolder, timeout time.Duration, ending error) error {
	if ctx.Err() != nil {
		return errors.Join(ctx.Err(), ending)
	}
	err := fmt.Errorf("the sandbox is not ready after %s: %w", timeout, context.DeadlineExceeded)
	return withHint(errors.Join(err, ending), "read what it says in "+folder.log())
}

// sandboxFailure says why a sandbox ended. It prefers what the process itself said.
func sandboxFailure(folder sandboxFolder, err error) error {
	state, readErr := folder.state()
	switch {
	case readErr == nil && state.Error != "":
		err = errors.New(state.Error)
	case err == nil:
		err = errors.New("it was stopped")
	}
	return withHint(fmt.Errorf("the sandbox ended while it started: %w", err), "read what it says in "+folder.log())
}
