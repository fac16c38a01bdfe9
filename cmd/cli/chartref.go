package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/deps"
	"gantry/charts/diag"
	"gantry/charts/engine"
	"gantry/charts/release"
)

// chartOptions are the flags of every command that renders a chart.
type chartOptions struct {
	version string
	verify  bool
	keyring keyringOptions
	// plainHTTP talks to OCI registries without TLS.
	plainHTTP bool
	// update fetches the charts that a chart in a folder lacks.
	update bool
	values engine.Values
}

func (o *chartOptions) bind(c *cobra.Command) {
	o.bindSource(c)
	bindDependencyUpdate(c, &o.update)
	o.bindValues(c)
}

// bindSource gives a command the flags about where a chart comes from.
func (o *chartOptions) bindSource(c *cobra.Command) {
	c.Flags().StringVar(&o.version, "version", "", "version of the chart, or a range (default: the newest); for charts of repositories only")
	c.Flags().BoolVar(&o.verify, "verify", false, "refuse a chart that no key of the keyring has signed")
	o.keyring.bind(c)
	o.bindPlainHTTP(c)
}

func (o *chartOptions) bindPlainHTTP(c *cobra.Command) {
	c.Flags().BoolVar(&o.plainHTTP, "plain-http", false, "talk to OCI registries without TLS")
}

func (o *chartOptions) bindValues(c *cobra.Command) {
	f := c.Flags()
	f.VarP(&repeated{values: &o.values.Files}, "values", "f", "YAML file with values, - for standard input; repeat to override")
	f.Var(&repeated{values: &o.values.Set}, "set", "value as key=value; commas separate several, dots and [0] go deeper")
	f.Var(&repeated{values: &o.values.String}, "set-string", "value as key=value that stays a string")
	f.Var(&repeated{values: &o.values.File}, "set-file", "value as key=FILE, the content of the file")
	f.Var(&repeated{values: &o.values.JSON}, "set-json", "value as key=JSON")
	f.Var(&repeated{values: &o.values.Literal}, "set-literal", "value as key=value in which nothing has a meaning")
	_ = c.MarkFlagFilename("values", "yaml", "yml")
}

// loadedChart is a chart, where it lies on this machine, and the values given
// for it.
type loadedChart struct {
	chart  *chart.Chart
	path   string
	values *engine.Merged
}

// loadChart reads the chart that a reference names, and the values of the
// flags. What is wrong with any of them is reported at once.
func (a *app) loadChart(ctx context.Context, ref string, o *chartOptions) (*loadedChart, error) {
	merged, list := a.mergeValues(o)
	path, err := a.fetchChart(ctx, ref, o)
	if err != nil {
		return nil, err
	}
	if err := a.verifyChart(path, o); err != nil {
		return nil, err
	}
	c, err := a.openChart(ctx, path, o.update)
	if at, ok := errors.AsType[*archive.Error](err); ok {
		list.Add(at.Diagnostic())
	} else if err != nil {
		return nil, err
	}
	if err := list.Err(); err != nil {
		return nil, err
	}
	return &loadedChart{chart: c, path: path, values: merged}, nil
}

// bindDependencyUpdate gives a command the flag --dependency-update.
func bindDependencyUpdate(c *cobra.Command, update *bool) {
	c.Flags().BoolVar(update, "dependency-update", false, "fetch the charts that a chart in a folder depends on and lacks, as gantry chart deps update does")
}

// openChart reads the chart at a path, and fetches what it lacks before, if that
// is asked for.
func (a *app) openChart(ctx context.Context, path string, update bool) (*chart.Chart, error) {
	c, err := archive.Load(path)
	if err != nil || !update || len(archive.MissingDependencies(c)) == 0 {
		return c, err
	}
	if _, err := a.dependencies(ctx, path, deps.Update); err != nil {
		return nil, err
	}
	return archive.Load(path)
}

// verifyChart checks who signed a chart, where that is asked for.
func (a *app) verifyChart(path string, o *chartOptions) error {
	if !o.verify {
		return nil
	}
	keyring, err := a.readKeyring(&o.keyring)
	if err != nil {
		return err
	}
	_, err = a.verifyFile(path, keyring)
	return err
}

// mergeValues merges the values of the flags.
func (a *app) mergeValues(o *chartOptions) (*engine.Merged, diag.List) {
	o.values.Read = func(name string) ([]byte, error) {
		switch {
		case name == "-":
			return io.ReadAll(a.In)
		case strings.Contains(name, "://"):
			return nil, errors.New("values are read from files only: fetch it first, or pass it on standard input with -f -")
		}
		data, err := os.ReadFile(name)
		if pathErr, ok := errors.AsType[*os.PathError](err); ok {
			return nil, pathErr.Err
		}
		return data, err
	}
	return o.values.Merge()
}

// explain turns what rendering found wrong with the chart or the values into
// diagnostics about files that can be opened. Other errors are returned as they
// are.
func (l *loadedChart) explain(err error) error {
	err = engine.Explain(err)
	name := l.chart.Name()
	if e, ok := errors.AsType[*engine.TemplateError](err); ok {
		d := e.Diagnostic()
		data := archive.File(l.chart, d.Pos.File)
		d.Pos.File = archive.Locate(l.path, name, d.Pos.File)
		return &templateFailure{diag.List{d}.Err(), []charts.File{{Name: d.Pos.File, Data: data}}}
	}
	if e, ok := errors.AsType[*engine.SchemaError](err); ok {
		list := l.values.Diagnostics(e, name, l.chart.Values)
		for i := range list {
			if list[i].Pos.IsZero() {
				list[i].Pos.File = archive.Locate(l.path, name, "values.yaml")
			}
		}
		list.Sort()
		return list.Err()
	}
	if e, ok := errors.AsType[*engine.MissingError](err); ok {
		return diag.List{missingDependencies(l.path, e)}.Err()
	}
	if e, ok := errors.AsType[*release.RefusedPlanError](err); ok {
		for i, refusal := range e.Refusals {
			if refused, ok := errors.AsType[*release.RefusedError](refusal); ok && archive.File(l.chart, refused.Source) != nil {
				e.Refusals[i] = fmt.Errorf("%s: %w", archive.Locate(l.path, name, refused.Source), refusal)
			}
		}
	}
	return err
}

func missingDependencies(path string, e *engine.MissingError) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Error, Pos: diag.Pos{File: archive.Locate(path, "", "Chart.yaml")}, Path: diag.Path{"dependencies"},
		Code: "chart-dependencies", Summary: fmt.Sprintf("not in the chart: %s", strings.Join(e.Names, ", ")),
		Hint: "fetch them with: gantry chart deps update " + path,
	}
}

// complete fails when charts that this one depends on are not in it.
func (l *loadedChart) complete() error {
	if missing := archive.MissingDependencies(l.chart); len(missing) > 0 {
		return diag.List{missingDependencies(l.path, &engine.MissingError{Names: missing})}.Err()
	}
	return nil
}
