package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

type eventsOptions struct {
	which   whichRelease
	options live.EventOptions
	since   string
	output  string
}

func newEvents(a *app) *cobra.Command {
	var o eventsOptions
	c := &cobra.Command{
		Use:   "events [SERVICE...]",
		Short: "Show what Kubernetes noted about a release",
		Long: `Events prints what happened to the objects of a release or of some services, and to
their pods, oldest first. Clusters forget it after an hour or so. With -f it goes on;
-o json then prints an object a line.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry events -f
  gantry events web --warnings --since 10m
  gantry events --release shop -o json`,
		RunE: func(cmd *cobra.Command, args []string) error { return runEvents(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "")
	f := c.Flags()
	f.BoolVarP(&o.options.Follow, "follow", "f", false, "go on with what happens from now on")
	f.BoolVarP(&o.options.Warnings, "warnings", "w", false, "warnings only")
	f.StringVar(&o.since, "since", "", "only what is newer: a time such as 2026-11-21T10:00:00Z, or an age such as 10m")
	bindOutput(c, &o.output)
	return c
}

func runEvents(ctx context.Context, a *app, names []string, o *eventsOptions) error {
	if err := checkOutput(o.output); err != nil {
		return err
	}
	if o.options.Follow && o.output == "yaml" {
		return usageError(errors.New("what goes on is printed as a table or, with -o json, an object a line"))
	}
	if o.since != "" {
		age, err := parseAge(o.since, a.Now())
		if err != nil {
			return usageError(fmt.Errorf("--since: %w", err))
		}
		o.options.Since = a.Now().Add(-age)
	}
	app, err := o.which.open(ctx, a)
	if err != nil {
		return err
	}
	var services []live.Service
	if len(names) > 0 {
		if services, err = app.Find(names...); err != nil {
			return serviceError(err)
		}
	}
	if o.options.Follow {
		return a.releaseError(app.Events(ctx, services, o.options, a.printEvent(o.output)))
	}
	l := listing{header: []string{"AGE", "TYPE", "OBJECT", "REASON", "TIMES", "MESSAGE"}, empty: "nothing happened, or it is forgotten"}
	var values []live.Event
	err = app.Events(ctx, services, o.options, func(e live.Event) {
		values = append(values, e)
		l.rows = append(l.rows, []string{a.age(e.Time.Time), eventType(e), e.Kind + " " + e.Object, e.Reason, strconv.Itoa(e.Count), e.Message})
	})
	if err != nil {
		return a.releaseError(err)
	}
	l.values = values
	return a.list(o.output, l)
}

func eventType(e live.Event) string {
	if e.Warning {
		return "warning"
	}
	return "normal"
}

// printEvent returns what prints one event a line, as they come.
func (a *app) printEvent(output string) func(live.Event) {
	if output == "json" {
		lines := json.NewEncoder(a.Out)
		lines.SetEscapeHTML(false)
		return func(e live.Event) { _ = lines.Encode(e) } // a.Out remembers what fails
	}
	color := a.colorful(a.Out)
	return func(e live.Event) {
		start, end := "", ""
		if color && e.Warning {
			start, end = "\x1b[33m", "\x1b[0m"
		}
		times := ""
		if e.Count > 1 {
			times = fmt.Sprintf(" (%d times)", e.Count)
		}
		fmt.Fprintf(a.Out, "%s  %s%-7s%s  %s %s  %s%s: %s\n", e.Time.UTC().Format("15:04:05"), start, eventType(e), end, e.Kind, e.Object, e.Reason, times, strings.Join(strings.Fields(e.Message), " "))
	}
}
