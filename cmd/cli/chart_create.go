package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/spf13/cobra"

	"gantry/charts"
	"gantry/charts/merge"
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
	icon         string
	secretValues string
	bake         string
	force        bool
	mergeOptions
}

// mergeOptions say what becomes of a chart that is there already.
type mergeOptions struct {
	conflicts string
	adopt     bool
	dryRun    bool
	format    string
}

func (o *mergeOptions) bind(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&o.conflicts, "conflicts", string(merge.Refuse), "what becomes of places of a chart that you and gantry changed: refuse, markers (write both), mine or generated")
	f.BoolVar(&o.adopt, "adopt", false, "take over a chart that gantry did not make, or whose "+markerFile+" is lost: what is in it stays, what it lacks is added, what differs is a conflict")
	f.BoolVar(&o.dryRun, "dry-run", false, "show what would change in the folder of a chart, and write nothing")
	f.StringVar(&o.format, "format", "text", "how to tell what was merged into a chart: text or json")
	_ = c.RegisterFlagCompletionFunc("conflicts", cobra.FixedCompletions(choiceNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// usual reports whether nothing was asked for.
func (o *mergeOptions) usual() bool {
	return *o == mergeOptions{conflicts: string(merge.Refuse), format: "text"}
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

A chart that is there already is made again, and what you changed in it survives:
edits are merged with what is generated now, key by key in values.yaml, Chart.yaml
and values.schema.json, and line by line in other files. Files that you added stay,
those that you deleted stay away. Where you and Gantry changed the same, nothing is
written until --conflicts says what to do. The file .gantry in the chart says what
was generated last time: commit it with the chart. A chart without that file, because
somebody else made it or the file is lost, is taken over by --adopt.

` + exitCodesHelp,
		Example: `  gantry chart create                       # ./NAME, from compose.yaml of this folder
  gantry chart create -f compose.yaml -o charts/shop --version 1.2.0
  gantry chart create -o charts/shop --dry-run             # what would change in a chart that is there
  gantry chart create -o charts/shop --conflicts=markers   # write both sides where they disagree
  gantry chart create -o charts/shop --adopt --dry-run     # a chart that was made by hand
  gantry chart create --secret-values secrets.yaml && gantry install shop ./shop -f secrets.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return runChartCreate(cmd.Context(), a, &o) },
	}
	o.sourceOptions.bind(c)
	o.reportOptions.bind(c)
	o.mergeOptions.bind(c)
	f := c.Flags()
	f.StringVarP(&o.output, "output", "o", "", "folder of the chart (default: the name of the application)")
	f.StringVar(&o.version, "version", "", "version of the chart (default: that of the chart that is there, or "+defaultChartVersion+")")
	f.StringVar(&o.appVersion, "app-version", "", "version of the application (default: the tag of its own images, where it can be told)")
	f.StringVar(&o.icon, "icon", "", "address of a picture for the chart (default: the label io.artifacthub.package.logo-url)")
	f.StringVar(&o.secretValues, "secret-values", "", "file to write the values of secrets to, outside of the chart")
	bindBake(c, &o.bake)
	f.BoolVar(&o.force, "force", false, "write every file as it is generated: edits of these are lost, other files stay")
	_ = c.MarkFlagDirname("output")
	_ = c.MarkFlagFilename("secret-values", "yaml", "yml")
	return c
}

func runChartCreate(ctx context.Context, a *app, o *chartCreateOptions) error {
	if err := o.check(); err != nil {
		return usageError(err)
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
	there, err := readChartFolder(dir, o.force || o.adopt)
	if err != nil {
		return err
	}
	variables, err := a.variables(ctx, &o.sourceOptions, result, disabled)
	if err != nil {
		return err
	}
	version := cmp.Or(o.version, there.version(), defaultChartVersion)
	files, err := helm.Chart(helm.Source{
		Name: result.App.Name, Minor: result.App.Minor, Version: version, AppVersion: o.appVersion, Icon: o.icon, Objects: result.Objects, Disabled: disabled,
		Variables: variables, Charts: result.App.Charts, Data: result.App.Data, Own: result.App.Own,
	})
	if err != nil {
		return err
	}
	if err := a.putChart(ctx, there, files, o); err != nil || o.dryRun {
		return err
	}
	if err := a.writeBake(o.bake, result, o.force); err != nil {
		return err
	}
	secrets := helm.SecretValues(result.Objects, result.App.Charts...)
	if err := writeSecretValues(o.secretValues, secrets); err != nil {
		return err
	}
	if there.record == nil {
		fmt.Fprintf(a.Err, "commit %s with its file %s: your edits survive when the chart is made again\n", dir, markerFile)
	}
	a.describeChart(dir, files)
	next := nextInstall(dir, result.App.Name)
	if file := a.describeSecrets(result, len(secrets) > 0, o.secretValues); file != "" {
		next += " -f " + file
	}
	fmt.Fprintf(a.Err, "next: %s\n", next)
	return nil
}

// check refuses flags that make no sense, alone or together.
func (o *chartCreateOptions) check() error {
	if o.version != "" {
		if _, err := semver.StrictNewVersion(o.version); err != nil {
			return fmt.Errorf("--version %s is not a semantic version, such as 1.2.0", o.version)
		}
	}
	if u, err := url.Parse(o.icon); o.icon != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		return fmt.Errorf("--icon %s is no address, such as https://example.com/icon.svg", o.icon)
	}
	if !slices.Contains(choiceNames(), o.conflicts) {
		return fmt.Errorf("unknown --conflicts %q: use %s", o.conflicts, strings.Join(choiceNames(), ", "))
	}
	if o.format != "text" && o.format != "json" {
		return fmt.Errorf("unknown --format %q: use text or json", o.format)
	}
	if o.force && (o.conflicts != string(merge.Refuse) || o.adopt) {
		return errors.New("--force leaves nothing to merge: drop it, or --conflicts and --adopt")
	}
	for flag, file := range map[string]string{"bake": o.bake, "secret-values": o.secretValues, "report": o.report} {
		if o.dryRun && file != "" {
			return fmt.Errorf("--dry-run writes nothing: leave out --%s", flag)
		}
	}
	return o.reportOptions.check()
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

// describeChart says what was written.
func (a *app) describeChart(dir string, files []charts.File) {
	templates := 0
	for _, f := range files {
		if strings.HasPrefix(f.Name, "templates/") && strings.HasSuffix(f.Name, ".yaml") {
			templates++
		}
	}
	fmt.Fprintf(a.Err, "wrote a chart of %s to %s\n", countOf(templates, "template"), dir)
}

// describeSecrets says where the chart's secrets come from, since it holds none, and
// returns the file of values that an installation needs.
func (a *app) describeSecrets(result *convert.Result, secrets bool, secretValues string) string {
	switch demanded := helm.Demanded(result.Objects, result.App.Data); {
	case secretValues != "" && !secrets:
		fmt.Fprintf(a.Err, "the application has no secrets: %s is empty\n", secretValues)
	case secretValues != "":
		fmt.Fprintf(a.Err, "wrote the values of its secrets to %s: keep that file to yourself\n", secretValues)
		return secretValues
	case len(demanded) > 0:
		fmt.Fprintln(a.Err, "it holds no secrets: --secret-values writes the application's own to a file; those not given at the installation are made up, but for")
		for _, path := range demanded {
			fmt.Fprintf(a.Err, "  %s\n", path)
		}
		return "FILE"
	case secrets:
		fmt.Fprintln(a.Err, "it holds no secrets: those not given at the installation are made up; --secret-values writes the application's own to a file")
	}
	return ""
}

// nextInstall is the command that installs a chart in a folder.
func nextInstall(dir, name string) string {
	chart := dir
	if !filepath.IsAbs(chart) && !strings.HasPrefix(chart, ".") {
		chart = "./" + filepath.ToSlash(chart)
	}
	next := fmt.Sprintf("gantry install %s %s", name, chart)
	if lacksCharts(dir) {
		next = fmt.Sprintf("gantry chart deps update %s, and then %s", chart, next)
	}
	return next
}
