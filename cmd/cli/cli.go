package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/convert"
)

// app is what every command is handed: the streams and the global flags.
type app struct {
	IO

	kubeconfig  string
	kubeContext string
	namespace   string
	noColor     bool
	// progressOutput is the format of what operations tell.
	progressOutput string
}

// Run executes one command line and returns the exit code. It reads and writes
// only through streams.
func Run(ctx context.Context, streams IO, args []string) int {
	out := &checkedWriter{w: streams.Out}
	streams.Out = out
	a := &app{IO: streams}
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	err := root.ExecuteContext(ctx)
	if failure := out.failure(); err == nil && failure != nil {
		err = fmt.Errorf("write the results: %w", failure)
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		a.report(&interruptedError{err})
	} else {
		a.report(err)
	}
	return exitCode(ctx, err)
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "gantry",
		Short: "Run Docker Compose applications on Kubernetes",
		Long: `Gantry takes a Docker Compose application and runs it on Kubernetes: it converts
Compose files to Kubernetes objects or to a Helm chart, installs, upgrades and
rolls back releases, and serves chart repositories.

` + exitCodesHelp,
		Example: `  gantry convert -f compose.yaml
  gantry chart create -f compose.yaml -o ./chart
  gantry up -f compose.yaml shop`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: false},
		Args:              cobra.NoArgs,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.kubeconfig, "kubeconfig", a.Getenv("GANTRY_KUBECONFIG"), "kubeconfig file (default $KUBECONFIG, then ~/.kube/config) [$GANTRY_KUBECONFIG]")
	flags.StringVar(&a.kubeContext, "context", a.Getenv("GANTRY_CONTEXT"), "kubeconfig context [$GANTRY_CONTEXT]")
	flags.StringVarP(&a.namespace, "namespace", "n", a.Getenv("GANTRY_NAMESPACE"), "namespace (default: the context's) [$GANTRY_NAMESPACE]")
	flags.BoolVar(&a.noColor, "no-color", a.Getenv("NO_COLOR") != "" || a.Getenv("GANTRY_NO_COLOR") != "", "never colour the output [$NO_COLOR]")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(err) })
	root.AddGroup(
		&cobra.Group{ID: groupConvert, Title: "Convert:"},
		&cobra.Group{ID: groupChart, Title: "Charts:"},
		&cobra.Group{ID: groupRelease, Title: "Releases:"},
		&cobra.Group{ID: groupService, Title: "Services of a release:"},
		&cobra.Group{ID: groupRepo, Title: "Repositories:"},
		&cobra.Group{ID: groupSandbox, Title: "Sandbox:"},
	)
	for _, group := range []struct {
		id       string
		commands []*cobra.Command
	}{
		{groupConvert, convertCommands(a)},
		{groupChart, chartCommands(a)},
		{groupRelease, releaseCommands(a)},
		{groupService, serviceCommands(a)},
		{groupRepo, repoCommands(a)},
		{groupSandbox, sandboxCommands(a)},
		{"", []*cobra.Command{newVersion(a)}},
	} {
		for _, c := range group.commands {
			c.GroupID = group.id
			root.AddCommand(c)
		}
	}
	walk(root, usageArgs)
	a.completeCluster(root)
	return root
}

const (
	groupConvert = "convert"
	groupChart   = "chart"
	groupRelease = "release"
	groupService = "service"
	groupRepo    = "repo"
	groupSandbox = "sandbox"
)

// walk calls visit for a command and everything below it.
func walk(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		walk(sub, visit)
	}
}

// usageArgs makes wrong positional arguments a usage error, and makes a group
// of commands say what it knows when it is given a command that it does not.
func usageArgs(c *cobra.Command) {
	check := c.Args
	switch {
	case check != nil:
	case c.HasSubCommands():
		check = cobra.NoArgs
	default:
		return
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError(fmt.Errorf("%w (see %q)", err, cmd.CommandPath()+" --help"))
		}
		return nil
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
}

// report prints an error to standard error: diagnostics one by one, everything
// else on one line, and then what to type next if that is known.
//
// Every line for the person begins with "gantry: error:" or "gantry: hint:", so
// that it can be told from the output of what gantry runs. What servers and charts say
// is in it, which a terminal must not obey.
func (a *app) report(err error) {
	if err == nil || errors.Is(err, errReported) {
		return
	}
	if found, ok := errors.AsType[*diag.Errors](err); ok {
		if about, ok := errors.AsType[*templateFailure](err); ok {
			a.printChartDiagnostics(a.Err, found.List, about.files)
		} else {
			var result *convert.Result
			if failed, ok := errors.AsType[*convertError](err); ok {
				result = failed.result
			}
			a.printDiagnostics(a.Err, result, found.List)
		}
		fmt.Fprintf(a.Err, "gantry: error: %s\n", countProblems(found.List))
	} else {
		fmt.Fprintf(a.Err, "gantry: error: %s\n", diag.PrintableLines(strings.TrimSpace(err.Error())))
	}
	if hint := hintFor(err); hint != "" {
		fmt.Fprintf(a.Err, "gantry: hint: %s\n", diag.PrintableLines(hint))
	}
}

// errReported marks a failure whose reasons are on the screen already.
var errReported = errors.New("already reported")
