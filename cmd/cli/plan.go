package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/release"
)

// printPlan prints what a plan does, an object after the other. Objects in which
// nothing differs but the labels that name versions are only counted, unless
// labels are wanted. The summary goes to standard error.
func (a *app) printPlan(w io.Writer, p *release.Plan, labels bool) {
	labelled := 0
	for _, s := range p.Steps {
		switch {
		case s.Do == release.Leave, s.Do == release.Run:
			continue
		case s.LabelsOnly && s.Do == release.Change && !labels:
			labelled++
			continue
		}
		printStep(w, s)
	}
	for _, s := range p.Steps {
		if s.Do == release.Run && p.Changes() {
			fmt.Fprintf(w, "run %s (hook %s)\n", s.Object, strings.Join(s.Hook, ", "))
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

func printStep(w io.Writer, s *release.Step) {
	fmt.Fprintf(w, "%s %s", s.Do, s.Object)
	if s.Reason != "" {
		fmt.Fprintf(w, ": %s", s.Reason)
	}
	fmt.Fprintln(w)
	for _, d := range s.After {
		if d.Until != "" {
			fmt.Fprintf(w, "  waits until %s is %s\n", d.Object, d.Until)
		}
	}
	if s.Lost != "" {
		fmt.Fprintf(w, "  lost: %s\n", s.Lost)
	}
	for _, c := range s.Taken {
		fmt.Fprintf(w, "  takes over %s\n", c)
	}
	if s.Diff != "" && s.Do != release.Delete && s.Do != release.Keep {
		fmt.Fprintln(w, strings.TrimRight(s.Diff, "\n"))
	}
}

// bindYes gives a command the flag --yes.
func bindYes(c *cobra.Command, yes *bool) {
	c.Flags().BoolVarP(yes, "yes", "y", false, "do not ask; nobody is asked when the input is no terminal")
}

// goOn is what is asked about a plan that says all.
const goOn = "Go on?"

// asks reports whether a person is there to be asked.
func (a *app) asks() bool { return isTerminal(a.In) && isTerminal(a.Err) }

// confirm shows the plan to a person and asks. Nobody is asked who cannot answer,
// who has answered already, when nothing would change, or when all of it is new.
func (a *app) confirm(yes bool, question string) func(context.Context, *release.Plan) error {
	if yes || !a.asks() {
		return nil
	}
	return func(ctx context.Context, p *release.Plan) error {
		if !p.Changes() || p.Fresh() {
			return nil
		}
		a.printPlan(a.Err, p, false)
		agreed, err := a.ask(ctx, question)
		if err == nil && !agreed {
			err = release.ErrDeclined
		}
		return err
	}
}

// ask asks a person; anything but yes is no. The error is the end of the context: who
// types Ctrl-C has answered, too.
func (a *app) ask(ctx context.Context, question string) (bool, error) {
	fmt.Fprintf(a.Err, "%s [y/N] ", question)
	answers := make(chan string, 1)
	go func() { // it ends with the process where nobody answers: reading cannot be interrupted
		answer, _ := bufio.NewReader(a.In).ReadString('\n')
		answers <- strings.ToLower(strings.TrimSpace(answer))
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(a.Err)
		return false, ctx.Err()
	case answer := <-answers:
		return answer == "y" || answer == "yes", nil
	}
}
