package report_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

var (
	tagPattern       = regexp.MustCompile(`<([a-zA-Z]+)((?:\s+[a-zA-Z:-]+(?:="[^"]*")?)*)\s*/?>`)
	attributePattern = regexp.MustCompile(`([a-zA-Z:-]+)="([^"]*)"`)
	pagePolicy       = regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`)
)

// checkPage wants a page that runs nothing but its own script, fetches nothing,
// and leads nowhere but to its own parts.
func checkPage(t *testing.T, page string) {
	t.Helper()
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("there are %d scripts", n)
	}
	if n := strings.Count(page, "<style"); n != 1 {
		t.Errorf("there are %d style sheets", n)
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(pagePolicy.FindStringSubmatch(page)[1])
	for _, tag := range []string{"style", "script"} {
		_, rest, _ := strings.Cut(page, "<"+tag+">")
		text, _, _ := strings.Cut(rest, "</"+tag+">")
		sum := sha256.Sum256([]byte(text))
		if allowed := tag + "-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(policy, allowed) {
			t.Errorf("the policy %q does not allow the page's own %s", policy, tag)
		}
	}
	known := map[string]bool{}
	for tag := range strings.FieldsSeq("html head meta title style script body a header h1 h2 h3 p strong em b nav label input main section div svg g path rect text ellipse circle " +
		"fieldset legend span ul li details summary code pre footer") {
		known[tag] = true
	}
	body := withoutScript.ReplaceAllString(withoutStyle.ReplaceAllString(page, ""), "")
	for _, m := range tagPattern.FindAllStringSubmatch(body, -1) {
		if !known[m[1]] {
			t.Errorf("there is an element %s", m[0])
		}
		for _, a := range attributePattern.FindAllStringSubmatch(m[2], -1) {
			switch name, value := a[1], a[2]; {
			case strings.HasPrefix(name, "on"), name == "style", name == "src":
				t.Errorf("there is an attribute %s in %s", name, m[0])
			case name == "href" && !strings.HasPrefix(value, "#"):
				t.Errorf("there is a link to %s", value)
			}
		}
	}
	ids := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if ids[m[1]] {
			t.Errorf("the id %s is there twice", m[1])
		}
		ids[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if !ids[m[1]] {
			t.Errorf("the link to #%s leads nowhere", m[1])
		}
	}
}
