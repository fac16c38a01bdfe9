package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestPage(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	show := func() string {
		t.Helper()
		r := s.get("/")
		if r.status != http.StatusOK || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Fatalf("got %d %v", r.status, r.header)
		}
		if csp := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("the policy is %q", csp)
		}
		if strings.Contains(string(r.body), "<script") || strings.Contains(string(r.body), "style=") {
			t.Error("the policy forbids what is on the page")
		}
		return string(r.body)
	}
	has := func(body string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("the page lacks %q:\n%s", want, body)
			}
		}
	}
	has(show(), "There are no charts yet", "gantry chart push CHART "+s.URL)

	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.publish(chartArchive(t, "web", "2.0.0-rc.1", ""))
	s.publish(chartArchive(t, "my_db", "0.1.0-rc.1", ""))
	for i := range 21 {
		s.publish(chartArchive(t, "many", fmt.Sprintf("1.%d.0", i), ""))
	}
	body := show()
	has(body,
		"3 charts, 24 versions", "gantry repo add local "+s.URL, "helm repo add local "+s.URL,
		"gantry install web local/web</code>",
		"gantry install my-db local/my_db --version 0.1.0-rc.1</code>",
		"a chart &lt;for&gt; tests",
		`<a href="charts/web-2.0.0-rc.1.tgz">`,
		`<a href="api/charts/many">All 21 versions as JSON</a>`,
	)
	if strings.Contains(body, "many-1.0.0.tgz") || !strings.Contains(body, "many-1.1.0.tgz") {
		t.Error("not the newest versions are shown")
	}
	if r := s.get("/assets/page.css"); r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d %v", r.status, r.header)
	}
	if r := s.get("/assets/../assets/none.css"); r.status == http.StatusOK {
		t.Error("a file that is not there is served")
	}
}
