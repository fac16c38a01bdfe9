package support_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	composeschema "github.com/compose-spec/compose-go/v2/schema"
	"github.com/google/go-cmp/cmp"

	"gantry/convert/rules"
	"gantry/convert/support"
)

var update = flag.Bool("update", false, "write docs/compose-support.md again")

// page is where people read the table.
const page = "../../docs/compose-support.md"

func TestPage(t *testing.T) {
	got, err := support.Page()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if os.Getenv("CI") != "" {
			t.Fatal("-update changes expectations, and CI only checks them")
		}
		if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(page, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(page)
	if err != nil || !bytes.Equal(want, got) {
		t.Errorf("%s is stale: run make generate (%v)", page, err)
	}
}

// TestPageLinks follows the links inside the page, and wants each anchor once.
func TestPageLinks(t *testing.T) {
	text, err := support.Page()
	if err != nil {
		t.Fatal(err)
	}
	anchors := map[string]int{}
	for _, m := range regexp.MustCompile(`(?m)<a id="([^"]+)">|^## (\S+)$`).FindAllSubmatch(text, -1) {
		anchors[string(m[1])+string(m[2])]++
	}
	for name, n := range anchors {
		if n > 1 && !slices.Contains(support.Sections(), name) {
			t.Errorf("%d anchors are called %s", n, name)
		}
	}
	for _, m := range regexp.MustCompile(`\]\(#([^)]+)\)`).FindAllSubmatch(text, -1) {
		if anchors[string(m[1])] == 0 {
			t.Errorf("a link leads to #%s, which there is not", m[1])
		}
	}
}

func entries(t *testing.T) []support.Entry {
	t.Helper()
	all, err := support.Entries()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestEntriesAreTheSchema compares with what compose-go itself says that the
// schema has.
func TestEntriesAreTheSchema(t *testing.T) {
	var got, want []string
	for _, e := range entries(t) {
		got = append(got, e.Path)
		if e.Row == "" || e.Text == "" || !slices.Contains(rules.RowOutcomes(), e.Outcome) || !slices.Contains(support.Sections(), e.Section) {
			t.Errorf("%+v", e)
		}
	}
	for _, path := range composeschema.AttributePaths() {
		want = append(want, string(path))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("paths (-schema +entries):\n%s", diff)
	}
}

func TestFind(t *testing.T) {
	all := entries(t)
	for path, want := range map[string]string{
		"healthcheck":                      "services.*.healthcheck",
		"services.web.healthcheck":         "services.*.healthcheck",
		"services.*.healthcheck.interval":  "services.*.healthcheck.interval",
		"web.ports":                        "services.*.ports",
		"services.web.ports.0.target":      "services.*.ports.[].target",
		"services.web.ports[0].target":     "services.*.ports.[].target",
		"ports.target":                     "services.*.ports.[].target",
		"ports.[].target":                  "services.*.ports.[].target",
		"update_config.order":              "services.*.deploy.update_config.order",
		"triggers":                         "jobs.*.triggers",
		"ipam":                             "networks.*.ipam",
		"networks":                         "networks",
		"volumes.data":                     "volumes.*",
		"services.web.environment.DEBUG":   "services.*.environment.*",
		"services.web.pre_start.0.command": "services.*.pre_start.[].command",
		"context_size":                     "models.*.context_size",
	} {
		answer, err := support.Find(all, path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if answer.Entry.Path != want {
			t.Errorf("%s is %s, want %s", path, answer.Entry.Path, want)
		}
	}
	for path, similar := range map[string]string{"helthcheck": "healthcheck", "services.web.imag": "image", "prots": "ports", "zzzzzz": "", "": "", "...": "", "services..": ""} {
		_, err := support.Find(all, path)
		missing, ok := errors.AsType[*support.NotFoundError](err)
		if similar == "" && (err == nil || ok) {
			continue
		}
		if !ok || len(missing.Similar) == 0 || missing.Similar[0] != similar {
			t.Errorf("%s: got %v %v, want %s", path, err, missing, similar)
		}
	}
}

func TestExamples(t *testing.T) {
	all := entries(t)
	samples, err := support.NewSamples(all)
	if err != nil {
		t.Fatal(err)
	}
	sample, ok := samples.Of("services.*.depends_on.*.restart")
	if !ok {
		t.Fatal("there is no sample")
	}
	got, err := sample.Example()
	if err != nil {
		t.Fatal(err)
	}
	want := "services:\n  web:\n    depends_on:\n      db: {condition: service_healthy, restart: true, required: false}\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, e := range all {
		if sample, ok := samples.Of(e.Path); ok {
			if text, err := sample.Example(); err != nil || !strings.Contains(text, sample.Keys[0]) {
				t.Errorf("%s: %v\n%s", e.Path, err, text)
			}
		}
	}
}
