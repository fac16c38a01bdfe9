package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"

	"gantry/charts/live"
)

type psOptions struct {
	which  whichRelease
	all    bool
	quiet  bool
	output string
}

func newPs(a *app) *cobra.Command {
	var o psOptions
	c := &cobra.Command{
		Use:   "ps [SERVICE...]",
		Short: "Show the services of a release, and how their pods are",
		Long: `Ps prints the services of a release: how many pods are ready and wanted, the state and
why, restarts, age and ports. Services that have ended or are stopped are left out
without --all. -o wide has a line for each pod.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry ps
  gantry ps --release shop -n prod -o wide
  gantry ps -o json web`,
		RunE: func(cmd *cobra.Command, args []string) error { return runPs(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "f")
	f := c.Flags()
	f.BoolVarP(&o.all, "all", "a", false, "show also what has ended or is stopped")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print the names of the pods only")
	f.StringVarP(&o.output, "output", "o", "table", "table, wide, json or yaml")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "wide", "json", "yaml"}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

func runPs(ctx context.Context, a *app, names []string, o *psOptions) error {
	if o.output != "wide" {
		if err := checkOutput(o.output); err != nil {
			return err
		}
	}
	app, services, err := o.which.services(ctx, a, names)
	if err != nil {
		return err
	}
	list, err := app.Status(ctx, services)
	if err != nil {
		return a.releaseError(err)
	}
	shown := list
	if !o.all && len(names) == 0 {
		shown = slices.DeleteFunc(slices.Clone(list), func(s live.Status) bool { return s.State == live.Complete || s.State == live.Stopped })
	}
	switch {
	case o.quiet:
		a.printPods(shown)
		return nil
	case o.output == "wide":
		return a.list("table", a.podTable(shown))
	case o.output != "table":
		return a.list(o.output, listing{values: shown})
	}
	if err := a.list("table", a.serviceTable(shown)); err != nil {
		return err
	}
	a.explainServices(shown)
	var hidden []string
	for _, s := range list {
		if !slices.ContainsFunc(shown, func(one live.Status) bool { return one.Service == s.Service }) {
			hidden = append(hidden, s.Name)
		}
	}
	if len(hidden) > 0 {
		fmt.Fprintf(a.Err, "ended or stopped: %s (gantry ps --all%s shows them)\n", strings.Join(hidden, ", "), o.which.again(a))
	}
	return nil
}

// printPods prints the names of pods, each once: services may share them.
func (a *app) printPods(list []live.Status) {
	told := map[[2]string]bool{}
	for _, s := range list {
		for _, p := range s.Pods {
			if at := [2]string{s.Namespace, p.Name}; !told[at] {
				told[at] = true
				fmt.Fprintln(a.Out, p.Name)
			}
		}
	}
}

func (a *app) serviceTable(list []live.Status) listing {
	l := listing{header: []string{"SERVICE", "READY", "STATE", "RESTARTS", "AGE", "PORTS", "IMAGE"}, empty: "nothing runs"}
	for _, s := range list {
		ready := fmt.Sprintf("%d/%d", s.Ready, s.Desired)
		if s.State == live.Scheduled || s.State == live.Missing {
			ready = "-"
		}
		l.rows = append(l.rows, []string{
			s.Name, ready, withReason(s.State, s.Reason), strconv.Itoa(s.Restarts), a.age(s.Created.Time), ports(s.Ports), strings.Join(s.Images, ","),
		})
	}
	return l
}

// podTable has a row for each pod, numbered as --index counts them.
func (a *app) podTable(list []live.Status) listing {
	l := listing{header: []string{"SERVICE", "INDEX", "POD", "READY", "STATE", "RESTARTS", "AGE", "IP", "NODE", "PORTS", "IMAGE"}, empty: "nothing runs"}
	for _, s := range list {
		if len(s.Pods) == 0 {
			l.rows = append(l.rows, []string{s.Name, "-", "-", "-", withReason(s.State, s.Reason), "-", a.age(s.Created.Time), "-", "-", ports(s.Ports), strings.Join(s.Images, ",")})
		}
		for i, p := range s.Pods {
			ready, all := 0, 0
			for _, c := range p.Containers {
				if !c.Init {
					all++
				}
				if !c.Init && c.Ready {
					ready++
				}
			}
			l.rows = append(l.rows, []string{
				s.Name, strconv.Itoa(i + 1), p.Name, fmt.Sprintf("%d/%d", ready, all), withReason(p.State, p.Reason), strconv.Itoa(p.Restarts),
				a.age(p.Created.Time), orDash(p.IP), orDash(p.Node), ports(s.Ports), strings.Join(s.Images, ","),
			})
		}
	}
	return l
}

// explainServices says below a table why services are not well.
func (a *app) explainServices(list []live.Status) {
	for _, s := range list {
		if s.Message == "" || s.State == live.Paused {
			continue
		}
		fmt.Fprintf(a.Err, "%s: %s\n", s.Name, strings.Join(strings.Fields(s.Message), " "))
		if s.State == live.Failing && s.Restarts > 0 || s.State == live.Failed {
			fmt.Fprintf(a.Err, "  see what it wrote with: gantry logs %s\n", s.Name)
		}
	}
}

func withReason(state live.State, reason string) string {
	if reason == "" {
		return string(state)
	}
	return fmt.Sprintf("%s (%s)", state, reason)
}

// ports says how a service is reached. Its own port is left out where a published one
// leads to it.
func ports(list []live.Port) string {
	var texts []string
	for _, p := range list {
		published := func(other live.Port) bool {
			return other.Published != p.Published && other.Target == p.Target && other.Protocol == p.Protocol
		}
		if p.Published != p.Target || !slices.ContainsFunc(list, published) {
			texts = append(texts, p.String())
		}
	}
	return orDash(strings.Join(texts, ", "))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// age says how long ago something was, as kubectl does.
func (a *app) age(t time.Time) string {
	return ageOf(t, a.Now())
}

func ageOf(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return duration.HumanDuration(max(now.Sub(t), 0))
}
