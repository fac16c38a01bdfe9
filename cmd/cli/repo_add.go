package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"gantry/repo/client"
)

type repoAddOptions struct {
	client.Repository

	passwordStdin bool
	forceUpdate   bool
}

func newRepoAdd(a *app) *cobra.Command {
	var o repoAddOptions
	c := &cobra.Command{
		Use:   "add NAME URL",
		Short: "Add a chart repository",
		Long: `Add fetches the index of a repository and remembers the repository under a name,
in Helm's repositories.yaml.

` + exitCodesHelp,
		Example: `  gantry repo add local http://127.0.0.1:8879
  gantry repo add team https://charts.example.org --username ci --password-stdin < pass.txt`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.Name, o.URL = args[0], args[1]
			return runRepoAdd(cmd.Context(), a, &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.Username, "username", "", "user to log in with; the password is asked for")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	f.StringVar(&o.CAFile, "ca-file", "", "CA certificates to trust")
	f.StringVar(&o.CertFile, "cert-file", "", "certificate of this client")
	f.StringVar(&o.KeyFile, "key-file", "", "key of the certificate")
	f.BoolVar(&o.InsecureSkipTLSVerify, "insecure-skip-tls-verify", false, "trust whoever answers")
	f.BoolVar(&o.PassCredentialsAll, "pass-credentials", false, "send the password to every host that the index names")
	f.BoolVar(&o.forceUpdate, "force-update", false, "replace a repository of that name")
	return c
}

func runRepoAdd(ctx context.Context, a *app, o *repoAddOptions) error {
	if err := client.CheckName(o.Name); err != nil {
		return usageError(err)
	}
	if err := o.readPassword(ctx, a); err != nil {
		return err
	}
	c := a.repoClient()
	all, err := c.Repositories()
	if err != nil {
		return err
	}
	if err := o.mayAdd(all); err != nil {
		return err
	}
	index, _, err := c.Update(ctx, o.Repository)
	if err != nil {
		return repoError(err)
	}
	err = c.Configure(ctx, func(all []client.Repository) ([]client.Repository, error) {
		// Somebody else may have added one meanwhile.
		if err := o.mayAdd(all); err != nil {
			return nil, err
		}
		if i := o.place(all); i >= 0 {
			all[i] = o.Repository
			return all, nil
		}
		return append(all, o.Repository), nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "added %s (%s)\n", o.Name, countOf(len(index.Entries), "chart"))
	return nil
}

func (o *repoAddOptions) place(all []client.Repository) int {
	return slices.IndexFunc(all, func(r client.Repository) bool { return r.Name == o.Name })
}

// mayAdd takes the same repository twice, but not another one of that name.
func (o *repoAddOptions) mayAdd(all []client.Repository) error {
	i := o.place(all)
	if i < 0 || o.forceUpdate || all[i] == o.Repository {
		return nil
	}
	return withHint(
		fmt.Errorf("a repository %q is configured already, with another URL or other credentials", o.Name),
		"choose another name, or replace it with --force-update")
}

func (o *repoAddOptions) readPassword(ctx context.Context, a *app) (err error) {
	switch {
	case o.Username == "" && o.passwordStdin:
		return usageError(errors.New("--password-stdin means something only with --username"))
	case o.Username == "":
		return nil
	}
	o.Password, err = a.readPassword(ctx, o.passwordStdin, "Password: ")
	return err
}
