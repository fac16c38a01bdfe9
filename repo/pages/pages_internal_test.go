package pages

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chart"
)

func TestMarkdown(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a link", "[text](https://example.com)", `<p><a href="https://example.com" rel="nofollow noreferrer">text</a></p>`},
		{"a script", "<script>alert(1)</script>", ""},
		{"a handler", `<p onclick="x()">text</p>`, "<p>text</p>"},
		{"a script in a link", "[text](javascript:alert(1))", "<p>text</p>"},
		{"a style", `<p style="position:fixed">text</p><style>*{}</style>`, "<p>text</p>"},
		{"a form", `<form action="https://example.com"><input></form>`, ""},
		{"a frame", `<iframe src="https://example.com"></iframe>`, ""},
		{"a picture", "![logo](https://example.com/logo.png)", `<p><a href="https://example.com/logo.png" rel="nofollow noreferrer">logo</a></p>`},
		{"a picture in a link", "[![badge](https://example.com/b.svg)](https://example.com)", `<p><a href="https://example.com" rel="nofollow noreferrer">badge</a></p>`},
		{"a picture without a text", "![](https://example.com/logo.png)", "<p></p>"},
		{"a picture without a text in HTML", `<img src="https://example.com/logo.png">`, ""},
		{"a picture in HTML", `<p><img alt="logo" src="https://example.com/logo.png" onerror="x()"> and</p>`, `<p><a href="https://example.com/logo.png" rel="nofollow noreferrer">logo</a> and</p>`},
		{"a picture in a link in HTML", `<a href="https://example.com"><img alt="badge" src="b.svg"></a>`, `<p><a href="https://example.com" rel="nofollow noreferrer">badge</a></p>`},
		{"a picture that runs something", `<p><img alt="a" src="javascript:b"><img alt="c" src="data:text/html,d"></p>`, "<p>ac</p>"},
		{"a link around nothing", `<p><a href="https://example.com"><img src="b.svg"></a></p>`, "<p></p>"},
		{"an id that is a field of documents", `<p id="cookie">text</p>`, "<p>text</p>"},
		{"a table", "| a |\n|---|\n| b |", `<table tabindex="0"><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody></table>`},
		{"tasks", "- [x] a\n- [ ] b", "<ul><li>☑ a</li><li>☐ b</li></ul>"},
		{"a heading", "# Some *thing*", `<h1 id="some-thing">Some <em>thing</em></h1>`},
		{"an end that nothing began", "</div></main>text", "text"},
		{"a beginning without an end", "<div>\n\ntext", "<div><p>text</p></div>"},
		{"what is not known within what is", "<div><center>a <b>bold</b> text</center></div>", "<div>a bold text</div>"},
		{"a foreign language", `<div><svg><a href="https://example.com">a</a></svg><math>b</math></div>`, "<div></div>"},
		{"a link with a hidden scheme", `<a href="java&#10;script:alert(1)">a</a><a href=" javascript:b">c</a><a href="data:text/html,d">e</a>`, "<p>ace</p>"},
		{"a link to a file of the chart", "[text](values.yaml#a) ![picture](docs/a.png)", "<p>text picture</p>"},
		{"a link to a heading", "[text](#install)", `<p><a href="#install" rel="nofollow noreferrer">text</a></p>`},
		{"a link without a scheme", "[text](//example.com)", `<p><a href="//example.com" rel="nofollow noreferrer">text</a></p>`},
		{"a table in HTML", `<table><tr><td colspan="2" align="center" style="a" onclick="b">c</td></tr></table>`, `<table tabindex="0"><tbody><tr><td align="center" colspan="2">c</td></tr></tbody></table>`},
		{"what nobody nests", strings.Repeat("<div>", 600) + "<script>", "<pre>" + strings.Repeat("&lt;div&gt;", 600) + "&lt;script&gt;</pre>"},
		{"code", "```yaml\na: <b>\n```", `<pre tabindex="0"><code class="language-yaml">a: &lt;b&gt;</code></pre>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := markdown([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(strings.TrimSpace(string(got)), "\n", ""); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// FuzzMarkdown looks for anything that runs or loads in what a README becomes.
func FuzzMarkdown(f *testing.F) {
	f.Add("# a\n\n<img src=x onerror=alert(1)>\n\n[a](javascript:b)\n\n![c](d)")
	f.Add("<svg><script>a</script></svg>")
	f.Add("[![a](b)![c](d)](e)")
	f.Add("<table><div><a href=b><p><a href=c></table></p>")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := markdown([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if again, err := sanitize([]byte(got)); err != nil || again != got {
			t.Errorf("not what it was written as: %s, %v\nfrom %s", again, err, got)
		}
		for _, bad := range []string{"<script", "<img", "<iframe", "<style", "<form", "<svg", "<object", `href="javascript:`} {
			if strings.Contains(strings.ToLower(string(got)), bad) {
				t.Errorf("%q is in %s", bad, got)
			}
		}
	})
}

// TestMarkdownIsBounded wants what would take the parser minutes or gigabytes to stay
// the text that was written.
func TestMarkdownIsBounded(t *testing.T) {
	tests := []struct{ name, in, element string }{
		{"a table that is filled up", "|" + strings.Repeat("a|", 3000) + "\n|" + strings.Repeat("-|", 3000) + "\n" + strings.Repeat("|b\n", 3000), "<td>"},
		{"quotes in quotes", strings.Repeat(">", maxMarkdown), "<blockquote>"},
		{"lists in lists", strings.Repeat("1. ", maxMarkdown/3), "<ol>"},
		{"links without an end", strings.Repeat("[a](", maxMarkdown/4), "<a "},
		{"links whose addresses have no end", strings.Repeat("[a](<b", maxMarkdown/6), "<a "},
		{"links in one paragraph", strings.Repeat("[a](b) ", maxMarkdown/7), "<a "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := markdown([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if len(got) > 10*len(tt.in) || strings.Count(string(got), tt.element) > 2000 {
				t.Errorf("%d bytes became %d, with %d times %s", len(tt.in), len(got), strings.Count(string(got), tt.element), tt.element)
			}
		})
	}
	usual := strings.Repeat("- [a](#b), [c](#d) and ![e](//f)\n", 2000) + "\n|a|b|\n|-|-|\n" + strings.Repeat("|[a](#b)|c|\n", 2000)
	got, err := markdown([]byte(usual))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(got), "<a "); n != 8000 {
		t.Errorf("of 8000 usual links, %d are left", n)
	}
}

func TestSearch(t *testing.T) {
	cards := []homeCard{
		{Card: &Card{Name: "mysql", Description: "A database"}},
		{Card: &Card{Name: "mysql-exporter", Description: "Metrics of mysql"}},
		{Card: &Card{Name: "postgres", Keywords: []string{"database", "SQL"}}, Repository: "acme/prod/"},
		{Card: &Card{Name: "web", Description: "A site that needs a database", AppVersion: "8.4"}},
	}
	tests := []struct {
		query string
		want  []string
	}{
		{"", []string{"mysql", "mysql-exporter", "postgres", "web"}},
		{"mysql", []string{"mysql", "mysql-exporter"}},
		{"DATABASE", []string{"postgres", "mysql", "web"}},
		{"sql", []string{"mysql", "mysql-exporter", "postgres"}},
		{"database site", []string{"web"}},
		{"8.4", []string{"web"}},
		{"acme/prod sql", []string{"postgres"}},
		{"nothing", nil},
		{"database nothing", nil},
		{strings.Repeat("é", maxQuery), nil},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range search(cards, tt.query) {
			got = append(got, c.Name)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.query, diff)
		}
	}
}

func TestValues(t *testing.T) {
	c := &chart.Chart{
		Raw: []*chart.File{{Name: "values.yaml", Data: []byte(`# Something about the file

# About the image.
image:
  # -- Where it comes from
  # @section -- Image
  repository: nginx
  tag: ""
replicas: 2
# any
extra: {}
hosts: [a, {b: c}]
nothing:
`)}},
		Schema: []byte(`{"properties":{"replicas":{"type":["integer","null"],"description":"How many pods"},"image":{"properties":{"tag":{"type":"string","description":"Its tag"}}}}}`),
	}
	rows, files := values(c)
	want := []valueRow{
		{"image.repository", "string", `"nginx"`, "Where it comes from"},
		{"image.tag", "string", `""`, "Its tag"},
		{"replicas", "integer", "2", "How many pods"},
		{"extra", "object", "{}", "any"},
		{"hosts", "array", `["a",{"b":"c"}]`, ""},
		{"nothing", "", "", ""},
	}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(files) != 2 || files[0].Name != "values.yaml" || files[1].Name != "values.schema.json" {
		t.Errorf("the files are %v", files)
	}
}

func TestChangedLines(t *testing.T) {
	numbers := strings.Join(strings.Split("1234567890", ""), "\n")
	tests := []struct {
		name          string
		before, after string
		want          []changedLine
	}{
		{"one line", "1", "2", []changedLine{{"removed", "1"}, {"added", "2"}}},
		{"what comes", "", "a\nb", []changedLine{{"added", "a"}, {"added", "b"}}},
		{"a text", "a\n" + numbers + "\nb", "A\n" + numbers + "\nB", []changedLine{
			{"removed", "a"},
			{"added", "A"},
			{"kept", "1"},
			{"kept", "2"},
			{"kept", "3"},
			{"gap", "…"},
			{"kept", "8"},
			{"kept", "9"},
			{"kept", "0"},
			{"removed", "b"},
			{"added", "B"},
		}},
		{"too much", strings.Repeat("a\n", maxChangedText/2), "b", []changedLine{{"gap", "too long to compare: 1 MiB, then 1 B"}}},
		{"what reorders", "", "a\u202eb", []changedLine{{"added", `a\u202eb`}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, changedLines(tt.before, tt.after)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestComparisonIsBounded wants a page to show so many lines and to count the rest.
func TestComparisonIsBounded(t *testing.T) {
	long := Change{Path: "long", Verb: "changed", After: strings.Repeat("a\n", maxChangedLines)}
	var many []Change
	for range maxChangedLines {
		many = append(many, Change{Path: "a", Verb: "changed", Before: 1, After: 2})
	}
	var c comparePage
	c.fill(&Comparison{Values: []Change{long, {Path: "b"}}, Objects: []Difference{{Kind: "Secret", Changes: many}}})
	if got := len(c.Values.Rows[0].Lines); got != maxChangedLines+1 || c.Values.More != 1 || c.MoreObjects() != 1 {
		t.Errorf("%d lines, %d more values, %d more objects", got, c.Values.More, c.MoreObjects())
	}
	c = comparePage{}
	c.fill(&Comparison{Objects: []Difference{{Kind: "Secret", Changes: many}, {Kind: "Service"}}})
	if got := c.Objects[0].Changes; len(got.Rows)+got.More != maxChangedLines || got.More == 0 || c.MoreObjects() != 1 {
		t.Errorf("%d rows, %d more, %d more objects", len(got.Rows), got.More, c.MoreObjects())
	}
}

func TestColour(t *testing.T) {
	tests := []struct {
		in   string
		want line
	}{
		{"a: b # c", line{{"", ""}, {"k", "a"}, {"", ":"}, {"", " b "}, {"c", "# c"}}},
		{"- name: x", line{{"", "- "}, {"k", "name"}, {"", ":"}, {"", " x"}}},
		{"# all", line{{"", ""}, {"c", "# all"}}},
		{"{{ if .a }}b{{ end }}", line{{"", ""}, {"t", "{{ if .a }}"}, {"", "b"}, {"t", "{{ end }}"}, {"", ""}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, colour(tt.in)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.in, diff)
		}
	}
}

func TestShownFile(t *testing.T) {
	long := newSources().file("long", []byte(strings.Repeat("a line\n", maxShown/7+100)))
	if !long.Cut || len(long.Lines) != maxShown/7 {
		t.Errorf("a long file has %d lines, cut %v", len(long.Lines), long.Cut)
	}
	if one := newSources().file("one", []byte(strings.Repeat("x", maxShown+1))); len(one.Lines) != 0 || !one.Cut {
		t.Errorf("a line that is too long is shown: %d lines", len(one.Lines))
	}
	if binary := newSources().file("binary", []byte("a\x00b")); len(binary.Lines) != 1 || binary.Lines[0][0].Text != "binary, 3 B" {
		t.Errorf("a binary file is %v", binary.Lines)
	}
	shown := newSources()
	for range maxSources / maxShown {
		shown.file("some", []byte(strings.Repeat("a line\n", maxShown/7)))
	}
	if more := shown.file("more", []byte("a line")); len(more.Lines) != 0 || !more.Cut {
		t.Errorf("there is no end of files: %d lines", len(more.Lines))
	}
	if bad := newSources().file("bad", []byte("a\x1b[31m")); bad.Lines[0][0].Text != `a\x1b[31m` {
		t.Errorf("an escape is shown as %q", bad.Lines[0][0].Text)
	}
}
