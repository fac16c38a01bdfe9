package cli

import (
	"bufio"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

// printPlan prints what a plan does, an object after the other. Objects in which
// nothing differs but the labels that name versions are only counted, unless
// labels are wanted.
func (a *app) printPlan(p *release.Plan, labels bool) {
	labelled := 0
	for _, s := range p.Steps {
		switch {
		case s.Do == release.Leave, s.Do == release.Run:
			continue
		case s.LabelsOnly && s.Do == release.Change && !labels:
			labelled++
			continue
		}
		a.printStep(s)
	}
	for _, s := range p.Steps {
		if s.Do == release.Run && p.Changes() {
			fmt.Fprintf(a.Out, "run %s (hook %s)\n", s.Object, strings.Join(s.Hook, ", "))
		}
	}
	if !p.Changes() {
		fmt.Fprintf(a.Err, "%s and %s are alike\n", p.From, p.To)
		return
	}
	summary := fmt.Sprintf("between %s and %s: %s", p.From, p.To, p.Summary())
	if labelled > 0 {
		summary += fmt.Sprintf("; %s differ in labels that name versions only (--labels shows them)", countOf(labelled, "object"))
	}
	fmt.Fprintln(a.Err, summary)
}

func (a *app) printStep(s *release.Step) {
	fmt.Fprintf(a.Out, "%s %s", s.Do, s.Object)
	if s.Reason != "" {
		fmt.Fprintf(a.Out, ": %s", s.Reason)
	}
	fmt.Fprintln(a.Out)
	for _, d := range s.After {
		if d.Until != "" {
			fmt.Fprintf(a.Out, "  waits until %s is %s\n", d.Object, d.Until)
		}
	}
	if s.Lost != "" {
		fmt.Fprintf(a.Out, "  lost: %s\n", s.Lost)
	}
	for _, c := range s.Taken {
		fmt.Fprintf(a.Out, "  takes over %s\n", c)
	}
	if s.Diff != "" && s.Do != release.Delete && s.Do != release.Keep {
		fmt.Fprintln(a.Out, strings.TrimRight(s.Diff, "\n"))
	}
}

// bindYes gives a command the flag --yes.
func bindYes(c *cobra.Command, yes *bool) {
	c.Flags().BoolVarP(yes, "yes", "y", false, "do not ask; nobody is asked when the input is no terminal")
}

// confirm shows the plan to a person and asks. Nobody is asked who cannot answer,
// who has answered already, or when nothing would change.
func (a *app) confirm(yes bool) func(*release.Plan) error {
	if yes || !isTerminal(a.In) || !isTerminal(a.Err) {
		return nil
	}
	return func(p *release.Plan) error {
		if !p.Changes() {
			return nil
		}
		a.printPlan(p, false)
		if !a.ask("Go on?") {
			return release.ErrDeclined
		}
		return nil
	}
}

// ask asks a person; anything but yes is no.
func (a *app) ask(question string) bool {
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	answer, _ := bufio.NewReader(a.In).ReadString('\n')
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes"
}
