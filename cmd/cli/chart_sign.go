package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/charts/provenance"
)

func newChartSign(a *app) *cobra.Command {
	var o signOptions
	c := &cobra.Command{
		Use:   "sign ARCHIVE...",
		Short: "Sign packed charts",
		Long: `Sign writes the signature of a packed chart beside it (ARCHIVE.prov): a clear-signed
text with the chart's metadata and the digest of the archive, as helm writes it.

` + keyFlagsHelp + `

` + exitCodesHelp,
		Example: `  gantry chart sign shop-1.2.3.tgz --key ann@example.org --keyring secret.gpg
  gantry chart sign dist/*.tgz --keyring secret.gpg --passphrase-file -`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runChartSign(cmd.Context(), a, args, &o) },
	}
	o.bind(c)
	return c
}

func runChartSign(ctx context.Context, a *app, files []string, o *signOptions) error {
	signer, err := a.signer(ctx, o)
	if err != nil {
		return err
	}
	for _, file := range files {
		signature, err := signFile(file, signer)
		if errors.Is(err, fs.ErrNotExist) {
			return notFoundError(fmt.Errorf("there is no chart %s", file))
		}
		if err != nil {
			return fmt.Errorf("sign %s: %w", file, err)
		}
		fmt.Fprintln(a.Out, signature)
	}
	return nil
}

func newChartVerify(a *app) *cobra.Command {
	var (
		o      keyringOptions
		output string
	)
	c := &cobra.Command{
		Use:   "verify ARCHIVE...",
		Short: "Check who signed packed charts",
		Long: `Verify checks the signature that lies beside a packed chart (ARCHIVE.prov): that a key
of the keyring has made it, and that the archive is the one that was signed. It
reads what helm signs, and helm verifies what gantry signs.

` + exitCodesHelp,
		Example: `  gantry chart verify shop-1.2.3.tgz --keyring trusted.gpg
  gantry chart verify dist/*.tgz --keyring trusted.gpg -o json`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return runChartVerify(a, args, &o, output) },
	}
	o.bind(c)
	bindOutput(c, &output)
	return c
}

func runChartVerify(a *app, files []string, o *keyringOptions, output string) error {
	if err := checkOutput(output); err != nil {
		return err
	}
	keyring, err := a.readKeyring(o)
	if err != nil {
		return err
	}
	var all []*provenance.Verified
	for _, file := range files {
		v, err := a.verifyFile(file, keyring)
		if err != nil {
			return err
		}
		all = append(all, v)
		if output == "table" {
			fmt.Fprintf(a.Out, "%s: signed by %s with the key %s, %s\n", file, diag.Printable(v.Signer), v.Fingerprint, v.Digest)
		}
	}
	if output == "table" {
		return nil
	}
	return a.list(output, listing{values: all})
}
