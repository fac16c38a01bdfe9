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
	"gantry/charts/diag"
	"gantry/charts/provenance"
	"gantry/repo/client"
)

type chartPullOptions struct {
	version   string
	dir       string
	untar     bool
	prov      bool
	verify    bool
	keyring   keyringOptions
	plainHTTP bool
}

func newChartPull(a *app) *cobra.Command {
	var o chartPullOptions
	c := &cobra.Command{
		Use:   "pull CHART",
		Short: "Download a chart",
		Long: `Pull downloads a chart and checks it against the digest of the index. The chart is
REPOSITORY/CHART of a configured repository, oci://HOST/PATH, or the URL of an
archive. With --verify it keeps nothing that no key of the keyring has signed.

` + exitCodesHelp,
		Example: `  gantry chart pull local/web
  gantry chart pull local/web --version '^1.2' -d charts --untar
  gantry chart pull oci://registry.example.org/team/web --version 1.2.3
  gantry chart pull local/web@1.2.3 --verify --keyring trusted.gpg`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runChartPull(cmd.Context(), a, args[0], &o) },
	}
	f := c.Flags()
	f.StringVar(&o.version, "version", "", "version, or constraint such as ^1.2 (default: the newest release)")
	f.StringVarP(&o.dir, "directory", "d", ".", "folder to put the chart into")
	f.BoolVar(&o.untar, "untar", false, "unpack the chart into a folder of its name")
	f.BoolVar(&o.prov, "prov", false, "download the signature (.prov), too")
	f.BoolVar(&o.verify, "verify", false, "check who signed the chart; implies --prov")
	o.keyring.bind(c)
	f.BoolVar(&o.plainHTTP, "plain-http", false, "talk to an OCI registry without TLS")
	_ = c.MarkFlagDirname("directory")
	return c
}

func runChartPull(ctx context.Context, a *app, ref string, o *chartPullOptions) error {
	ref, version, err := atVersion(ref, o.version)
	if err != nil {
		return err
	}
	var keyring *provenance.Keyring
	if o.verify {
		if keyring, err = a.readKeyring(&o.keyring); err != nil {
			return err
		}
	}
	c := a.repoClient(client.WithPlainHTTP(o.plainHTTP))
	found, err := c.Find(ctx, ref, version)
	if err != nil {
		return repoError(err)
	}
	// Nothing is in its place before all of it is right, and who is killed meanwhile
	// leaves nothing there.
	temp, err := os.MkdirTemp("", "gantry-pull-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	files, err := o.download(ctx, c, found, temp)
	if err != nil {
		return err
	}
	if keyring != nil {
		v, err := a.verifyFile(files[0], keyring)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.Err, "%s is signed by %s with the key %s\n", v.File, diag.Printable(v.Signer), v.Fingerprint)
	}
	return o.place(a, files)
}

// place brings what was fetched to where it belongs: all of a file, or none of it.
func (o *chartPullOptions) place(a *app, files []string) error {
	if o.untar {
		return o.unpack(a, files[0])
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		target := filepath.Join(o.dir, filepath.Base(file))
		if err := archive.WriteFile(target, data); err != nil {
			return err
		}
		fmt.Fprintln(a.Out, target)
	}
	return nil
}

// download fetches the archive, and its signature when that is asked for.
func (o *chartPullOptions) download(ctx context.Context, c *client.Client, found client.Chart, dir string) ([]string, error) {
	file, err := c.Download(ctx, found, dir)
	if err != nil {
		return nil, repoError(err)
	}
	if !o.prov && !o.verify {
		return []string{file}, nil
	}
	signature, err := c.DownloadProvenance(ctx, found, file)
	if err != nil {
		return nil, unsigned(err)
	}
	return []string{file, signature}, nil
}

// unpack writes the files of a chart to a folder that is not there yet: all of
// them or none.
func (o *chartPullOptions) unpack(a *app, file string) error {
	chart, err := archive.Load(file)
	if err != nil {
		return err
	}
	target := filepath.Join(o.dir, chart.Name())
	if _, err := os.Lstat(target); !errors.Is(err, fs.ErrNotExist) {
		return withHint(fmt.Errorf("%s is there already", target), "remove it, or choose another folder with --directory")
	}
	if err := os.MkdirAll(o.dir, 0o755); err != nil {
		return err
	}
	beside, err := os.MkdirTemp(o.dir, ".gantry-pull-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(beside)
	fresh := filepath.Join(beside, chart.Name())
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
