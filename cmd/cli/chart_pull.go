package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/repo/client"
)

type chartPullOptions struct {
	version   string
	dir       string
	untar     bool
	prov      bool
	plainHTTP bool
}

func newChartPull(a *app) *cobra.Command {
	var o chartPullOptions
	c := &cobra.Command{
		Use:   "pull CHART",
		Short: "Download a chart",
		Long: `Pull downloads a chart and checks it against the digest of the index. The chart is
REPOSITORY/CHART of a configured repository, oci://HOST/PATH, or the URL of an
archive.

` + exitCodesHelp,
		Example: `  gantry chart pull local/web
  gantry chart pull local/web --version '^1.2' -d charts --untar
  gantry chart pull oci://registry.example.org/team/web --version 1.2.3`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runChartPull(cmd.Context(), a, args[0], &o) },
	}
	f := c.Flags()
	f.StringVar(&o.version, "version", "", "version, or constraint such as ^1.2 (default: the newest release)")
	f.StringVarP(&o.dir, "directory", "d", ".", "folder to put the chart into")
	f.BoolVar(&o.untar, "untar", false, "unpack the chart into a folder of its name")
	f.BoolVar(&o.prov, "prov", false, "download the signature (.prov), too")
	f.BoolVar(&o.plainHTTP, "plain-http", false, "talk to an OCI registry without TLS")
	_ = c.MarkFlagDirname("directory")
	return c
}

func runChartPull(ctx context.Context, a *app, ref string, o *chartPullOptions) error {
	c := a.repoClient(client.WithPlainHTTP(o.plainHTTP))
	found, err := c.Find(ctx, ref, o.version)
	if err != nil {
		return repoError(err)
	}
	if o.untar {
		return o.unpack(ctx, a, c, found)
	}
	file, err := c.Download(ctx, found, o.dir)
	if err != nil {
		return repoError(err)
	}
	fmt.Fprintln(a.Out, file)
	if !o.prov {
		return nil
	}
	signature, err := c.DownloadProvenance(ctx, found, file)
	if err != nil {
		return repoError(err)
	}
	fmt.Fprintln(a.Out, signature)
	return nil
}

// unpack writes the files of a chart to a folder that is not there yet: all of
// them or none.
func (o *chartPullOptions) unpack(ctx context.Context, a *app, c *client.Client, found client.Chart) error {
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(o.dir, ".gantry-pull-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	file, err := c.Download(ctx, found, temp)
	if err != nil {
		return repoError(err)
	}
	chart, err := archive.Load(file)
	if err != nil {
		return err
	}
	target := filepath.Join(o.dir, chart.Name())
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s is there already", target), "remove it, or choose another folder with --directory")
	}
	fresh := filepath.Join(temp, chart.Name())
	for _, f := range chart.Raw {
		name := filepath.Join(fresh, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	if err := os.Rename(fresh, target); err != nil {
		return err
	}
	fmt.Fprintln(a.Out, target)
	return nil
}
