package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
)

type packageOptions struct {
	destination string
	version     string
	appVersion  string
}

func newPackage(a *app) *cobra.Command {
	var o packageOptions
	c := &cobra.Command{
		Use:   "package CHART...",
		Short: "Pack charts into .tgz files",
		Long: `Package packs the folder of a chart into NAME-VERSION.tgz and prints the name of
the file. The same files give the same bytes on every machine, so that digests can
be compared. What .helmignore names is left out; links that lead out of the chart
are refused.

` + exitCodesHelp,
		Example: `  gantry package ./shop -d dist
  gantry package ./shop --version 1.4.0 --app-version 2026.1`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runPackage(a, args, &o) },
	}
	f := c.Flags()
	f.StringVarP(&o.destination, "destination", "d", ".", "folder for the file; it is made when it is not there")
	f.StringVar(&o.version, "version", "", "version of the chart (default: as in Chart.yaml)")
	f.StringVar(&o.appVersion, "app-version", "", "version of the application (default: as in Chart.yaml)")
	_ = c.MarkFlagDirname("destination")
	return c
}

func runPackage(a *app, names []string, o *packageOptions) error {
	for _, name := range names {
		if err := a.packageChart(name, o); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) packageChart(name string, o *packageOptions) error {
	c, err := archive.Load(name)
	if at, ok := errors.AsType[*archive.Error](err); ok {
		return diag.List{at.Diagnostic()}.Err()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return notFoundError(fmt.Errorf("there is no chart %s", name))
	}
	if err != nil {
		return err
	}
	if missing := archive.MissingDependencies(c); len(missing) > 0 {
		return diag.List{missingDependencies(name, &engine.MissingError{Names: missing})}.Err()
	}
	if err := archive.SetVersion(c, o.version, o.appVersion); err != nil {
		return usageError(err)
	}
	var b bytes.Buffer
	if err := archive.Pack(&b, c); err != nil {
		return err
	}
	file := filepath.Join(o.destination, archive.FileName(c.Metadata))
	if err := writeFile(file, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "packed %s %s, sha256:%s\n", c.Name(), c.Metadata.Version, archive.Digest(b.Bytes()))
	_, err = fmt.Fprintln(a.Out, file)
	return err
}

// writeFile writes a file beside its place and moves it there, so that nobody
// ever reads half of it.
func writeFile(name string, data []byte) error {
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	beside, err := os.CreateTemp(dir, "."+filepath.Base(name)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(beside.Name())
	_, werr := beside.Write(data)
	if err := errors.Join(werr, beside.Chmod(0o644), beside.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(beside.Name(), name)
}
