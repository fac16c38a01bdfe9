package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gantry/charts/release"
)

// printAll prints a revision as helm does.
func printAll(a *app, r *release.Release, _ *getOptions) error {
	rows := [][2]string{{"NAME", r.Name}}
	if !r.Updated.IsZero() {
		rows = append(rows, [2]string{"LAST DEPLOYED", r.Updated.Format(time.ANSIC)})
	}
	rows = append(rows, [][2]string{
		{"NAMESPACE", r.Namespace},
		{"STATUS", r.Status},
		{"REVISION", strconv.Itoa(r.Revision)},
		{"CHART", r.Chart},
		{"VERSION", r.ChartVersion},
		{"APP_VERSION", r.AppVersion},
	}...)
	if err := writeRows(a.Out, rows); err != nil {
		return err
	}
	printTests(a, r)
	all, err := r.AllValues()
	if err != nil {
		return err
	}
	for _, part := range []struct {
		title  string
		values map[string]any
	}{{"USER-SUPPLIED VALUES:", r.Values}, {"COMPUTED VALUES:", all}} {
		fmt.Fprintln(a.Out, part.title)
		if err := writeYAML(a.Out, part.values); err != nil {
			return err
		}
		fmt.Fprintln(a.Out)
	}
	fmt.Fprintln(a.Out, "HOOKS:")
	if err := writeHooks(a.Out, r); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "MANIFEST:\n%s\n", r.Manifest)
	if err != nil || r.Notes == "" {
		return err
	}
	_, err = fmt.Fprintf(a.Out, "NOTES:\n%s\n", strings.TrimSpace(r.Notes))
	return err
}

// printTests prints how the tests of a release went.
func printTests(a *app, r *release.Release) {
	tests := 0
	for _, h := range r.Hooks {
		if !slices.Contains(h.Events, "test") {
			continue
		}
		tests++
		if h.Started.IsZero() {
			continue
		}
		fmt.Fprintf(a.Out, "TEST SUITE:     %s\nLast Started:   %s\nLast Completed: %s\nPhase:          %s\n",
			h.Name, h.Started.Format(time.ANSIC), h.Completed.Format(time.ANSIC), h.Phase)
	}
	if tests == 0 {
		fmt.Fprintln(a.Out, "TEST SUITE: None")
	}
}
