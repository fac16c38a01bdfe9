package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/repo/server"
)

type repoFsckOptions struct {
	ownStore

	quick  bool
	output string
}

func newRepoFsck(a *app) *cobra.Command {
	var o repoFsckOptions
	c := &cobra.Command{
		Use:   "fsck",
		Short: "Check the store of a repository of yours",
		Long: `Fsck reads the store of a repository: that every version has its archive, with the
digest of the index, its signature and its manifest. It changes nothing, and
servers may run meanwhile. When something is amiss the exit code is 3.

` + exitCodesHelp,
		Example: `  gantry repo fsck --dir charts
  gantry repo fsck --store s3://my-charts/stable --quick -o json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runRepoFsck(cmd.Context(), a, &o) },
	}
	o.bind(c)
	o.bindRepository(c)
	c.Flags().BoolVar(&o.quick, "quick", false, "look whether contents are there, and do not read them")
	bindOutput(c, &o.output)
	return c
}

func runRepoFsck(ctx context.Context, a *app, o *repoFsckOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	store, err := o.open(ctx, a)
	if err != nil {
		return err
	}
	defer store.Close()
	report, err := server.Check(ctx, store, server.CheckOptions{Quick: o.quick})
	if err != nil {
		return err
	}
	if o.output == "table" {
		for _, f := range report.Findings {
			fmt.Fprintln(a.Out, diag.Printable(fmt.Sprintf("%s: %s: %s [%s]", strings.TrimSpace(f.Chart+" "+f.Version), f.Key, f.Message, f.Code)))
		}
	} else if err := a.list(o.output, listing{values: report}); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "%s of %s", countOf(report.Versions, "version"), countOf(report.Charts, "chart"))
	if report.Unreferenced > 0 {
		fmt.Fprintf(a.Err, "; %s that nothing names any more, %s", countOf(report.Unreferenced, "content"), diag.Size(report.UnreferencedBytes))
	}
	if report.Orphans > 0 {
		fmt.Fprintf(a.Err, "; %s (signatures and the like) of what is gone", countOf(report.Orphans, "manifest"))
	}
	fmt.Fprintln(a.Err)
	if report.Unserved > 0 {
		fmt.Fprintf(a.Err, "not served: %s in the folder; they were deleted, or no server has seen them yet, or its log says why\n", countOf(report.Unserved, "archive"))
	}
	if n := len(report.Findings); n > 0 {
		return &exitError{exitInput, withHint(fmt.Errorf("the repository has %s", countOf(n, "problem")),
			"put back what is missing from a copy of the store, or delete the version and publish it again")}
	}
	return nil
}
