package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/kube"
	"gantry/charts/live"
	"gantry/charts/release"
)

type testOptions struct {
	options release.TestOptions
	filters []string
	output  string
}

func newTest(a *app) *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use:   "test NAME",
		Short: "Run the tests of a release",
		Long: `Test runs the test hooks of a release one after the other, until one fails, and prints
what each of them has written when it has ended. The record keeps how they went, as
helm test does.

` + exitCodesHelp,
		Example: `  gantry test shop
  gantry test shop --filter name=shop-connection --timeout 1m
  gantry test shop --filter '!name=shop-load' -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runTest(cmd.Context(), a, args[0], &o) },
	}
	f := c.Flags()
	f.StringArrayVar(&o.filters, "filter", nil, "run only name=TEST, or all but !name=TEST; repeat for several")
	f.DurationVar(&o.options.Timeout, "timeout", release.DefaultTimeout, "how long each test may take")
	f.BoolVar(&o.options.NoLogs, "no-logs", false, "do not print what the tests write")
	f.Bool("logs", true, "")
	_ = f.MarkHidden("logs") // helm's flag for what is done anyway
	bindOutput(c, &o.output)
	return c
}

// testResult is how one test went.
type testResult struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Phase     string    `json:"phase"`
	Started   live.Time `json:"started"`
	Completed live.Time `json:"completed"`
}

func runTest(ctx context.Context, a *app, name string, o *testOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.options.Timeout <= 0 {
		return usageError(fmt.Errorf("--timeout %s is no time to wait", o.options.Timeout))
	}
	if err := o.readFilters(); err != nil {
		return usageError(err)
	}
	p := &progress{w: a.Err, now: a.Now}
	manager, err := a.releases("", p)
	if err != nil {
		return a.releaseError(err)
	}
	tests, failure := manager.Test(ctx, name, o.options)
	if len(tests) == 0 {
		if failure != nil {
			return a.releaseError(failure)
		}
		fmt.Fprintf(a.Err, "release %s has no tests%s\n", name, ofThese(o.filters))
		return nil
	}
	l := listing{header: []string{"TEST", "KIND", "RESULT", "TOOK"}}
	values := []testResult{}
	for _, t := range tests {
		result, took := "not run", "-"
		if t.Phase != "" {
			result, took = strings.ToLower(t.Phase), t.Completed.Sub(t.Started).Round(time.Millisecond).String()
		}
		l.rows = append(l.rows, []string{t.Name, t.Kind, result, took})
		values = append(values, testResult{t.Name, t.Kind, t.Phase, live.Time{Time: t.Started}, live.Time{Time: t.Completed}})
	}
	l.values = values
	if err := a.list(o.output, l); err != nil {
		return err
	}
	return a.testError(failure)
}

// testError gives the failure of a test its exit code. There is no other way to wait for it, and
// nothing to upgrade.
func (a *app) testError(failure error) error {
	err := a.releaseError(failure)
	if e, ok := errors.AsType[*kube.StuckError](failure); ok {
		return withHint(err, stuckHint(e)+"; then test again")
	}
	return err
}

func ofThese(filters []string) string {
	if len(filters) == 0 {
		return ""
	}
	return " of these names"
}

// readFilters takes helm's way to name tests apart.
func (o *testOptions) readFilters() error {
	for _, filter := range o.filters {
		for one := range strings.SplitSeq(filter, ",") {
			key, name, ok := strings.Cut(one, "=")
			switch {
			case ok && name != "" && key == "name":
				o.options.Only = append(o.options.Only, name)
			case ok && name != "" && key == "!name":
				o.options.Except = append(o.options.Except, name)
			default:
				return fmt.Errorf("--filter %q: write name=TEST or !name=TEST", one)
			}
		}
	}
	if len(o.options.Only) > 0 && len(o.options.Except) > 0 {
		return errors.New("--filter: name= and !name= exclude each other")
	}
	return nil
}
