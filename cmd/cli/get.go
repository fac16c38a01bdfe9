package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"gantry/charts/release"
)

// newGet gathers the commands that print what is recorded of a release.
func newGet(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:     "get",
		Short:   "Print what is recorded of a release",
		Example: "  gantry get values shop --all\n  gantry get manifest shop --revision 2",
	}
	for _, part := range []struct {
		name, short string
		print       func(*app, *release.Release, *getOptions) error
		flags       func(*cobra.Command, *getOptions)
	}{
		{"values", "Print the values that were given", printValues, bindGetValues},
		{"manifest", "Print the objects, without hooks", printManifest, nil},
		{"notes", "Print the notes", printNotes, nil},
		{"hooks", "Print the hooks", printHooks, nil},
		{"metadata", "Print chart, versions and times", printMetadata, bindGetMetadata},
		{"all", "Print everything", printAll, nil},
	} {
		var o getOptions
		sub := &cobra.Command{
			Use:     part.name + " NAME",
			Short:   part.short,
			Long:    part.short + " of a release.\n\n" + exitCodesHelp,
			Example: fmt.Sprintf("  gantry get %s shop\n  gantry get %s shop --revision 2", part.name, part.name),
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				return runGet(cmd.Context(), a, args[0], &o, part.print)
			},
		}
		sub.Flags().IntVar(&o.revision, "revision", 0, "revision to print (default: the newest)")
		if part.flags != nil {
			part.flags(sub, &o)
		}
		c.AddCommand(sub)
	}
	return c
}

type getOptions struct {
	revision int
	all      bool
	output   string
}

func bindGetValues(c *cobra.Command, o *getOptions) {
	c.Flags().BoolVarP(&o.all, "all", "a", false, "print the chart's own values, too")
	c.Flags().StringVarP(&o.output, "output", "o", "yaml", "yaml or json")
}

func bindGetMetadata(c *cobra.Command, o *getOptions) { bindOutput(c, &o.output) }

func runGet(ctx context.Context, a *app, name string, o *getOptions, show func(*app, *release.Release, *getOptions) error) error {
	if o.output != "" {
		if err := checkOutput(o.output); err != nil {
			return err
		}
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return a.releaseError(err)
	}
	r, err := manager.Get(ctx, name, o.revision)
	if err != nil {
		return a.releaseError(err)
	}
	return show(a, r, o)
}

func printValues(a *app, r *release.Release, o *getOptions) error {
	values := r.Values
	if o.all {
		var err error
		if values, err = r.AllValues(); err != nil {
			return err
		}
	}
	if values == nil {
		values = map[string]any{}
	}
	if o.output == "table" {
		return usageError(errors.New("values are not a table: use -o yaml or -o json"))
	}
	return a.list(o.output, listing{values: values})
}

func printManifest(a *app, r *release.Release, _ *getOptions) error {
	_, err := fmt.Fprintln(a.Out, strings.TrimRight(r.Manifest, "\n"))
	return err
}

func printNotes(a *app, r *release.Release, _ *getOptions) error {
	if strings.TrimSpace(r.Notes) == "" {
		fmt.Fprintln(a.Err, "the chart has no notes")
		return nil
	}
	_, err := fmt.Fprintln(a.Out, strings.TrimRight(r.Notes, "\n"))
	return err
}

func printHooks(a *app, r *release.Release, _ *getOptions) error {
	for _, h := range r.Hooks {
		if _, err := fmt.Fprintf(a.Out, "---\n%s\n", strings.TrimRight(h.Manifest, "\n")); err != nil {
			return err
		}
	}
	if len(r.Hooks) == 0 {
		fmt.Fprintln(a.Err, "the chart has no hooks")
	}
	return nil
}

// releaseMetadata has the names of helm's own output.
type releaseMetadata struct {
	Name       string    `json:"name"`
	Chart      string    `json:"chart"`
	Version    string    `json:"version"`
	AppVersion string    `json:"appVersion"`
	Namespace  string    `json:"namespace"`
	Revision   int       `json:"revision"`
	Status     string    `json:"status"`
	DeployedAt time.Time `json:"deployedAt"`
}

func printMetadata(a *app, r *release.Release, o *getOptions) error {
	m := releaseMetadata{r.Name, r.Chart, r.ChartVersion, r.AppVersion, r.Namespace, r.Revision, r.Status, r.Updated}
	return a.list(o.output, listing{
		header: []string{"NAME", "CHART", "VERSION", "APP VERSION", "NAMESPACE", "REVISION", "STATUS", "DEPLOYED AT"},
		rows:   [][]string{{m.Name, m.Chart, m.Version, m.AppVersion, m.Namespace, strconv.Itoa(m.Revision), m.Status, stamp(m.DeployedAt)}},
		values: m,
	})
}

func printAll(a *app, r *release.Release, o *getOptions) error {
	values, err := yaml.Marshal(r.Values)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "# %s, revision %d of %s in namespace %s: %s\n# given values\n%s", r.ChartAndVersion(), r.Revision, r.Name, r.Namespace, r.Status, values)
	if err := printHooks(a, r, o); err != nil {
		return err
	}
	if err := printManifest(a, r, o); err != nil {
		return err
	}
	return printNotes(a, r, o)
}
