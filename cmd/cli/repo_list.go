package cli

import (
	"net/url"

	"github.com/spf13/cobra"
)

// repoRow is a configured repository, without what must stay secret.
type repoRow struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

func newRepoList(a *app) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the repositories that are configured",
		Example: "  gantry repo list\n  gantry repo list -o json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runRepoList(a, output) },
	}
	bindOutput(c, &output)
	return c
}

func runRepoList(a *app, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	all, err := a.repoClient().Repositories()
	if err != nil {
		return err
	}
	values := []repoRow{}
	l := listing{header: []string{"NAME", "URL"}, empty: "no repository is configured; add one with: gantry repo add NAME URL"}
	for _, r := range all {
		shown := r.URL
		if u, err := url.Parse(r.URL); err == nil {
			shown = u.Redacted()
		}
		values = append(values, repoRow{r.Name, shown})
		l.rows = append(l.rows, []string{r.Name, shown})
	}
	l.values = values
	return a.list(output, l)
}
