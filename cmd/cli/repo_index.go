package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/repo"
	"gantry/repo/client"
)

type repoIndexOptions struct {
	dir, url, merge string
	json            bool
}

func newRepoIndex(a *app) *cobra.Command {
	var o repoIndexOptions
	c := &cobra.Command{
		Use:   "index DIR",
		Short: "Write the index of a folder of charts, for any web server",
		Long: `Index writes index.yaml into a folder of packed charts, so that a web server can
serve the folder as a repository. The same folder gives the same index.

A folder that gantry repo serve serves needs no such file.`,
		Example: `  gantry repo index public
  gantry repo index public --url https://charts.example.org --merge old-index.yaml`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.dir = args[0]
			return runRepoIndex(cmd.Context(), a, &o)
		},
	}
	f := c.Flags()
	f.StringVar(&o.url, "url", "", "URL that the charts will be at; without it they are beside the index")
	f.StringVar(&o.merge, "merge", "", "index whose versions to keep")
	f.BoolVar(&o.json, "json", false, "write JSON, which Helm reads faster")
	return c
}

func runRepoIndex(ctx context.Context, a *app, o *repoIndexOptions) error {
	index, list, err := client.IndexDirectory(ctx, o.dir, o.url)
	if err != nil {
		return repoError(withHint(fmt.Errorf("read %s: %w", o.dir, err), "name the folder that holds the archives"))
	}
	if o.merge != "" {
		data, err := os.ReadFile(o.merge)
		if err != nil {
			return repoError(err)
		}
		old, more, err := repo.Parse(o.merge, data)
		if err != nil {
			return &exitError{exitInput, fmt.Errorf("%s: %w", o.merge, err)}
		}
		list = append(list, more...)
		index.Merge(old)
	}
	a.printDiagnostics(a.Err, nil, list)
	encode := index.YAML
	if o.json {
		encode = index.JSON
	}
	text, err := encode()
	if err != nil {
		return err
	}
	target := filepath.Join(o.dir, "index.yaml")
	if err := archive.WriteFile(target, text); err != nil {
		return err
	}
	versions := 0
	for _, entries := range index.Entries {
		versions += len(entries)
	}
	fmt.Fprintf(a.Out, "wrote %s: %s of %s\n", target, countOf(versions, "version"), countOf(len(index.Entries), "chart"))
	return nil
}
