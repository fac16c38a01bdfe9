package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"

	"gantry/charts/diag"
)

// listing is what a command lists: rows for a person, and the same as values
// for programs.
type listing struct {
	header []string
	rows   [][]string
	// values is a slice; it is encoded as an empty list when there is nothing.
	values any
	// empty is what a person reads when there is nothing.
	empty string
}

// bindOutput gives a command that lists something the flag -o.
func bindOutput(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", "table", "table, json or yaml")
	completeFrom(c, "output", "table", "json", "yaml")
}

// checkOutput refuses a format before any work is done.
func checkOutput(output string) error {
	if !slices.Contains([]string{"table", "json", "yaml"}, output) {
		return usageError(fmt.Errorf("unknown output %q: use table, json or yaml", output))
	}
	return nil
}

// list prints a listing in the format that was asked for.
func (a *app) list(output string, l listing) error {
	if output == "table" {
		if len(l.rows) == 0 {
			fmt.Fprintln(a.Err, l.empty)
			return nil
		}
		return printTable(a.Out, l)
	}
	text, err := json.MarshalIndent(l.values, "", "  ")
	if err != nil {
		return err
	}
	if string(text) == "null" {
		text = []byte("[]")
	}
	if output == "yaml" {
		if text, err = yaml.JSONToYAML(text); err != nil {
			return err
		}
	} else {
		text = append(text, '\n')
	}
	_, err = a.Out.Write(text)
	return err
}

func printTable(w io.Writer, l listing) error {
	var text bytes.Buffer
	tab := tabwriter.NewWriter(&text, 0, 0, 3, ' ', 0)
	for _, row := range append([][]string{l.header}, l.rows...) {
		// Cells are other people's words: a tab or a line break in one would
		// tear the table, and a terminal would obey others.
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = diag.Printable(strings.Join(strings.Fields(cell), " "))
		}
		fmt.Fprintln(tab, strings.Join(cells, "\t"))
	}
	if err := tab.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return err
		}
	}
	return nil
}

// shorten cuts a text for a table.
func shorten(text string, limit int) string {
	runes := []rune(text)
	if len(runes) <= limit {
		return text
	}
	return string(runes[:limit-1]) + "…"
}
