package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/cobra"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/helm"
	"gantry/convert/manifest"
)

// defaultChartVersion is where charts begin.
const defaultChartVersion = "0.1.0"

type chartCreateOptions struct {
	sourceOptions
	reportOptions
	output       string
	version      string
	appVersion   string
	secretValues string
	bake         string
	force        bool
}

func newChartCreate(a *app) *cobra.Command {
	var o chartCreateOptions
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a Helm chart from a Compose application",
		Long: `Create reads Compose files as gantry convert does and writes a Helm chart: a
template for each object, values for what people change, a schema and a README. With
its default values the chart gives the objects that gantry convert prints.

Variables of the files, such as ${TAG:-1.4.0}, become values of the chart where they decide
no more than a text: variables.TAG.

A chart holds no secret values. What is not given at the installation is made up
there once and kept; --secret-values writes the values of the Compose application
to a file of its own, to be passed with -f.

Services that no active profile selects are in the chart, too, and not installed
unless a value says so: SERVICE.enabled.

A folder that gantry made is replaced, unless somebody has changed its files.

` + exitCodesHelp,
		Example: `  gantry chart create                       # ./NAME, from compose.yaml of this folder
  gantry chart create -f compose.yaml -o charts/shop --version 1.2.0
  gantry chart create --secret-values secrets.yaml && gantry install shop ./shop -f secrets.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runChartCreate(cmd.Context(), a, &o) },
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "folder of the chart (default: the name of the application)")
	f.StringVar(&o.version, "version", defaultChartVersion, "version of the chart")
	f.StringVar(&o.appVersion, "app-version", "", "version of the application (default: the tag of its first image)")
	f.StringVar(&o.secretValues, "secret-values", "", "file to write the values of secrets to, outside of the chart")
	bindBake(c, &o.bake)
	f.BoolVar(&o.force, "force", false, "replace a folder that gantry did not make, or that was changed")
	_ = c.MarkFlagDirname("output")
	_ = c.MarkFlagFilename("secret-values", "yaml", "yml")
	return c
}

func runChartCreate(ctx context.Context, a *app, o *chartCreateOptions) error {
	if _, err := semver.StrictNewVersion(o.version); err != nil {
		return usageError(fmt.Errorf("--version %s is not a semantic version, such as 1.2.0", o.version))
	}
	if err := o.check(); err != nil {
		return err
	}
	result, disabled, err := a.convertForChart(ctx, &o.sourceOptions)
	if err := a.told(&o.reportOptions, result, err); err != nil {
		return err
	}
	dir := o.output
	if dir == "" {
		dir = result.App.Name
	}
	if err := o.outside(dir); err != nil {
		return err
	}
	if err := a.writeBake(o.bake, result, o.force); err != nil {
		return err
	}
	variables, err := a.variables(ctx, &o.sourceOptions, result, disabled)
	if err != nil {
		return err
	}
	files, err := helm.Chart(helm.Source{
		Name: result.App.Name, Minor: result.App.Minor, Version: o.version, AppVersion: o.appVersion, Objects: result.Objects, Disabled: disabled,
		Variables: variables,
	})
	if err != nil {
		return err
	}
	if err := writeChart(dir, files, o.force); err != nil {
		return err
	}
	secrets := helm.SecretValues(result.Objects)
	if err := writeSecretValues(o.secretValues, secrets); err != nil {
		return err
	}
	a.describeChart(dir, result.App.Name, files, len(secrets) > 0, o.secretValues)
	return nil
}

// chartFiles makes the chart of a converted application, in its first version.
func chartFiles(result *convert.Result) ([]charts.File, error) {
	return helm.Chart(helm.Source{Name: result.App.Name, Minor: result.App.Minor, Version: defaultChartVersion, Objects: result.Objects})
}

// outside refuses to write secrets where they would be packed with the chart.
func (o *chartCreateOptions) outside(dir string) error {
	if o.secretValues == "" {
		return nil
	}
	rel, err := filepath.Rel(dir, o.secretValues)
	if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return usageError(fmt.Errorf("--secret-values %s lies in the chart: choose a file outside of %s", o.secretValues, dir))
	}
	return nil
}

// writeChart writes a chart, and with it the checksums by which the next one sees
// what somebody has changed.
func writeChart(dir string, files []charts.File, force bool) error {
	if !force {
		changed, err := changedFiles(dir)
		if err != nil {
			return err
		}
		if len(changed) > 0 {
			return withHint(
				fmt.Errorf("%s was changed after gantry made it (%s): nothing was written", dir, strings.Join(changed, ", ")),
				"write the new chart to another folder with -o and compare, or pass --force to lose the changes",
			)
		}
	}
	var sums strings.Builder
	sums.WriteString("# This chart was made by gantry, which replaces it when it is made again unless a file was changed.\n")
	for _, f := range files {
		fmt.Fprintf(&sums, "%s  %s\n", checksum(f.Data), f.Name)
	}
	return writeDir(dir, append(slices.Clone(files), charts.File{Name: markerFile, Data: []byte(sums.String())}), force)
}

func checksum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// changedFiles lists the files of a chart that differ from what gantry wrote:
// changed, deleted or added. A folder that gantry did not make has none.
func changedFiles(dir string) ([]string, error) {
	marker, err := os.ReadFile(filepath.Join(dir, markerFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sums := map[string]string{markerFile: ""}
	for line := range strings.Lines(string(marker)) {
		if sum, name, ok := strings.Cut(strings.TrimRight(line, "\n"), "  "); ok && !strings.HasPrefix(line, "#") {
			sums[name] = sum
		}
	}
	if len(sums) == 1 {
		return nil, nil // made by gantry, but no chart
	}
	var changed []string
	err = filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		sum, known := sums[rel]
		delete(sums, rel)
		if rel == markerFile {
			return nil
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !known || checksum(data) != sum {
			changed = append(changed, rel)
		}
		return nil
	})
	for name := range sums {
		changed = append(changed, name)
	}
	slices.Sort(changed)
	return changed, err
}

// writeSecretValues writes the values of secrets for their owner's eyes only.
func writeSecretValues(name string, values map[string]any) error {
	if name == "" {
		return nil
	}
	n, err := manifest.NodeOf(values)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-") // has mode 0600
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	defer os.Remove(temp.Name())
	err = errors.Join(manifest.Encode(temp, n), temp.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(temp.Name(), name)
}

// describeChart says what was written and what to do next.
func (a *app) describeChart(dir, name string, files []charts.File, secrets bool, secretValues string) {
	templates := 0
	for _, f := range files {
		if strings.HasPrefix(f.Name, "templates/") && strings.HasSuffix(f.Name, ".yaml") {
			templates++
		}
	}
	fmt.Fprintf(a.Err, "wrote a chart of %s to %s\n", countOf(templates, "template"), dir)
	chart := dir
	if !filepath.IsAbs(chart) && !strings.HasPrefix(chart, ".") {
		chart = "./" + filepath.ToSlash(chart)
	}
	next := fmt.Sprintf("gantry install %s %s", name, chart)
	switch {
	case secretValues != "":
		fmt.Fprintf(a.Err, "wrote the values of its secrets to %s: keep that file to yourself\n", secretValues)
		next += " -f " + secretValues
	case secrets:
		fmt.Fprintln(a.Err, "it holds no secrets: those not given at the installation are made up; --secret-values writes the application's own to a file")
	}
	fmt.Fprintf(a.Err, "next: %s\n", next)
}
