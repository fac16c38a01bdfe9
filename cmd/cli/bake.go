package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/archive"
	"gantry/convert"
	"gantry/convert/bake"
)

// bindBake binds the flag of commands that convert one combination of files.
func bindBake(c *cobra.Command, file *string) {
	c.Flags().StringVar(file, "bake", "", "file to write the builds of the application to, for docker buildx bake; paths in it count from the current folder")
	_ = c.MarkFlagFilename("bake", "json")
}

// writeBake writes the builds of an application to a file.
func (a *app) writeBake(name string, result *convert.Result, force bool) error {
	if name == "" {
		return nil
	}
	if len(result.App.Builds) == 0 {
		fmt.Fprintf(a.Err, "nothing is built, so %s was not written\n", name)
		return nil
	}
	wd, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the current folder: %w", err)
	}
	file := bake.New(result.Project, result.App.Builds, wd)
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := mayReplaceBake(name, force); err != nil {
		return err
	}
	if err := archive.WriteFile(name, b.Bytes()); err != nil {
		return err
	}
	fmt.Fprintf(a.Err, "wrote %s to %s; build and push with: docker buildx bake -f %s --push\n", countOf(len(file.Target), "build"), name, name)
	if secrets := slices.Sorted(maps.Keys(file.Variable)); len(secrets) > 0 {
		fmt.Fprintf(a.Err, "the builds read from the environment: %s\n", strings.Join(secrets, ", "))
	}
	return nil
}

// mayReplaceBake refuses to write over a file that somebody else has made.
func mayReplaceBake(name string, force bool) error {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (force || bake.IsOurs(data)) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return withHint(fmt.Errorf("%s exists and was not made by gantry: it was not written", name), "pass --force to replace it, or choose another file with --bake")
}
