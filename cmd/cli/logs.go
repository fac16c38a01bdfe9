package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

type logsOptions struct {
	which      whichRelease
	options    live.LogOptions
	tail       string
	since      string
	timestamps bool
	noPrefix   bool
}

func newLogs(a *app) *cobra.Command {
	var o logsOptions
	c := &cobra.Command{
		Use:   "logs [SERVICE...]",
		Short: "Read the logs of services",
		Long: `Logs prints what the containers of services have written, all together in the order
of time. With -f it goes on, with pods that are made later, too, and across restarts.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry logs -f
  gantry logs web db --tail 20 --timestamps
  gantry logs db --previous --release shop`,
		RunE: func(cmd *cobra.Command, args []string) error { return runLogs(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "")
	f := c.Flags()
	f.BoolVarP(&o.options.Follow, "follow", "f", false, "go on with what is written from now on")
	f.StringVar(&o.tail, "tail", "all", "how many of the last lines of each container")
	f.StringVar(&o.since, "since", "", "only what is newer: a time such as 2026-11-21T10:00:00Z, or an age such as 10m")
	f.BoolVarP(&o.timestamps, "timestamps", "t", false, "begin each line with its time")
	f.BoolVarP(&o.options.Previous, "previous", "P", false, "of the containers that ran before the current ones")
	f.BoolVar(&o.noPrefix, "no-log-prefix", false, "print the lines alone, without whose they are")
	return c
}

func runLogs(ctx context.Context, a *app, names []string, o *logsOptions) error {
	if err := o.complete(a.Now()); err != nil {
		return err
	}
	app, services, err := o.which.services(ctx, a, names)
	if err != nil {
		return err
	}
	p := &logPrinter{w: a.Out, color: a.colorful(a.Out), times: o.timestamps, bare: o.noPrefix}
	for _, s := range services {
		p.width = max(p.width, utf8.RuneCountInString(s.Name)+podSuffix)
	}
	lines := 0
	err = app.Logs(ctx, services, o.options, func(l live.Line) {
		lines++
		p.print(l)
	})
	if err != nil {
		return a.releaseError(err)
	}
	if lines == 0 && !o.options.Follow {
		fmt.Fprintln(a.Err, "nothing was written; see how the pods are with: gantry ps --all"+o.which.again(a))
	}
	return nil
}

// complete reads the flags that have a form of their own.
func (o *logsOptions) complete(now time.Time) error {
	o.options.Tail = -1
	if o.tail != "all" {
		n, err := strconv.ParseInt(o.tail, 10, 64)
		if err != nil || n < 0 {
			return usageError(fmt.Errorf("--tail %q is no number of lines, and not all", o.tail))
		}
		o.options.Tail = n
	}
	if o.since != "" {
		age, err := parseAge(o.since, now)
		if err != nil {
			return usageError(fmt.Errorf("--since: %w", err))
		}
		o.options.Since = age
	}
	if o.options.Follow && o.options.Previous {
		return usageError(errors.New("what ran before does not go on: use --follow or --previous"))
	}
	return nil
}

// parseAge reads an age, or a time in the past.
func parseAge(text string, now time.Time) (time.Duration, error) {
	if age, err := time.ParseDuration(text); err == nil && age > 0 {
		return age, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02"} {
		if at, err := time.ParseInLocation(form, text, now.Location()); err == nil && at.Before(now) {
			return now.Sub(at), nil
		}
	}
	return 0, fmt.Errorf("%q is no age such as 10m and no time in the past such as %s", text, now.Add(-time.Hour).UTC().Format(time.RFC3339))
}

// podSuffix is how much longer the name of a pod is, usually, than that of its
// service: the random end of the pod's name.
const podSuffix = len("-x2x7q")

// logPrinter prints lines of logs, with whose they are in a colour of their own.
type logPrinter struct {
	w     io.Writer
	color bool
	times bool
	bare  bool
	// width is that of the widest prefix so far.
	width  int
	colors map[string]string
}

func (p *logPrinter) print(l live.Line) {
	text := l.Text
	if p.times && !l.Time.IsZero() {
		text = l.Time.UTC().Format("2006-01-02T15:04:05.000Z") + " " + text
	}
	if p.bare {
		fmt.Fprintln(p.w, text)
		return
	}
	label := l.Label()
	p.width = max(p.width, utf8.RuneCountInString(label))
	start, end := "", ""
	if p.color {
		start, end = p.colorOf(l.Service.Name), "\x1b[0m"
	}
	fmt.Fprintf(p.w, "%s%-*s |%s %s\n", start, p.width, label, end, text)
}

// colorOf gives every service the next colour, in the order in which they first
// write.
func (p *logPrinter) colorOf(service string) string {
	palette := []string{"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"}
	if p.colors == nil {
		p.colors = map[string]string{}
	}
	if p.colors[service] == "" {
		p.colors[service] = "\x1b[" + palette[len(p.colors)%len(palette)] + "m"
	}
	return p.colors[service]
}
