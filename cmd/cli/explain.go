package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gantry/convert/extension"
	"gantry/convert/rules"
	"gantry/convert/support"
)

type explainOptions struct {
	outcome string
	section string
	search  string
	output  string
}

func newExplain(a *app) *cobra.Command {
	var o explainOptions
	c := &cobra.Command{
		Use:   "explain [PATH]",
		Short: "Say what becomes of an attribute of Compose",
		Long: `Explain prints what becomes of each attribute of Compose, or of one: whether it
is converted, approximated or ignored, which fields of Kubernetes it reaches, what
Compose says of it, and an example. A path is written as in the Compose file, with
any name or * for the service; what goes without saying may be left out. The
fields of x-kubernetes are explained as well, and -o json prints their schema;
of each label of kompose it says which field of x-kubernetes it stands for.

` + exitCodesHelp,
		Example: `  gantry explain healthcheck
  gantry explain services.web.ports.published
  gantry explain --outcome ignored --section services
  gantry explain --search probe -o json
  gantry explain x-kubernetes.autoscale
  gantry explain kompose.service
  gantry explain x-kubernetes -o json > x-kubernetes.schema.json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return runExplainPath(a, &o, args[0])
			}
			return runExplain(a, &o)
		},
		ValidArgsFunction: completeAttributes,
	}
	f := c.Flags()
	f.StringVar(&o.outcome, "outcome", "", "list what has this outcome: "+strings.Join(outcomes(), ", "))
	f.StringVar(&o.section, "section", "", "list a part of the Compose file: "+strings.Join(support.Sections(), ", "))
	f.StringVar(&o.search, "search", "", "list what mentions this word")
	bindOutput(c, &o.output)
	_ = c.RegisterFlagCompletionFunc("outcome", cobra.FixedCompletions(outcomes(), cobra.ShellCompDirectiveNoFileComp))
	_ = c.RegisterFlagCompletionFunc("section", cobra.FixedCompletions(support.Sections(), cobra.ShellCompDirectiveNoFileComp))
	return c
}

// outcomes are those that a row of the table may have.
func outcomes() []string {
	var all []string
	for _, o := range rules.RowOutcomes() {
		all = append(all, string(o))
	}
	return all
}

// completeAttributes completes the path of an attribute.
func completeAttributes(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	entries, err := support.Entries()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	known := append(support.Completions(entries), extension.Key)
	for _, f := range extension.Fields() {
		known = append(known, extension.Key+"."+strings.ReplaceAll(f.Path, "[]", ""))
	}
	for _, label := range extension.Labels() {
		known = append(known, label.Name)
	}
	slices.Sort(known)
	return slices.DeleteFunc(slices.Compact(known), func(path string) bool { return !strings.HasPrefix(path, begun) }), cobra.ShellCompDirectiveNoFileComp
}

// runExplain lists the support table.
func runExplain(a *app, o *explainOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	entries, err := support.Entries()
	if err != nil {
		return err
	}
	entries = support.Filter{Outcome: rules.Outcome(o.outcome), Section: o.section, Word: o.search}.Select(entries)
	return a.list(o.output, attributeListing(entries))
}

func (o *explainOptions) check() error {
	if o.outcome != "" && !slices.Contains(outcomes(), o.outcome) {
		return usageError(fmt.Errorf("unknown outcome %q: use %s", o.outcome, strings.Join(outcomes(), ", ")))
	}
	if o.section != "" && !slices.Contains(support.Sections(), o.section) {
		return usageError(fmt.Errorf("unknown section %q: use %s", o.section, strings.Join(support.Sections(), ", ")))
	}
	return checkOutput(o.output)
}

func attributeListing(entries []support.Entry) listing {
	l := listing{header: []string{"ATTRIBUTE", "OUTCOME", "WHAT BECOMES OF IT"}, values: entries, empty: "no attribute is like that"}
	for _, e := range entries {
		l.rows = append(l.rows, []string{e.Path, string(e.Outcome), e.Text})
	}
	return l
}

// checkPath refuses flags that have no meaning beside a path.
func (o *explainOptions) checkPath() error {
	if o.outcome != "" || o.section != "" || o.search != "" {
		return usageError(errors.New("--outcome, --section and --search choose from the table: leave them out, or the path"))
	}
	return checkOutput(o.output)
}

// runExplainPath tells all of one attribute.
func runExplainPath(a *app, o *explainOptions, path string) error {
	if err := o.checkPath(); err != nil {
		return err
	}
	switch name, _, _ := strings.Cut(path, "."); name + "." {
	case extension.Key + ".":
		return explainExtension(a, o.output, path)
	case extension.LabelPrefix:
		return explainLabels(a, o.output, path)
	}
	entries, err := support.Entries()
	if err != nil {
		return err
	}
	answer, err := support.Find(entries, path)
	if missing, ok := errors.AsType[*support.NotFoundError](err); ok {
		hint := "see them all with: gantry explain"
		if len(missing.Similar) > 0 {
			hint = "did you mean " + strings.Join(missing.Similar, ", ") + "?"
		}
		return withHint(notFoundError(err), hint)
	}
	if err != nil {
		return err
	}
	if o.output != "table" {
		return a.list(o.output, attributeListing(append([]support.Entry{answer.Entry}, answer.Below...)))
	}
	samples, err := support.NewSamples(entries)
	if err != nil {
		return err
	}
	return printAttribute(a.Out, answer, samples)
}

// printAttribute writes what there is to know of one attribute.
func printAttribute(w io.Writer, answer *support.Answer, samples *support.Samples) error {
	e := &answer.Entry
	said := e.Text
	if !e.Own() {
		said += ", as all of " + e.Row
	}
	fmt.Fprintf(w, "%s: %s\n    %s\n\n", e.Path, e.Outcome, said)
	for _, line := range [][2]string{{"Kubernetes", e.Fields}, {"Compose", e.Description}, {"Takes", e.Takes}, {"See also", strings.Join(answer.Also, ", ")}} {
		if line[1] != "" {
			fmt.Fprintf(w, "%-12s%s\n", line[0], line[1])
		}
	}
	if sample, ok := samples.Of(e.Path); ok {
		example, err := sample.Example()
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "\nExample:\n    %s\n", strings.ReplaceAll(strings.TrimSpace(example), "\n", "\n    "))
	}
	return printBelow(w, answer)
}

// printBelow lists the attributes below, those that have no row of their own by
// their names alone.
func printBelow(w io.Writer, answer *support.Answer) error {
	var same []string
	own := answer.Below[:0:0]
	for _, e := range answer.Below {
		if e.Own() {
			own = append(own, e)
		} else {
			same = append(same, strings.TrimPrefix(e.Path, answer.Entry.Path+"."))
		}
	}
	if len(same) > 0 {
		fmt.Fprintf(w, "\nWith it:\n    %s\n", strings.Join(same, ", "))
	}
	if len(own) == 0 {
		return nil
	}
	fmt.Fprint(w, "\nBelow it:\n")
	return printTable(w, attributeListing(own))
}
