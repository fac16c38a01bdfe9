// Package sandbox starts sandboxes for the programs that compare gantry with others
// on a real API server.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Sandbox is one that runs.
type Sandbox struct {
	// Kubeconfig is the file for commands, and Config what it says.
	Kubeconfig string
	Config     *rest.Config

	gantry, dir string
}

// Start starts a sandbox in a folder of its own; args are flags of gantry sandbox
// start.
func Start(ctx context.Context, gantry string, args ...string) (*Sandbox, error) {
	dir, err := os.MkdirTemp("", "gantry-sandbox-")
	if err != nil {
		return nil, err
	}
	s := &Sandbox{Kubeconfig: filepath.Join(dir, "kubeconfig"), gantry: gantry, dir: dir}
	if err := s.run(ctx, "start", args...); err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	if s.Config, err = clientcmd.BuildConfigFromFlags("", s.Kubeconfig); err != nil {
		return nil, errors.Join(err, s.Delete(ctx))
	}
	s.Config.QPS = -1 // the server knows best how much it can take
	s.Config.WarningHandler = rest.NoWarnings{}
	return s, nil
}

// Delete ends the sandbox, however ctx has ended, and deletes what it held.
func (s *Sandbox) Delete(ctx context.Context) error {
	return s.run(context.WithoutCancel(ctx), "delete")
}

func (s *Sandbox) run(ctx context.Context, verb string, args ...string) error {
	c := exec.CommandContext(ctx, s.gantry, append([]string{"sandbox", verb, "--dir", s.dir}, args...)...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("gantry sandbox %s: %w\n%s", verb, err, out)
	}
	return nil
}
