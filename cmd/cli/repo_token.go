package cli

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// newRepoToken gathers the commands for tokens.
func newRepoToken(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Give out and revoke tokens for a repository of yours",
		Long: `A token lets somebody into a repository that is served with --tokens. The
commands work on the store itself, whether a server runs or not. The store keeps
no secrets, only their hashes.`,
	}
	c.AddCommand(newRepoTokenCreate(a), newRepoTokenList(a), newRepoTokenRevoke(a))
	return c
}

type repoTokenCreateOptions struct {
	ownStore

	name    string
	scopes  []string
	expires string
}

func newRepoTokenCreate(a *app) *cobra.Command {
	var o repoTokenCreateOptions
	c := &cobra.Command{
		Use:   "create NAME",
		Short: "Make a token and print it, this once",
		Long: `Create makes a token and prints it. Nobody can see it again. The name says whose it
is, and is what logs show.

A scope is read, push or delete, for all charts or for those whose names match a
pattern: push:team-*. The scope admin allows everything, and opens the pages on which
administrators make tokens and read the audit log. Clients give the token in place of a password, with any user.`,
		Example: `  gantry repo token create ci --dir charts --scope read --scope push:team-* --expires 90d
  gantry repo token create mirror --store s3://my-charts/stable --scope read > token.txt
  gantry repo add local http://127.0.0.1:8879 --username ci --password-stdin < token.txt`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = args[0]
			return runRepoTokenCreate(cmd.Context(), a, &o)
		},
	}
	o.bind(c)
	c.Flags().StringSliceVar(&o.scopes, "scope", []string{"read"}, "what the token allows: read, push or delete, with :PATTERN for some charts alone, or admin")
	c.Flags().StringVar(&o.expires, "expires", "", "how long the token is good, such as 12h or 90d (default: until it is revoked)")
	return c
}

func runRepoTokenCreate(ctx context.Context, a *app, o *repoTokenCreateOptions) error {
	request := server.Token{Name: strings.TrimSpace(o.name)}
	for _, text := range o.scopes {
		scope, err := server.ParseScope(text)
		if err != nil {
			return usageError(err)
		}
		request.Scopes = append(request.Scopes, scope)
	}
	if err := request.Validate(); err != nil {
		return usageError(err)
	}
	now := a.Now()
	if o.expires != "" {
		lasts, err := parseDays(o.expires)
		if err != nil {
			return usageError(err)
		}
		request.Expires = now.Add(lasts).UTC()
	}
	store, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	t, secret, err := a.operator(store).CreateToken(ctx, request)
	if secret != "" {
		fmt.Fprintln(a.Out, string(secret))
		fmt.Fprintf(a.Err, "made token %s for %s; keep it, for it is not shown again\n", t.ID, t.Name)
	}
	return err
}

// operator is who works at this command line, as the system knows it.
func (a *app) operator(store blob.Store) server.Operator {
	o := server.Operator{Store: store, From: "command line", Now: a.Now}
	if who, err := user.Current(); err == nil {
		o.User = who.Username
	}
	return o
}

// parseDays reads a duration, in days too.
func parseDays(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration such as 12h or 90d", text)
	}
	return d, nil
}

type repoTokenListOptions struct {
	ownStore

	output string
}

func newRepoTokenList(a *app) *cobra.Command {
	var o repoTokenListOptions
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the tokens of a repository, without their secrets",
		Example: `  gantry repo token list --dir charts
  gantry repo token list --store s3://my-charts/stable -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRepoTokenList(cmd.Context(), a, &o) },
	}
	o.bind(c)
	bindOutput(c, &o.output)
	return c
}

// tokenRow is a token as it is listed.
type tokenRow struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Scopes  []string   `json:"scopes"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	Status  string     `json:"status"`
}

func runRepoTokenList(ctx context.Context, a *app, o *repoTokenListOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	store, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	tokens, err := server.Tokens(ctx, store)
	if err != nil {
		return err
	}
	rows := []tokenRow{}
	l := listing{header: []string{"ID", "NAME", "SCOPES", "CREATED", "EXPIRES", "STATUS"}, empty: "there are no tokens; make one with: gantry repo token create NAME"}
	for _, t := range tokens {
		row := tokenRow{ID: t.ID, Name: t.Name, Scopes: []string{}, Created: t.Created, Status: "active"}
		for _, scope := range t.Scopes {
			row.Scopes = append(row.Scopes, scope.String())
		}
		expires := "never"
		if !t.Expires.IsZero() {
			row.Expires, expires = &t.Expires, t.Expires.Format(time.DateTime)
		}
		if ended := t.Ended(a.Now()); ended != "" {
			row.Status = ended
		}
		rows = append(rows, row)
		l.rows = append(l.rows, []string{t.ID, t.Name, strings.Join(row.Scopes, " "), t.Created.Format(time.DateTime), expires, row.Status})
	}
	l.values = rows
	return a.list(o.output, l)
}

func newRepoTokenRevoke(a *app) *cobra.Command {
	var o ownStore
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a token",
		Long: `Revoke ends a token. Servers that have just seen it take it for ten seconds more.
It stays in the list. The audit page tells of it, and of who made it.`,
		Example: "  gantry repo token revoke 7kq2m5xw3a --dir charts",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			store, err := o.open(cmd.Context(), a)
			if err != nil {
				return err
			}
			defer store.Close()
			t, err := a.operator(store).RevokeToken(cmd.Context(), args[0])
			if errors.Is(err, server.ErrNoToken) {
				return notFoundError(withHint(err, "see the tokens with: gantry repo token list"))
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Out, "revoked token %s of %s\n", t.ID, t.Name)
			return nil
		},
	}
	o.bind(c)
	return c
}
