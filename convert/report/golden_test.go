package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/report"
	"gantry/convert/rules"
)

var update = flag.Bool("update", false, "rewrite the expectations of testdata/report")

// secret stands in the cases wherever a secret may stand.
const secret = "hunter2hunter2"

// TestGolden compares every form of the report of each case of testdata/report
// with what is expected.
func TestGolden(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update changes expectations, and CI only checks them")
	}
	for _, c := range []struct {
		name  string
		forms []string
	}{
		{"tiny", []string{"svg", "html", "json", "sarif", "txt"}},
		{"shop", []string{"svg", "mmd", "dot"}},
		{"crowd", []string{"svg", "mmd"}},
		{"broken", []string{"html", "json", "sarif", "txt"}},
		{"hostile", []string{"svg", "mmd", "dot"}},
		{"empty", []string{"svg", "mmd"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			checkGolden(t, filepath.Join("..", "..", "testdata", "report", c.name+".txtar"), c.forms)
		})
	}
}

func checkGolden(t *testing.T, name string, forms []string) {
	t.Helper()
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	files := archive.Files[:0:0]
	for _, f := range archive.Files {
		if strings.HasPrefix(f.Name, "want.") {
			want[f.Name] = string(f.Data)
			continue
		}
		files = append(files, f)
	}
	result, again := convertFiles(t, files), convertFiles(t, files)
	for _, form := range []string{"svg", "mmd", "dot", "html", "json", "sarif", "txt"} {
		got := render(t, result, form)
		if got != render(t, again, form) {
			t.Errorf("%s: the same input gives other bytes", form)
		}
		if strings.Contains(got, secret) {
			t.Errorf("%s shows a secret", form)
		}
		switch form {
		case "html":
			checkPage(t, got)
			got = stable(got)
		case "svg":
			checkXML(t, got)
			got = withoutStyle.ReplaceAllString(got, "<style></style>")
		case "json", "sarif":
			checkSchema(t, form+".schema.json", got)
		}
		if !slices.Contains(forms, form) {
			continue
		}
		if diff := cmp.Diff(want["want."+form], got); diff != "" && !*update {
			t.Errorf("want.%s (-want +got):\n%s", form, diff)
		}
		files = append(files, txtar.File{Name: "want." + form, Data: []byte(got)})
	}
	if *update {
		archive.Files = files
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// convertFiles converts an application; its input may have errors.
func convertFiles(t *testing.T, files []txtar.File) *convert.Result {
	t.Helper()
	dir := t.TempDir()
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	result, err := convert.Convert(t.Context(), compose.Source{WorkingDir: dir, Dir: dir}, rules.Options{})
	if result == nil {
		t.Fatal(err)
	}
	return result
}

func render(t *testing.T, result *convert.Result, form string) string {
	t.Helper()
	r, err := report.Build(result)
	if err != nil {
		t.Fatal(err)
	}
	picture := report.Draw(result)
	var b bytes.Buffer
	switch form {
	case "svg":
		err = picture.SVG(&b)
	case "mmd":
		err = picture.Mermaid(&b)
	case "dot":
		err = picture.Dot(&b)
	case "html":
		err = r.HTML(&b)
	case "json":
		err = r.JSON(&b)
	case "sarif":
		err = r.SARIF(&b, "1.2.3", report.RuleOf)
	default:
		report.NewText(result).Write(&b, result.Diagnostics)
		b.WriteString(report.Summarise(result).String() + "\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var (
	withoutStyle  = regexp.MustCompile(`(?s)<style>.*?</style>`)
	withoutScript = regexp.MustCompile(`(?s)<script>.*?</script>`)
	withoutSVG    = regexp.MustCompile(`(?s)<svg .*class="picture".*?</svg>`)
	withoutPolicy = regexp.MustCompile(`sha256-[^;]*'`)
)

// stable leaves out of a page what other files hold: the picture and the assets.
func stable(page string) string {
	page = withoutSVG.ReplaceAllString(page, "<svg></svg>")
	page = withoutStyle.ReplaceAllString(page, "<style></style>")
	page = withoutScript.ReplaceAllString(page, "<script></script>")
	return withoutPolicy.ReplaceAllString(page, "sha256'")
}

// checkXML wants a document that every reader of XML takes.
func checkXML(t *testing.T, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
}

// checkSchema wants JSON that a schema of testdata/report allows.
func checkSchema(t *testing.T, name, text string) {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "testdata", "report", name))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}
