package report_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/report"
)

func TestText(t *testing.T) {
	long := strings.Repeat("x", 150)
	result := &convert.Result{Files: []compose.File{{Name: "compose.yaml", Data: []byte(`services:
  web:
    environment: {DB_PASSWORD: hunter2, PORT: "1"}
    labels: [日本=1, b]
	pid: host
    x: ` + long + ` end
    image: "a` + "\x1b[31m\u202e" + `b"
`)}}}
	at := func(line, column int, path ...string) diag.Diagnostic {
		return diag.Diagnostic{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: line, Column: column}, Path: path, Code: "code", Summary: "is so"}
	}
	for _, c := range []struct {
		name string
		in   diag.List
		want string
	}{
		{"a key, twice, with hints", diag.List{
			{Severity: diag.Error, Pos: diag.Pos{File: "compose.yaml", Line: 2, Column: 3}, Path: diag.Path{"services", "web"}, Code: "a", Summary: "is wrong", Hint: "mend it"},
			{Severity: diag.Note, Pos: diag.Pos{File: "compose.yaml", Line: 2, Column: 3}, Path: diag.Path{"services", "web"}, Summary: "is strange", Hint: "two\nlines"},
		}, `compose.yaml:2:3: error: services.web: is wrong [a]
    2 |   web:
      |   ^^^
    hint: mend it
compose.yaml:2:3: note: services.web: is strange
    hint: two
lines
`},
		{"several services by one anchor", diag.List{
			{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "web", "pid"}, Code: "a", Summary: "of web is shared", Hint: "ask web"},
			{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "app", "pid"}, Code: "a", Summary: "of app is shared", Hint: "ask app"},
			{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "job", "pid"}, Code: "a", Summary: "is another matter"},
			{Severity: diag.Note, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "one", "pid"}, Code: "a", Summary: "of one is shared", Hint: "ask one"},
			{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "two", "pid"}, Code: "a", Summary: "of two is shared", Hint: "ask two"},
		}, `compose.yaml:5: warning: services.web.pid: of web is shared [a]
    5 | 	pid: host
    hint: ask web
    as in services.app, services.two

compose.yaml:5: warning: services.job.pid: is another matter [a]

compose.yaml:5: note: services.one.pid: of one is shared [a]
    hint: ask one
`},
		{"a note about several services as a whole", diag.List{
			{Severity: diag.Note, Pos: diag.Pos{File: "compose.yaml", Line: 2}, Path: diag.Path{"services", "web"}, Code: "a", Summary: "has nothing", Hint: "give it something"},
			{Severity: diag.Note, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "app"}, Code: "a", Summary: "has nothing", Hint: "give it something"},
			{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: 5}, Path: diag.Path{"services", "job"}, Code: "a", Summary: "has nothing", Hint: "give it something"},
		}, `compose.yaml:2: note: services.web: has nothing [a]
    2 |   web:
    hint: give it something
    as in services.app

compose.yaml:5: warning: services.job: has nothing [a]
    5 | 	pid: host
    hint: give it something
`},
		{"a secret in the way of the key", diag.List{at(3, 41, "services", "web", "environment", "PORT")}, `compose.yaml:3:41: warning: services.web.environment.PORT: is so [code]
    3 |     environment: {DB_PASSWORD: •••, PORT: "1"}
`},
		{"wide runes", diag.List{at(4, 14, "services", "web", "labels", "日本"), at(4, 20, "services", "web", "labels", "b")}, `compose.yaml:4:14: warning: services.web.labels.日本: is so [code]
    4 |     labels: [日本=1, b]
      |              ^^^^
compose.yaml:4:20: warning: services.web.labels.b: is so [code]
    4 |     labels: [日本=1, b]
      |                      ^
`},
		{"a tab", diag.List{at(5, 2, "services", "web", "pid")}, "compose.yaml:5:2: warning: services.web.pid: is so [code]\n    5 | \tpid: host\n      | \t^^^\n"},
		{"a long line", diag.List{at(6, 5, "services", "web", "x"), at(6, 159, "services", "web", "y")}, `compose.yaml:6:5: warning: services.web.x: is so [code]
    6 |     x: ` + long[:113] + `…
      |     ^
compose.yaml:6:159: warning: services.web.y: is so [code]
    6 | …` + long[:115] + ` end
      |  ` + strings.Repeat(" ", 116) + `^^^
`},
		{"what a terminal would obey", diag.List{{Severity: diag.Error, Pos: diag.Pos{File: "compose.yaml", Line: 7, Column: 12}, Path: diag.Path{"services", "\x1b[2J"}, Summary: "is\nso"}}, `compose.yaml:7:12: error: services.\x1b[2J: is\x0aso
    7 |     image: "a\x1b[31m\u202eb"
      |            ^^^^^^^^^^^^^^^^^^
`},
		{"no place, no file, no such line", diag.List{
			{Severity: diag.Error, Summary: "there is no file"},
			{Severity: diag.Error, Pos: diag.Pos{File: "compose.yaml"}, Summary: "is too large"},
			{Severity: diag.Error, Pos: diag.Pos{File: "other.yaml", Line: 1, Column: 1}, Summary: "is empty"},
			{Severity: diag.Error, Pos: diag.Pos{File: "compose.yaml", Line: 99, Column: 1}, Summary: "ends"},
		}, `error: there is no file

compose.yaml: error: is too large
compose.yaml:99:1: error: ends

other.yaml:1:1: error: is empty
`},
		{"services apart", diag.List{at(2, 3, "services", "web"), at(2, 3, "services", "db", "x"), at(3, 5, "services", "web", "environment")}, `compose.yaml:2:3: warning: services.web: is so [code]
    2 |   web:
      |   ^^^
compose.yaml:3:5: warning: services.web.environment: is so [code]
    3 |     environment: {DB_PASSWORD: •••, PORT: "1"}
      |     ^^^^^^^^^^^

compose.yaml:2:3: warning: services.db.x: is so [code]
    2 |   web:
      |   ^^^
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			report.NewText(result).Write(&b, c.in)
			if diff := cmp.Diff(c.want, b.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTextInColor(t *testing.T) {
	text := report.NewText(nil)
	text.Color = true
	var b strings.Builder
	text.Write(&b, diag.List{{Severity: diag.Warning, Pos: diag.Pos{File: "a", Line: 1, Column: 2}, Path: diag.Path{"p"}, Code: "c", Summary: "s", Hint: "h"}})
	want := "\x1b[1ma:1:2\x1b[0m: \x1b[1;33mwarning:\x1b[0m p: s\x1b[2m [c]\x1b[0m\n    \x1b[32mhint:\x1b[0m h\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

// FuzzText prints a diagnostic that stands anywhere, about anything, and wants
// its first line to be there and nothing that a terminal obeys.
func FuzzText(f *testing.F) {
	f.Add("services:\n  web: {pid: host}\n", "web", "is so", 2, 3)
	f.Add("a: \"b\n", "\x1b[2J", "x\ny", 1, 4)
	f.Add("\t日本: 1", "日本", "", 1, 2)
	f.Fuzz(func(t *testing.T, text, key, summary string, line, column int) {
		if line < 0 || column < 0 {
			t.Skip("positions are not negative")
		}
		d := diag.Diagnostic{Severity: diag.Warning, Pos: diag.Pos{File: "compose.yaml", Line: line, Column: column}, Path: diag.Path{"services", key}, Code: "code", Summary: summary}
		var b strings.Builder
		report.NewText(&convert.Result{Files: []compose.File{{Name: "compose.yaml", Data: []byte(text)}}}).Write(&b, diag.List{d})
		first, _, _ := strings.Cut(b.String(), "\n")
		if !strings.HasPrefix(first, d.Pos.String()+": warning: services.") || !strings.HasSuffix(first, " [code]") {
			t.Errorf("the first line is %q", first)
		}
		for _, r := range b.String() {
			if r != '\n' && r != '\t' && unicode.IsControl(r) {
				t.Errorf("%q has a control character", b.String())
			}
		}
	})
}
