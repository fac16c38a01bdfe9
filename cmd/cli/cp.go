package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

type cpOptions struct {
	which  whichRelease
	target whichContainer
}

func newCp(a *app) *cobra.Command {
	var o cpOptions
	c := &cobra.Command{
		Use:   "cp SERVICE:PATH LOCAL | LOCAL SERVICE:PATH",
		Short: "Copy files out of a container of a service, or into one",
		Long: `Cp copies a file or a folder between this machine and a container. The container must
have tar. Owners and links are not copied.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry cp db:/var/lib/postgresql/data/postgresql.conf .
  gantry cp ./seed.sql db:/tmp/
  gantry cp web:/app/logs ./logs --index 2`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error { return runCp(cmd.Context(), a, args[0], args[1], &o) },
	}
	o.which.bind(a, c, "f")
	o.target.bind(c)
	services := withSuffix(c.ValidArgsFunction, ":")
	c.ValidArgsFunction = func(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if strings.ContainsAny(word, "/.:") || len(args) == 1 && strings.Contains(args[0], ":") {
			return nil, cobra.ShellCompDirectiveDefault // the other side is a file
		}
		names, directive := services(c, nil, word)
		return names, directive &^ cobra.ShellCompDirectiveNoFileComp
	}
	return c
}

func runCp(ctx context.Context, a *app, from, to string, o *cpOptions) error {
	fromService, fromPath, down := splitRemote(from)
	toService, toPath, up := splitRemote(to)
	if down == up {
		return usageError(errors.New("one side is a SERVICE:PATH, the other a file or folder of this machine"))
	}
	service := fromService + toService
	if up {
		if _, err := os.Stat(from); err != nil {
			return notFoundError(err)
		}
	}
	app, target, err := o.target.find(ctx, a, &o.which, service)
	if err != nil {
		return err
	}
	var done live.Copied
	if up {
		done, err = app.Upload(ctx, from, target, toPath)
	} else {
		done, err = app.Download(ctx, target, fromPath, to)
	}
	if err != nil {
		return a.execError(err, o.which.again(a))
	}
	for _, name := range done.Skipped {
		fmt.Fprintf(a.Err, "not copied, being neither a file nor a folder: %s\n", name)
	}
	_, err = fmt.Fprintf(a.Out, "copied %s (%s) to %s\n", countOf(done.Files, "file"), byteSize(done.Bytes), to)
	return err
}

// splitRemote takes SERVICE:PATH apart. What looks like a path of this machine is
// one: ./a:b.
func splitRemote(text string) (service, path string, remote bool) {
	service, path, remote = strings.Cut(text, ":")
	if !remote || service == "" || strings.ContainsAny(service, `/\.`) || filepath.VolumeName(text) != "" {
		return "", text, false
	}
	return service, path, true
}

// byteSize writes a size for people.
func byteSize(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, units := float64(n)/unit, "KMGTPE"
	for value >= unit && len(units) > 1 {
		value, units = value/unit, units[1:]
	}
	return fmt.Sprintf("%.1f %ciB", value, units[0])
}
