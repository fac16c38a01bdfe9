package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/repo/server"
	"gantry/repo/users"
)

// newRepoUser gathers the commands for a file of users.
func newRepoUser(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "user",
		Short: "Keep the file of users of a repository of yours",
		Long: `A user gets into a repository that is served with --users and the same file, by a
password. The file has a line for each, NAME:HASH:SCOPE,SCOPE, which htpasswd -B reads
and writes as well; who has no scopes may read. Servers read it again when it changes.
It has no passwords, only their hashes.`,
	}
	c.AddCommand(newRepoUserSet(a), newRepoUserList(a), newRepoUserRemove(a))
	return c
}

// userFile is the file that a command is about.
type userFile struct {
	name string
}

func (o *userFile) bind(c *cobra.Command) {
	c.Flags().StringVar(&o.name, "users", "", "file of users")
	_ = c.MarkFlagFilename("users")
}

func (o *userFile) read() (*users.File, error) {
	if o.name == "" {
		return nil, usageError(errors.New("name the file with --users"))
	}
	f, err := users.Read(o.name)
	return f, usersError(err)
}

// usersError says what to type where there is no file of users.
func usersError(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return notFoundError(withHint(fmt.Errorf("read the file of users: %w", err), "make it with: gantry repo user set NAME --users FILE"))
	}
	return err
}

// completeUsers completes the name of a user of the file.
func (o *userFile) completeUsers(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	f, err := users.Read(o.name)
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, u := range f.Users() {
		names = append(names, cobra.CompletionWithDesc(u.Name, scopeWords(u.Scopes)))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func scopeWords(scopes []server.Scope) string { return strings.Join(server.ShortScopes(scopes), " ") }

func (o *userFile) missing(f *users.File, name string) error {
	var names []string
	for _, u := range f.Users() {
		names = append(names, u.Name)
	}
	hint := "see the users with: gantry repo user list"
	if near := diag.Nearest(name, names); len(near) > 0 {
		hint = "did you mean " + near[0] + "?"
	}
	return notFoundError(withHint(fmt.Errorf("%s has no user %q", o.name, name), hint))
}

type repoUserSetOptions struct {
	userFile

	user          string
	scopes        []string
	passwordStdin bool
	keepPassword  bool
}

func newRepoUserSet(a *app) *cobra.Command {
	var o repoUserSetOptions
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "Add a user, or give one another password or other scopes",
		Long: `Set writes a user to the file, which is made when there is none and which its owner
alone may read. The password is asked for at the terminal, or read from standard input.

A scope is read, push or delete, for all charts or for those whose names match a
pattern: push:team-*. The scope admin allows everything, and opens the pages of
administrators. A new user may read unless --scope says otherwise, and one who is there
keeps what there is. Comments and the other users stay as they are.`,
		Example: `  gantry repo user set ana --users users.txt
  gantry repo user set ci --users users.txt --scope read --scope push:team-* --password-stdin < pass.txt
  gantry repo user set ana --users users.txt --scope admin --keep-password`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.user = args[0]
			return runRepoUserSet(cmd.Context(), a, &o)
		},
		ValidArgsFunction: o.completeUsers,
	}
	o.bind(c)
	f := c.Flags()
	f.StringSliceVar(&o.scopes, "scope", nil, "what the user may do: read, push or delete, with :PATTERN for some charts alone, or admin")
	f.BoolVar(&o.passwordStdin, "password-stdin", false, "read the password from standard input")
	f.BoolVar(&o.keepPassword, "keep-password", false, "change the scopes of a user alone")
	return c
}

// checkScopes returns nil where none is named.
func (o *repoUserSetOptions) checkScopes() (scopes []server.Scope, err error) {
	for _, text := range o.scopes {
		scope, err := server.ParseScope(text)
		if err != nil {
			return nil, usageError(err)
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

func runRepoUserSet(ctx context.Context, a *app, o *repoUserSetOptions) error {
	scopes, err := o.checkScopes()
	if err != nil {
		return err
	}
	if err := users.CheckName(o.user); err != nil {
		return usageError(err)
	}
	if o.keepPassword && (o.passwordStdin || len(scopes) == 0) {
		return usageError(errors.New("--keep-password goes with --scope, and not with --password-stdin"))
	}
	// It is read before the password is asked for, which would be typed in vain.
	f, err := o.read()
	if errors.Is(err, fs.ErrNotExist) {
		f, err = users.Parse(o.name, nil)
	}
	if err != nil {
		return err
	}
	u, there := f.Find(o.user)
	switch {
	case len(scopes) > 0:
		u.Scopes = scopes
	case !there:
		u.Scopes = users.DefaultScopes()
	}
	if o.keepPassword && !there {
		return o.missing(f, o.user)
	}
	if !o.keepPassword {
		password, err := a.readNewPassword(ctx, o.passwordStdin)
		if err != nil {
			return err
		}
		if u, err = users.New(o.user, password, u.Scopes); err != nil {
			return usageError(err)
		}
	}
	return o.save(ctx, a, u)
}

// save reads the file again, for somebody else may have written it while the password
// was typed.
func (o *repoUserSetOptions) save(ctx context.Context, a *app, u users.User) error {
	done := "added"
	err := users.Change(ctx, o.name, func(f *users.File) error {
		if _, there := f.Find(u.Name); there {
			done = "changed"
		}
		f.Set(u)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "%s %s, who may: %s\n", done, u.Name, scopeWords(u.Scopes))
	return nil
}

// maxPasswordText is what is read of a password.
const maxPasswordText = 64 << 10

// readPassword reads a password from standard input, or asks for it.
func (a *app) readPassword(ctx context.Context, stdin bool, prompt string) (string, error) {
	if stdin {
		text, err := io.ReadAll(io.LimitReader(a.In, maxPasswordText))
		return strings.TrimRight(string(text), "\r\n"), err
	}
	terminal, ok := a.In.(*os.File)
	if !ok || !isTerminal(terminal) {
		return "", usageError(errors.New("there is no terminal to ask for the password: use --password-stdin"))
	}
	text, err := readHidden(ctx, a.Err, terminal, prompt)
	return string(text), err
}

// readNewPassword asks twice, for nobody sees what is typed.
func (a *app) readNewPassword(ctx context.Context, stdin bool) (string, error) {
	password, err := a.readPassword(ctx, stdin, "Password: ")
	if err != nil || stdin {
		return password, err
	}
	again, err := a.readPassword(ctx, stdin, "Password again: ")
	if err == nil && again != password {
		err = errors.New("the two passwords are not the same; nothing was changed")
	}
	return password, err
}

type repoUserListOptions struct {
	userFile

	output string
}

func newRepoUserList(a *app) *cobra.Command {
	var o repoUserListOptions
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the users of a file, without their hashes",
		Example: `  gantry repo user list --users users.txt
  gantry repo user list --users users.txt -o json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return runRepoUserList(a, &o) },
	}
	o.bind(c)
	bindOutput(c, &o.output)
	return c
}

// userRow is a user as listed.
type userRow struct {
	Name   string   `json:"name"`
	Scopes []string `json:"scopes"`
	// Cost is that of bcrypt: each one more makes guessing twice as slow.
	Cost int `json:"cost"`
}

func runRepoUserList(a *app, o *repoUserListOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	f, err := o.read()
	if err != nil {
		return err
	}
	rows := []userRow{}
	l := listing{header: []string{"NAME", "SCOPES", "COST"}, empty: "there are no users; add one with: gantry repo user set NAME"}
	for _, u := range f.Users() {
		row := userRow{Name: u.Name, Scopes: []string{}, Cost: u.Cost}
		for _, scope := range u.Scopes {
			row.Scopes = append(row.Scopes, scope.String())
		}
		rows = append(rows, row)
		l.rows = append(l.rows, []string{u.Name, strings.Join(row.Scopes, " "), strconv.Itoa(u.Cost)})
	}
	l.values = rows
	return a.list(o.output, l)
}

func newRepoUserRemove(a *app) *cobra.Command {
	var o userFile
	c := &cobra.Command{
		Use:     "remove NAME",
		Aliases: []string{"rm"},
		Short:   "Take a user out of a file",
		Long: `Remove takes the line of a user out of the file. Servers that read the file let the
user in for a second more.`,
		Example: "  gantry repo user remove ana --users users.txt",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := o.read(); err != nil {
				return err
			}
			err := users.Change(cmd.Context(), o.name, func(f *users.File) error {
				if !f.Remove(args[0]) {
					return o.missing(f, args[0])
				}
				return nil
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "removed %s\n", args[0])
			return nil
		},
		ValidArgsFunction: o.completeUsers,
	}
	o.bind(c)
	return c
}
