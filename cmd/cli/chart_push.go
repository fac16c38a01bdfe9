package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/repo/client"
)

func newChartPush(a *app) *cobra.Command {
	var o pushOptions
	c := &cobra.Command{
		Use:   "push CHART REPOSITORY",
		Short: "Publish a chart to a repository",
		Long: `Push publishes a packed chart, with the signature (.prov) that lies beside it, or
packs a folder and publishes that. The repository is the name of a configured one
or a URL, which must take uploads as gantry repo serve and ChartMuseum do, or a path
of an OCI registry: oci://HOST/PATH gets PATH/NAME:VERSION. What is published stays
as it is: another content needs another version.

` + exitCodesHelp,
		Example: `  gantry chart push web-1.0.0.tgz local
  gantry chart push ./web http://127.0.0.1:8879
  gantry chart push ./web oci://registry.example.org/charts`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runChartPush(cmd.Context(), a, args[0], args[1], &o)
		},
		ValidArgsFunction: a.completeRepositories(1, 1),
	}
	c.Flags().BoolVar(&o.force, "force", false, "replace the version, where the repository allows it")
	c.Flags().BoolVar(&o.plainHTTP, "plain-http", false, "talk to an OCI registry without TLS")
	return c
}

type pushOptions struct {
	force     bool
	plainHTTP bool
}

func runChartPush(ctx context.Context, a *app, path, repository string, o *pushOptions) error {
	c := a.repoClient(client.WithPlainHTTP(o.plainHTTP))
	var target client.Repository
	oci := strings.HasPrefix(repository, "oci://")
	if !oci {
		var err error
		if target, err = pushTarget(c, repository); err != nil {
			return repoError(err)
		}
	}
	loaded, err := archive.Load(path)
	if at, ok := errors.AsType[*archive.Error](err); ok {
		return diag.List{at.Diagnostic()}.Err()
	}
	if err != nil {
		return repoError(err)
	}
	file, done, err := packed(path, loaded)
	if err != nil {
		return err
	}
	defer done()
	if oci {
		ref, digest, err := c.PushOCI(ctx, repository, file, o.force)
		if _, ok := errors.AsType[*client.PublishedError](err); ok {
			return withHint(err, "publish the change as a new version; see: gantry chart bump")
		}
		if err != nil {
			return repoError(err)
		}
		fmt.Fprintf(a.Out, "pushed %s %s\n", ref, digest)
		return nil
	}
	if err := c.Push(ctx, target, file, o.force); err != nil {
		return repoError(err)
	}
	fmt.Fprintf(a.Out, "pushed %s %s to %s\n", loaded.Name(), loaded.Metadata.Version, repository)
	return nil
}

// packed returns the archive of a chart: the one that was given, or one made of
// the folder that was given, until done is called.
func packed(path string, c *chart.Chart) (file string, done func(), err error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "gantry-push-*")
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = os.RemoveAll(dir) }
	file = filepath.Join(dir, archive.FileName(c.Metadata))
	out, err := os.Create(file)
	if err == nil {
		err = errors.Join(archive.Pack(out, c), out.Close())
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return file, done, nil
}

// pushTarget is a configured repository, or one that a URL names.
func pushTarget(c *client.Client, repository string) (client.Repository, error) {
	if !strings.Contains(repository, "://") {
		return c.Repository(repository)
	}
	all, err := c.Repositories()
	if err != nil {
		return client.Repository{}, err
	}
	for _, r := range all {
		if strings.TrimSuffix(r.URL, "/") == strings.TrimSuffix(repository, "/") {
			return r, nil // with its credentials
		}
	}
	return client.Repository{URL: repository}, nil
}
