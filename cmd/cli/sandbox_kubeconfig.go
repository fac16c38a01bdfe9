package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

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
