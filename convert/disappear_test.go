package convert_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/rules"
	"gantry/convert/support"
)

// TestNothingDisappears takes each attribute of Compose away from a file that
// uses it: either the objects change, or a diagnostic of the whole file names the attribute.
// The attributes are those of the schema, so that a new one of Compose fails
// here until it has a row and a sample.
func TestNothingDisappears(t *testing.T) {
	entries, err := support.Entries()
	if err != nil {
		t.Fatal(err)
	}
	samples, err := support.NewSamples(entries)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, support.SampleFiles()); err != nil {
		t.Fatal(err)
	}
	c := &converter{dir: dir, done: map[string]*convert.Result{}}
	for _, e := range entries {
		if sample, ok := samples.Of(e.Path); ok {
			c.checkAttribute(t, e, sample)
		} else {
			t.Errorf("%s: no sample uses it", e.Path)
		}
	}
}

// converter converts samples, each once.
type converter struct {
	dir  string
	done map[string]*convert.Result
}

func (c *converter) checkAttribute(t *testing.T, e support.Entry, sample *support.Sample) {
	t.Helper()
	file, err := sample.File()
	if err != nil {
		t.Fatal(err)
	}
	less, err := sample.Without()
	if err != nil {
		t.Fatal(err)
	}
	with := c.convert(t, file)
	if err := with.Diagnostics.Err(); err != nil {
		t.Errorf("%s: the sample is refused: %v\n%s", e.Path, err, file)
		return
	}
	quiet := isQuiet(e.Row, e.Path)
	lost := !named(with.Diagnostics, sample.Keys) && sameResult(t, with, c.convert(t, less))
	switch {
	case lost && !quiet:
		t.Errorf("%s disappears: without it the result is the same, and no diagnostic names it", e.Path)
	case !lost && quiet && e.Own():
		t.Errorf("%s does not disappear: it is no exception", e.Path)
	}
}

// sameResult reports whether two conversions print the same objects and say the
// same, the positions aside.
func sameResult(t *testing.T, a, b *convert.Result) bool {
	t.Helper()
	said := func(r *convert.Result) string {
		list := slices.Clone(r.Diagnostics)
		for i := range list {
			list[i].Pos = diag.Pos{}
		}
		list.Sort()
		return printReport(list)
	}
	return said(a) == said(b) && printObjects(t, a) == printObjects(t, b)
}

// rowName is a row's path below the section that services, jobs and hooks share.
func rowName(path string) string {
	for _, home := range []string{"services.*.pre_start.[].", "services.*.", "jobs.*."} {
		if rest, ok := strings.CutPrefix(path, home); ok {
			return rest
		}
	}
	return path
}

// isQuiet reports whether nothing need come of an attribute.
func isQuiet(row, path string) bool {
	quiet := quietRows()
	return quiet[rowName(row)] != "" || quiet[rowName(path)] != "" || quiet[path] != ""
}

// quietRows are the rows, and parts of them, that change nothing and are not
// reported, with the reason. There is no other way for a key to disappear.
func quietRows() map[string]string {
	return map[string]string{
		"x-*": "means nothing to Compose or to gantry",
	}
}

// named reports whether a diagnostic is about a key, or about the attribute
// that the key is a part of.
func named(list diag.List, keys []string) bool {
	return slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
		n := min(len(keys), len(d.Path))
		return n > min(2, len(keys)-1) && slices.Equal(d.Path[:n], keys[:n])
	})
}

func (c *converter) convert(t *testing.T, text string) *convert.Result {
	t.Helper()
	if done := c.done[text]; done != nil {
		return done
	}
	result, err := convert.Convert(t.Context(), compose.Source{
		Files: []string{"-"}, Stdin: strings.NewReader(text), WorkingDir: c.dir, Dir: c.dir, Environ: []string{"TOKEN=abc", "ZONE=a"},
	}, rules.Options{})
	if result == nil {
		t.Fatal(err)
	}
	c.done[text] = result
	return result
}
