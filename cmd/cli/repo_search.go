package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"gantry/repo"
	"gantry/repo/client"
)

type repoSearchOptions struct {
	words    []string
	version  string
	versions bool
	devel    bool
	output   string
}

func newRepoSearch(a *app) *cobra.Command {
	var o repoSearchOptions
	c := &cobra.Command{
		Use:   "search [WORD...]",
		Short: "Search the charts of the configured repositories",
		Long: `Search looks through the cached indexes, without the network, for charts that
have all the words in their name, description or keywords. Without a word it
lists everything.`,
		Example: `  gantry repo search
  gantry repo search web --versions
  gantry repo search web --version '^1.2' -o json`,
		RunE: func(_ *cobra.Command, args []string) error {
			o.words = args
			return runRepoSearch(a, &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.version, "version", "", "version, or constraint such as ^1.2")
	f.BoolVar(&o.versions, "versions", false, "list every version and not only the newest")
	f.BoolVar(&o.devel, "devel", false, "list pre-releases, too")
	bindOutput(c, &o.output)
	return c
}

// searchRow is a chart that was found, with the names that Helm gives its
// fields.
type searchRow struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	AppVersion  string `json:"app_version"`
	Description string `json:"description"`
}

func runRepoSearch(a *app, o *repoSearchOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.devel && o.version == "" {
		o.version = repo.Development
	}
	c := a.repoClient()
	all, err := c.Repositories()
	if err != nil {
		return err
	}
	rows := []searchRow{}
	for _, r := range all {
		found, skipped, err := o.search(c, r.Name)
		if _, ok := errors.AsType[*repo.ConstraintError](err); ok {
			return repoError(err)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = errors.New("its index was never fetched")
		}
		if err != nil {
			fmt.Fprintf(a.Err, "%s is left out: %v; fetch its index with: gantry repo update %s\n", r.Name, err, r.Name)
			continue
		}
		if skipped > 0 {
			fmt.Fprintf(a.Err, "%s: %s left out, for nobody could install them\n", r.Name, countOf(skipped, "version"))
		}
		rows = append(rows, found...)
	}
	l := listing{header: []string{"NAME", "VERSION", "APP VERSION", "DESCRIPTION"}, values: rows, empty: "no chart was found; fetch the newest indexes with: gantry repo update"}
	for _, r := range rows {
		l.rows = append(l.rows, []string{r.Name, r.Version, r.AppVersion, shorten(r.Description, 60)})
	}
	return a.list(o.output, l)
}

// search looks through the cached index of a repository. For the newest releases
// there is a shorter way than to read all of it.
func (o *repoSearchOptions) search(c *client.Client, repository string) (rows []searchRow, skipped int, err error) {
	if o.version == "" && !o.versions {
		newest, err := c.Newest(repository)
		for _, s := range newest.Charts {
			if o.matches(repository, s.Name, s.Description, s.Keywords) {
				rows = append(rows, searchRow{repository + "/" + s.Name, s.Version, s.AppVersion, s.Description})
			}
		}
		return rows, newest.Skipped, err
	}
	index, list, err := c.Cached(repository)
	if err != nil {
		return nil, 0, err
	}
	for _, name := range index.Names() {
		chosen, err := o.choose(index.Entries[name])
		if err != nil {
			return nil, 0, err
		}
		if len(chosen) == 0 || !o.matches(repository, name, chosen[0].Description, chosen[0].Keywords) {
			continue
		}
		for _, e := range chosen {
			rows = append(rows, searchRow{repository + "/" + e.Name, e.Version, e.AppVersion, e.Description})
		}
	}
	return rows, len(list), nil
}

// matches reports whether a chart has all the words.
func (o *repoSearchOptions) matches(repository, name, description string, keywords []string) bool {
	text := strings.ToLower(strings.Join(append([]string{repository + "/" + name, description}, keywords...), "\n"))
	for _, word := range o.words {
		if !strings.Contains(text, strings.ToLower(word)) {
			return false
		}
	}
	return true
}

// choose returns the versions to list: those that meet the constraint, and of
// them the newest unless all were asked for.
func (o *repoSearchOptions) choose(entries []*repo.Entry) ([]*repo.Entry, error) {
	var chosen []*repo.Entry
	for len(entries) > 0 {
		versions := make([]string, len(entries))
		for i, e := range entries {
			versions[i] = e.Version
		}
		i, err := repo.Choose(versions, o.version)
		if err != nil || i < 0 {
			return chosen, err
		}
		chosen = append(chosen, entries[i])
		if !o.versions {
			return chosen, nil
		}
		entries = entries[i+1:]
	}
	return chosen, nil
}
