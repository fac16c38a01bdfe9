package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gantry/repo/client"
)

// newRegistry gathers the commands for the passwords of OCI registries.
func newRegistry(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "registry",
		Short: "Log in to OCI registries, and out of them",
		Long: `Passwords lie where Helm keeps them: in the credential helper of this machine, or in
registry/config.json below Helm's configuration. What one tool logs in to, the other
may use.`,
		Example: `  gantry registry login registry.example.org --username ci`,
	}
	c.AddCommand(newRegistryLogin(a), newRegistryLogout(a))
	return c
}

func newRegistryLogin(a *app) *cobra.Command {
	var (
		o         repoAddOptions
		plainHTTP bool
	)
	c := &cobra.Command{
		Use:   "login HOST",
		Short: "Log in to an OCI registry",
		Long: `Login checks a user and a password with a registry and keeps them. The password is
asked for at the terminal, or read from standard input.

` + exitCodesHelp,
		Example: `  gantry registry login registry.example.org --username ci --password-stdin < pass.txt`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runRegistryLogin(cmd.Context(), a, args[0], &o, plainHTTP)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.Username, "username", "u", "", "user to log in with")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	f.BoolVar(&plainHTTP, "plain-http", false, "talk to the registry without TLS")
	return c
}

func runRegistryLogin(ctx context.Context, a *app, host string, o *repoAddOptions, plainHTTP bool) error {
	if o.Username == "" {
		return usageError(errors.New("name the user with --username"))
	}
	if err := o.readPassword(ctx, a); err != nil {
		return err
	}
	if err := a.repoClient(client.WithPlainHTTP(plainHTTP)).Login(ctx, host, o.Username, o.Password); err != nil {
		return repoError(err)
	}
	fmt.Fprintf(a.Out, "logged in to %s as %s\n", host, o.Username)
	return nil
}

func newRegistryLogout(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "logout HOST",
		Short: "Forget the password of an OCI registry",
		Long: `Logout forgets what login has kept.

` + exitCodesHelp,
		Example: `  gantry registry logout registry.example.org`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.repoClient().Logout(cmd.Context(), args[0]); err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "logged out of %s\n", args[0])
			return nil
		},
	}
}
