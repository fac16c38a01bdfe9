package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/repo/mirror"
)

type repoExportOptions struct {
	ownStore

	file   string
	choose mirror.Selection
	force  bool
}

func newRepoExport(a *app) *cobra.Command {
	var o repoExportOptions
	c := &cobra.Command{
		Use:   "export FILE.tar",
		Short: "Write the charts of a repository of yours to a file",
		Long: `Export writes charts to a tar file, to carry them to where there is no network: gantry
repo import takes it, and unpacked it is a folder that any web server can publish.
The same charts give the same bytes. A dash writes to standard output.

Artifacts beside charts, such as signatures of cosign, are not in it.

` + exitCodesHelp,
		Example: `  gantry repo export charts.tar --dir charts
  gantry repo export charts.tar --store s3://my-charts/stable --latest 3 --stable
  gantry repo export - --dir charts | ssh island gantry repo import - --dir charts`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return runRepoExport(cmd.Context(), a, &o)
		},
	}
	o.bind(c)
	o.bindRepository(c)
	bindSelection(c.Flags(), &o.choose)
	c.Flags().BoolVar(&o.force, "force", false, "replace a file that is there")
	return c
}

func runRepoExport(ctx context.Context, a *app, o *repoExportOptions) error {
	if err := o.choose.Check(); err != nil {
		return usageError(err)
	}
	if o.file != "-" && !o.force {
		if _, err := os.Lstat(o.file); err == nil {
			return usageError(withHint(fmt.Errorf("%s is there already", o.file), "replace it with --force"))
		}
	}
	from, store, err := o.server(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	if o.file == "-" {
		n, err := mirror.Export(ctx, from, o.choose, a.Out)
		if err == nil {
			fmt.Fprintf(a.Err, "exported %s\n", countOf(n, "version"))
		}
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(o.file), ".gantry-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	n, err := mirror.Export(ctx, from, o.choose, temp)
	size, seekErr := temp.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, temp.Chmod(0o644), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), o.file); err != nil {
		return err
	}
	if n == 0 {
		a.nothingChosen(o.choose)
	}
	fmt.Fprintf(a.Err, "exported %s to %s, %s\n", countOf(n, "version"), o.file, diag.Size(size))
	return nil
}

type repoImportOptions struct {
	ownStore

	file    string
	output  string
	verbose bool
}

func newRepoImport(a *app) *cobra.Command {
	var o repoImportOptions
	c := &cobra.Command{
		Use:   "import FILE.tar",
		Short: "Publish the charts of a file in a repository of yours",
		Long: `Import publishes the charts of a tar file, as gantry repo export writes it or as any
folder of archives packed by tar. They pass the checks of every upload, and what is
published already is not replaced. A dash reads standard input.

` + exitCodesHelp,
		Example: `  gantry repo import charts.tar --dir charts
  gantry repo import charts.tar --store s3://my-charts/stable -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.file = args[0]
			return runRepoImport(cmd.Context(), a, &o)
		},
	}
	o.bind(c)
	o.bindRepository(c)
	c.Flags().BoolVarP(&o.verbose, "verbose", "v", false, "tell of what is there already, too")
	bindOutput(c, &o.output)
	return c
}

func runRepoImport(ctx context.Context, a *app, o *repoImportOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	in := a.In
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return repoError(err)
		}
		defer f.Close()
		in = f
	}
	if err := o.begin(); err != nil {
		return err
	}
	to, done, err := o.publisher(ctx, a)
	if err != nil {
		return err
	}
	defer done()
	var tell func(mirror.Step)
	if o.output == "table" {
		tell = a.tellStep(o.verbose, false)
	}
	steps, importErr := mirror.Import(ctx, in, to, tell)
	if err := to.Close(ctx); err != nil {
		return errors.Join(importErr, err)
	}
	if o.output != "table" {
		if err := a.list(o.output, listing{values: steps}); err != nil {
			return err
		}
	}
	err = a.sumUp(steps, false)
	if _, ok := errors.AsType[*mirror.DamagedError](importErr); ok && len(steps) == 0 {
		importErr = withHint(importErr, "it must be a tar that is not compressed: gunzip -c charts.tar.gz | gantry repo import -; one chart is published with: gantry chart push")
	}
	if importErr != nil {
		return &exitError{exitInput, importErr}
	}
	return err
}
