package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
)

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
			switch {
			case err != nil:
				return err
			case was:
				fmt.Fprintln(a.Err, "the sandbox is stopped; start goes on where it was")
			default:
				fmt.Fprintln(a.Err, "the sandbox is not running")
			}
			return nil
		},
	}
}

// stopTimeout is how long the components may take to end.
const stopTimeout = time.Minute

// stopSandbox ends the process that holds the folder, and waits until it is gone.
// It tells whether there was one.
func stopSandbox(ctx context.Context, folder sandboxFolder) (was bool, err error) {
	pid, err := folder.holder()
	if err != nil || pid == 0 {
		return false, err
	}
	if err := folder.terminate(pid); err != nil {
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
			return true, withHint(fmt.Errorf("process %d has not ended: %w", pid, ctx.Err()),
				fmt.Sprintf("the state is safe from a kill: kill -9 %d", pid))
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
			return runSandboxDelete(cmd.Context(), a, folder)
		},
	}
}

func runSandboxDelete(ctx context.Context, a *app, folder sandboxFolder) error {
	if _, err := os.Lstat(folder.dir); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintln(a.Err, "there is no such sandbox")
		return nil
	}
	if err := folder.check(); err != nil {
		return fmt.Errorf("%w: nothing was deleted", err)
	}
	if _, err := stopSandbox(ctx, folder); err != nil {
		return err
	}
	if err := os.RemoveAll(folder.dir); err != nil {
		return err
	}
	fmt.Fprintln(a.Err, "the sandbox is deleted")
	return nil
}
