package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

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
