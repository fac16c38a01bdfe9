package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// sandboxCommands returns the commands of the group, in the order of the help.
func sandboxCommands(a *app) []*cobra.Command {
	var o sandboxOptions
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "Run a real Kubernetes control plane on this machine, to rehearse on",
		Long: `Sandbox runs the real API server, controllers, scheduler and etcd of Kubernetes in
one process, with fake nodes: no Docker, no root, nothing to download. Pods do not
really run; they become ready, so that an installation, an upgrade and a rollback
can be rehearsed in seconds.`,
		Example: `  gantry sandbox start
  eval "$(gantry sandbox kubeconfig --export)"
  gantry up && gantry list
  gantry sandbox stop`,
	}
	flags := c.PersistentFlags()
	flags.StringVar(&o.name, "name", "default", "name of the sandbox")
	flags.StringVar(&o.dir, "dir", "", "folder of its state (default: $XDG_STATE_HOME or ~/.local/state, gantry/sandbox/NAME)")
	_ = c.MarkPersistentFlagDirname("dir")
	c.AddCommand(newSandboxStart(a, &o), newSandboxStop(a, &o), newSandboxStatus(a, &o), newSandboxDelete(a, &o), newSandboxKubeconfig(a, &o))
	return []*cobra.Command{c}
}

type sandboxOptions struct{ name, dir string }

// folder is where the state of the sandbox lies.
func (o *sandboxOptions) folder(a *app) (sandboxFolder, error) {
	if o.dir != "" {
		dir, err := filepath.Abs(o.dir)
		return sandboxFolder{dir}, err
	}
	if o.name == "" || o.name != filepath.Base(o.name) || strings.HasPrefix(o.name, ".") {
		return sandboxFolder{}, usageError(fmt.Errorf("%q is no name for a sandbox", o.name))
	}
	state := a.Getenv("XDG_STATE_HOME")
	if state == "" {
		home := a.Getenv("HOME")
		if home == "" {
			return sandboxFolder{}, usageError(errors.New("neither $XDG_STATE_HOME nor $HOME is set: name a folder with --dir"))
		}
		state = filepath.Join(home, ".local", "state")
	}
	return sandboxFolder{filepath.Join(state, "gantry", "sandbox", o.name)}, nil
}

type startOptions struct {
	nodes, port int
	webhooks    bool
	timeout     time.Duration
}

func newSandboxStart(a *app, s *sandboxOptions) *cobra.Command {
	var o startOptions
	c := &cobra.Command{
		Use:     "start",
		Short:   "Start the sandbox, and wait until it can be used",
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
	f.BoolVar(&o.webhooks, "webhooks", true, "call admission webhooks, although nothing answers them here")
	f.DurationVar(&o.timeout, "timeout", 2*time.Minute, "how long to wait")
	return c
}

func runSandboxStart(ctx context.Context, a *app, folder sandboxFolder, o *startOptions) error {
	state, running, err := folder.running()
	if err != nil {
		return err
	}
	if running && state.Ready {
		fmt.Fprintf(a.Err, "the sandbox is running already, at %s\n", state.Server)
		return a.sandboxReady(folder)
	}
	ended := make(chan error, 1)
	if !running {
		if err := launch(ctx, folder, o, ended); err != nil {
			return err
		}
	}
	if err := a.awaitSandbox(ctx, folder, o.timeout, ended); err != nil {
		return err
	}
	return a.sandboxReady(folder)
}

// sandboxReady says what to type next.
func (a *app) sandboxReady(folder sandboxFolder) error {
	fmt.Fprintf(a.Err, "use it with: export KUBECONFIG=%s\n", shellQuote(folder.kubeconfig()))
	return nil
}

// launch starts the process in a session of its own: it goes on when this command
// ends. ended is told should it end before that.
func launch(ctx context.Context, folder sandboxFolder, o *startOptions, ended chan<- error) error {
	binary, err := findSandbox()
	if err != nil {
		return err
	}
	if err := folder.prepare(); err != nil {
		return err
	}
	log, err := os.OpenFile(folder.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"--dir", folder.dir, "--nodes", strconv.Itoa(o.nodes), "--port", strconv.Itoa(o.port)}
	if !o.webhooks {
		args = append(args, "--webhooks", "off")
	}
	process := exec.CommandContext(context.WithoutCancel(ctx), binary, args...)
	process.Stdout, process.Stderr = log, log
	process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := process.Start(); err != nil {
		return fmt.Errorf("start %s: %w", binary, err)
	}
	go func() { ended <- process.Wait() }()
	return nil
}

// sandboxBinary is the program that is the sandbox.
const sandboxBinary = "gantry-sandbox"

// findSandbox looks beside this program and then in $PATH.
func findSandbox() (string, error) {
	if self, err := os.Executable(); err == nil {
		if target, err := filepath.EvalSymlinks(self); err == nil {
			self = target
		}
		beside := filepath.Join(filepath.Dir(self), sandboxBinary)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	path, err := exec.LookPath(sandboxBinary)
	if err != nil {
		return "", withHint(fmt.Errorf("there is no %s beside gantry or in $PATH", sandboxBinary), "build it with: make sandbox")
	}
	return filepath.Abs(path)
}

// sandboxPoll is how often the state of the sandbox is looked at.
const sandboxPoll = 50 * time.Millisecond

// awaitSandbox waits until the sandbox is ready, and tells each step of its start.
func (a *app) awaitSandbox(ctx context.Context, folder sandboxFolder, timeout time.Duration, ended <-chan error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	ticker := time.NewTicker(sandboxPoll)
	defer ticker.Stop()
	last := ""
	for {
		state, _, err := folder.running()
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
		select {
		case <-ticker.C:
		case err := <-ended:
			return withHint(fmt.Errorf("the sandbox ended while it started: %w", sandboxFailure(folder, err)), "read what it says in "+folder.log())
		case <-ctx.Done():
			return withHint(fmt.Errorf("the sandbox is not ready after %s: %w", timeout, ctx.Err()), "read what it says in "+folder.log())
		}
	}
}

// sandboxFailure prefers what the process said of its end.
func sandboxFailure(folder sandboxFolder, err error) error {
	if state, readErr := folder.state(); readErr == nil && state.Error != "" {
		return errors.New(state.Error)
	}
	if err == nil {
		return errors.New("without an error")
	}
	return err
}

func newSandboxStop(a *app, s *sandboxOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "Stop the sandbox, and keep its state",
		Example: "  gantry sandbox stop",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			was, err := stopSandbox(cmd.Context(), folder)
			if err == nil && !was {
				fmt.Fprintln(a.Err, "the sandbox is not running")
			}
			return err
		},
	}
}

// stopTimeout is how long the components may take to end.
const stopTimeout = time.Minute

// stopSandbox ends the process that holds the folder, and waits until it is gone.
func stopSandbox(ctx context.Context, folder sandboxFolder) (was bool, err error) {
	pid, err := folder.holder()
	if err != nil || pid == 0 {
		return false, err
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil && !errors.Is(err, syscall.ESRCH) {
		return true, fmt.Errorf("stop process %d: %w", pid, err)
	}
	ctx, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	ticker := time.NewTicker(sandboxPoll)
	defer ticker.Stop()
	for {
		now, err := folder.holder()
		if err != nil || now != pid {
			return true, err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return true, fmt.Errorf("process %d has not ended: %w", pid, ctx.Err())
		}
	}
}

func newSandboxDelete(a *app, s *sandboxOptions) *cobra.Command {
	return &cobra.Command{
		Use:     "delete",
		Short:   "Stop the sandbox and delete everything in it",
		Example: "  gantry sandbox delete",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			if _, err := os.Stat(folder.dir); errors.Is(err, fs.ErrNotExist) {
				fmt.Fprintln(a.Err, "there is no such sandbox")
				return nil
			}
			state, err := folder.state()
			if err == nil && state.Kind == "" {
				err = fmt.Errorf("%s is not the folder of a sandbox: nothing was deleted", folder.dir)
			}
			if err != nil {
				return err
			}
			if _, err := stopSandbox(cmd.Context(), folder); err != nil {
				return err
			}
			return os.RemoveAll(folder.dir)
		},
	}
}

func newSandboxKubeconfig(a *app, s *sandboxOptions) *cobra.Command {
	var export bool
	c := &cobra.Command{
		Use:     "kubeconfig",
		Short:   "Print where the kubeconfig of the sandbox is",
		Example: "  eval \"$(gantry sandbox kubeconfig --export)\"\n  kubectl --kubeconfig \"$(gantry sandbox kubeconfig)\" get pods",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			if _, err := os.Stat(folder.kubeconfig()); err != nil {
				return notFoundError(withHint(errors.New("there is no sandbox yet"), "start one with: gantry sandbox start"))
			}
			if export {
				fmt.Fprintf(a.Out, "export KUBECONFIG=%s\n", shellQuote(folder.kubeconfig()))
			} else {
				fmt.Fprintln(a.Out, folder.kubeconfig())
			}
			return nil
		},
	}
	c.Flags().BoolVar(&export, "export", false, "print a line for the shell that sets $KUBECONFIG")
	return c
}

// shellQuote writes a word as a POSIX shell reads it back.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// sandboxStatus is what status prints.
type sandboxStatus struct {
	Running    bool   `json:"running"`
	Ready      bool   `json:"ready"`
	PID        int    `json:"pid,omitempty"`
	Server     string `json:"server,omitempty"`
	Version    string `json:"version,omitempty"`
	Uptime     string `json:"uptime,omitempty"`
	Dir        string `json:"dir"`
	Kubeconfig string `json:"kubeconfig,omitempty"`
}

func newSandboxStatus(a *app, s *sandboxOptions) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "status",
		Short:   "Say whether the sandbox runs, and where",
		Example: "  gantry sandbox status -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			folder, err := s.folder(a)
			if err != nil {
				return err
			}
			return runSandboxStatus(a, folder, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func runSandboxStatus(a *app, folder sandboxFolder, output string) error {
	state, running, err := folder.running()
	if err != nil {
		return err
	}
	status := sandboxStatus{Running: running, Dir: folder.dir}
	if running {
		status.Ready, status.PID, status.Server, status.Version = state.Ready, state.PID, state.Server, state.Version
		status.Kubeconfig = folder.kubeconfig()
		status.Uptime = a.Now().Sub(state.Started).Round(time.Second).String()
	}
	switch output {
	case "json":
		enc := json.NewEncoder(a.Out)
		enc.SetIndent("", "  ")
		return enc.Encode(status)
	case "text":
	default:
		return usageError(fmt.Errorf("unknown output %q: use text or json", output))
	}
	if !running {
		fmt.Fprintf(a.Out, "not running (%s)\n", folder.dir)
		return nil
	}
	word := "ready"
	if !state.Ready {
		word = "starting: " + state.Step
	}
	fmt.Fprintf(a.Out, "%s at %s, Kubernetes %s, process %d, up %s\nkubeconfig: %s\n", word, status.Server, status.Version, status.PID, status.Uptime, status.Kubeconfig)
	return nil
}
