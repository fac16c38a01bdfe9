package cli

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
	"gantry/charts/provenance"
)

type packageOptions struct {
	destination string
	version     string
	appVersion  string
	update      bool
	sign        bool
	signing     signOptions
}

func newPackage(a *app) *cobra.Command {
	var o packageOptions
	c := &cobra.Command{
		Use:   "package CHART...",
		Short: "Pack charts into .tgz files",
		Long: `Package packs the folder of a chart into NAME-VERSION.tgz and prints the name of
the file. The same files give the same bytes on every machine, so that digests can
be compared. What .helmignore names is left out; links that lead out of the chart
are refused. With --sign it writes the signature beside the file (.prov), as helm
verifies it.

` + keyFlagsHelp + `

` + exitCodesHelp,
		Example: `  gantry package ./shop -d dist
  gantry package ./shop --version 1.4.0 --app-version 2026.1
  gantry package ./shop --sign --key ann@example.org --keyring secret.gpg`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runPackage(cmd.Context(), a, args, &o) },
	}
	f := c.Flags()
	f.StringVarP(&o.destination, "destination", "d", ".", "folder for the file; it is made when it is not there")
	f.StringVar(&o.version, "version", "", "version of the chart (default: as in Chart.yaml)")
	f.StringVar(&o.appVersion, "app-version", "", "version of the application (default: as in Chart.yaml)")
	bindDependencyUpdate(c, &o.update)
	f.BoolVar(&o.sign, "sign", false, "sign the file with a PGP key")
	o.signing.bind(c)
	_ = c.MarkFlagDirname("destination")
	return c
}

func runPackage(ctx context.Context, a *app, names []string, o *packageOptions) error {
	var signer *provenance.Signer
	if o.sign {
		var err error
		if signer, err = a.signer(ctx, &o.signing); err != nil {
			return err
		}
	}
	for _, name := range names {
		if err := a.packageChart(ctx, name, o, signer); err != nil {
			return err
		}
	}
	return nil
}

// packageChart packs one chart, and signs it when there is a key.
func (a *app) packageChart(ctx context.Context, name string, o *packageOptions, signer *provenance.Signer) error {
	c, err := a.openChart(ctx, name, o.update)
	if err != nil {
		return chartError(name, err)
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
	if err := archive.WriteFile(file, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "packed %s %s, sha256:%s\n", c.Name(), c.Metadata.Version, archive.Digest(b.Bytes()))
	fmt.Fprintln(a.Out, file)
	if signer == nil {
		return nil
	}
	signature, err := signFile(file, signer)
	if err != nil {
		return fmt.Errorf("sign %s: %w", file, err)
	}
	fmt.Fprintln(a.Out, signature)
	return nil
}
