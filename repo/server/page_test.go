package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/repo/blob"
	"gantry/repo/pages"
	"gantry/repo/server"
)

// page asks for a page as a browser does and looks at what every page must have.
func (s *tester) page(path string, status int, headers ...string) string {
	s.Helper()
	r := s.get(path, append(headers, "Accept: text/html,*/*;q=0.8")...)
	body := string(r.body)
	if r.status != status || r.header.Get("Content-Type") != "text/html; charset=utf-8" {
		s.Fatalf("%s: %d %v\n%s", path, r.status, r.header, body)
	}
	policy := r.header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		s.Errorf("%s: the policy is %q", path, policy)
	}
	for _, bad := range []string{"<script>", "style=\"", "<img", "onclick"} {
		if strings.Contains(body, bad) {
			s.Errorf("%s: the policy forbids %q, which is on the page", path, bad)
		}
	}
	return body
}

func hasAll(tb testing.TB, body string, wants ...string) {
	tb.Helper()
	for _, want := range wants {
		if !strings.Contains(body, want) {
			tb.Errorf("the page lacks %q:\n%s", want, body)
		}
	}
}

func TestHomePage(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	hasAll(t, s.page("/", http.StatusOK), "There are no charts yet", "gantry chart push mychart "+s.URL)

	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.publish(chartArchive(t, "web", "2.0.0-rc.1", ""))
	s.publish(chartArchive(t, "my_db", "0.1.0-rc.1", ""))
	hasAll(t, s.page("/", http.StatusOK),
		"2 charts", "3 versions", "gantry repo add local "+s.URL, "helm repo add local "+s.URL,
		`<a href="/chart/web">web</a>`, `<span class="version">1.0.0</span>`, "a chart &lt;for&gt; tests", "pre-release",
	)
	body := s.page("/?q=WEB", http.StatusOK)
	hasAll(t, body, "1 chart for “WEB”", "/chart/web", "Show all 2")
	if strings.Contains(body, "my_db") {
		t.Error("the search finds everything")
	}
	hasAll(t, s.page("/?q=%3Cscript%3E", http.StatusOK), "0 charts for “&lt;script&gt;”", "Nothing matches")

	for i := range 130 {
		s.publish(chartArchive(t, fmt.Sprintf("many%03d", i), "1.0.0", ""))
	}
	hasAll(t, s.page("/?q=many&page=2", http.StatusOK), "many060", "many119", "2 of 3", `href="?q=many"`, `href="?page=3&amp;q=many"`)
	hasAll(t, s.page("/?q=many&page=99", http.StatusOK), "3 of 3", "many129")

	for range 2 {
		s.get("/charts/many077-1.0.0.tgz")
	}
	hasAll(t, s.page("/?q=many&sort=downloads", http.StatusOK), "2 downloads", `<a href="?q=many&amp;sort=downloads" aria-current="true">`, `href="?page=2&amp;q=many&amp;sort=downloads"`)
	if body := s.page("/?sort=downloads", http.StatusOK); strings.Index(body, "many077") > strings.Index(body, "many000") {
		t.Error("what is downloaded most does not come first")
	}
	if body := s.page("/?sort=newest", http.StatusOK); !strings.Contains(body, "many129") || strings.Contains(body, "many000") {
		t.Error("what is newest does not come first")
	}

	if r := s.get("/assets/page.css"); r.status != http.StatusOK || !strings.HasPrefix(r.header.Get("Content-Type"), "text/css") {
		t.Errorf("style sheet: %d %v", r.status, r.header)
	}
	if r := s.get("/assets/../assets/none.css"); r.status == http.StatusOK {
		t.Error("a file that is not there is served")
	}
}

// fake renders every chart to one Deployment.
type fake struct{ err error }

func (f fake) Render(_ context.Context, c *chart.Chart) ([]pages.Object, error) {
	return []pages.Object{{
		Kind: "Deployment", Name: c.Name(), Source: "web/templates/web.yaml", Text: "kind: Deployment\nimage: web:1",
		Fields: map[string]any{"kind": "Deployment", "metadata": map[string]any{"name": c.Name()}},
	}}, f.err
}

func (f fake) Compare(_ context.Context, before, after *chart.Chart) (*pages.Comparison, error) {
	return &pages.Comparison{Objects: []pages.Difference{{
		Kind: "Deployment", Name: "web", Verb: "changed",
		Changes: []pages.Change{{Path: "image", Verb: "changed", Before: before.Metadata.Version, After: after.Metadata.Version}},
	}}}, f.err
}

func TestChartPages(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Inspector: fake{}})
	for _, version := range []string{"1.0.0", "1.1.0", "2.0.0-rc.1"} {
		s.publish(pack(t,
			file{name: "web/Chart.yaml", text: "apiVersion: v2\nname: web\nversion: " + version +
				"\nhome: javascript:alert(1)\nsources: [https://example.com/web]\nkeywords: [shop]\ndependencies: [{name: db, version: 1.x}]\n"},
			file{name: "web/README.md", text: "# The *web* chart\n<script>alert(1)</script>"},
			file{name: "web/values.yaml", text: "# How many\nreplicas: 2\n"},
			file{name: "web/templates/web.yaml", text: "replicas: {{ .Values.replicas }}\n"},
		))
	}
	body := s.page("/chart/web", http.StatusOK)
	hasAll(t, body, `<h1 id="the-web-chart">The <em>web</em> chart</h1>`, `<span class="version">1.1.0</span>`,
		"gantry install web local/web <span>--version 1.1.0</span></code>", "helm install web local/web <span>--version 1.1.0</span></code>",
		"/web <span>--version 1.1.0</span> <span>--plain-http</span></code>", "helm install web oci://127.0.0.1:",
		`<a href="/charts/web-1.1.0.tgz">`, `href="https://example.com/web"`, `<a href="/?q=shop">shop</a>`, "db <span")
	if strings.Contains(body, "javascript:") || strings.Contains(body, "alert(1)") {
		t.Errorf("what a chart says runs:\n%s", body)
	}
	hasAll(t, s.page("/chart/web/1.0.0", http.StatusOK), "There is a newer version", `/chart/web/compare?from=1.0.0&amp;to=1.1.0`)
	hasAll(t, s.page("/chart/web/1.1.0/values", http.StatusOK), "<code>replicas</code>", "<code>2</code>", "How many", "values.yaml")
	hasAll(t, s.page("/chart/web/1.1.0/templates", http.StatusOK), "templates/web.yaml", "{{ .Values.replicas }}")
	hasAll(t, s.page("/chart/web/1.1.0/objects", http.StatusOK), "<svg", `href="#object-0"`, `id="object-0"`, "web:1")
	hasAll(t, s.page("/chart/web/1.1.0/versions", http.StatusOK), "2.0.0-rc.1", "1.0.0", `value="1.0.0"`)
	hasAll(t, s.page("/chart/web/compare?from=1.0.0&to=1.1.0", http.StatusOK), "<del>1.0.0</del>", "<ins>1.1.0</ins>")
	hasAll(t, s.page("/chart/web/compare", http.StatusOK), "1.0.0 → 1.1.0")

	hasAll(t, s.page("/chart/wen", http.StatusNotFound), "There is no chart wen.", "Did you mean &#34;web&#34;?</p>")
	hasAll(t, s.page("/chart/web/9.9.9", http.StatusNotFound), "Chart web has no version 9.9.9.")
	hasAll(t, s.page("/chart/web/compare?from=9.9.9", http.StatusNotFound), "Chart web has no version 9.9.9.")
	hasAll(t, s.page("/chart/web/1.0.0/nothing", http.StatusNotFound), "A chart has no page nothing.")
	hasAll(t, s.page("/nothing", http.StatusNotFound), "There is nothing at /nothing.")
	if code, _, _ := s.get("/chart/wen").problem(t); code != "chart-not-found" {
		t.Errorf("a program is told %q", code)
	}
}

// TestPagesSayWhatIsCut wants nobody to take a part for the whole.
func TestPagesSayWhatIsCut(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	var values strings.Builder
	for i := range 2001 {
		fmt.Fprintf(&values, "value%d: %d\n", i, i)
	}
	s.publish(pack(t,
		file{name: "web/Chart.yaml", text: "apiVersion: v2\nname: web\nversion: 1.0.0\n"},
		file{name: "web/README.md", text: strings.Repeat("字", 200_000)},
		file{name: "web/values.yaml", text: values.String()},
	))
	body := s.page("/chart/web", http.StatusOK)
	hasAll(t, body, "The rest of the README is too long to be shown here.")
	if strings.Contains(body, "\ufffd") {
		t.Error("the README is cut within a letter")
	}
	hasAll(t, s.page("/chart/web/1.0.0/values", http.StatusOK), "value1999", "There are more values than are listed here.")
}

// TestLibraryPages wants what cannot be installed not to be offered so.
func TestLibraryPages(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Inspector: nothing{}})
	s.publish(pack(t, file{name: "common/Chart.yaml", text: "apiVersion: v2\nname: common\nversion: 1.0.0\ntype: library\n"}))
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	body := s.page("/chart/common", http.StatusOK)
	hasAll(t, body, "<title>common 1.0.0 · ", `<span class="badge">library</span>`, "- name: common\n  version: 1.0.0\n  repository: "+s.URL+"</code>", "helm dependency update")
	if strings.Contains(body, "helm install") {
		t.Error("a library is to be installed")
	}
	hasAll(t, s.page("/chart/common/1.0.0/objects", http.StatusOK), "<title>Objects of common 1.0.0 · ", "A library makes no objects")
	hasAll(t, s.page("/chart/web/1.0.0/objects", http.StatusOK), "With its default values the chart makes no objects.")
	hasAll(t, s.page("/?q=com", http.StatusOK), "<title>Charts for “com” · ", `</a></h2> <span class="badge">library</span>`)
}

// nothing renders every chart to no objects.
type nothing struct{ fake }

func (nothing) Render(context.Context, *chart.Chart) ([]pages.Object, error) { return nil, nil }

// TestChartPagesWithoutObjects wants the pages to say why there is nothing to see.
func TestChartPagesWithoutObjects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		inspector pages.Inspector
		want      string
	}{
		{"no inspector", nil, "This server does not render charts."},
		{"a chart that does not render", fake{errors.New("db.host must be set")}, "db.host must be set"},
		{"a chart that renders for ever", fake{context.DeadlineExceeded}, "takes too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, &blob.Memory{}, server.Options{Inspector: tt.inspector})
			s.publish(chartArchive(t, "web", "1.0.0", ""))
			hasAll(t, s.page("/chart/web/1.0.0/objects", http.StatusOK), tt.want)
			hasAll(t, s.page("/chart/web/compare", http.StatusOK), tt.want)
			hasAll(t, s.page("/chart/web", http.StatusOK), "The chart has no README.")
		})
	}
}

// TestPageOfWhatIsNoChart wants an archive that somebody put there, and that cannot be
// unpacked, to be the chart's fault and not the store's.
func TestPageOfWhatIsNoChart(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	archive := pack(t,
		file{name: "web/Chart.yaml", text: "apiVersion: v2\nname: web\nversion: 1.0.0\n"},
		file{name: "web/values.yaml", text: "a: &a [x]\na: [\n"},
	)
	if _, err := store.Put(t.Context(), "web-1.0.0.tgz", bytes.NewReader(archive)); err != nil {
		t.Fatal(err)
	}
	s := serve(t, store, server.Options{Inspector: fake{}})
	for _, path := range []string{"/chart/web", "/chart/web/1.0.0/values", "/chart/web/compare"} {
		hasAll(t, s.page(path, http.StatusOK), "The archive web-1.0.0.tgz cannot be used: values.yaml")
	}
}

// TestPageIsKept wants a page that has not changed not to be sent again.
func TestPageIsKept(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	first := s.get("/")
	if r := s.get("/", "If-None-Match: "+first.header.Get("ETag")); r.status != http.StatusNotModified || len(r.body) > 0 {
		t.Errorf("the same page: %d with %d bytes", r.status, len(r.body))
	}
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	if r := s.get("/", "If-None-Match: "+first.header.Get("ETag")); r.status != http.StatusOK {
		t.Errorf("another page: %d", r.status)
	}
}

// TestPageIsPacked wants pages and what they refer to compressed for who takes that, and
// each form to have a tag of its own.
func TestPageIsPacked(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	plain := s.get("/", "Accept-Encoding: gzip;q=0")
	for _, path := range []string{"/", "/assets/page.css", "/assets/page.js"} {
		whole, packed := s.get(path, "Accept-Encoding: identity"), s.get(path, "Accept-Encoding: br, gzip;q=0.5")
		if packed.header.Get("Content-Encoding") != "gzip" || !strings.Contains(packed.header.Get("Vary"), "Accept-Encoding") {
			t.Fatalf("%s: %v", path, packed.header)
		}
		zip, err := gzip.NewReader(bytes.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(zip); err != nil || !bytes.Equal(body, whole.body) || len(packed.body) >= len(whole.body) {
			t.Errorf("%s: %d bytes became %d, %d of them packed, %v", path, len(whole.body), len(body), len(packed.body), err)
		}
	}
	packed := s.get("/", "Accept-Encoding: gzip")
	if plain.header.Get("Content-Encoding") != "" || plain.header.Get("ETag") == packed.header.Get("ETag") {
		t.Errorf("not packed: %v, packed: %v", plain.header, packed.header)
	}
	if again := s.get("/", "Accept-Encoding: gzip", "If-None-Match: "+packed.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("the same page: %d", again.status)
	}
}

func TestPlayground(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	r := s.get("/playground", "Accept: text/html")
	policy := r.header.Get("Content-Security-Policy")
	if r.status != http.StatusOK || !strings.Contains(policy, "script-src 'self' 'wasm-unsafe-eval';") || strings.Contains(policy, "unsafe-inline") {
		t.Errorf("the page: %d, policy %q", r.status, policy)
	}
	for _, file := range []string{"playground.js", "worker.js"} {
		first := s.get("/playground/" + file)
		if first.status != http.StatusOK || !strings.HasPrefix(first.header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%s: %d %v", file, first.status, first.header)
		}
		if again := s.get("/playground/"+file, "If-None-Match: "+first.header.Get("ETag")); again.status != http.StatusNotModified {
			t.Errorf("%s again: %d", file, again.status)
		}
	}
	for _, file := range []string{"none.js", "..%2frepo%2flayout.html", "gantry.wasm.gz%00", "doc.go"} {
		if r := s.get("/playground/" + file); r.status == http.StatusOK {
			t.Errorf("%s is served", file)
		}
	}
}

// TestProblemPages wants people to be told what is wrong and where to go on, and
// programs to be told what they always were.
func TestProblemPages(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	store := faulty{&blob.Memory{}, func(op, _ string) error {
		if down.Load() && op == "get" {
			return errKilled
		}
		return nil
	}}
	s := serve(t, store, server.Options{Depth: 1, Rates: server.Rates{Requests: 0.2}, Now: func() time.Time { return time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC) }})
	s.get("/")
	s.get("/")
	busy := s.page("/?q=a", http.StatusTooManyRequests)
	hasAll(t, busy, "There were too many requests.", `<a class="button" href="/?q=a">Try again</a>`, `href="/">All charts</a>`)
	if r := s.get("/?q=a"); r.header.Get("Retry-After") == "" {
		t.Error("a program is not told when to come back")
	} else if code, _, _ := r.problem(t); code != "too-many-requests" {
		t.Errorf("a program is told %q", code)
	}
	hasAll(t, s.page("/nothing/here/%22%3Cb%3E", http.StatusNotFound), "&lt;b&gt;", "All charts")

	private := serve(t, store, server.Options{Auth: &server.Auth{Tokens: true}})
	down.Store(true)
	r := private.get("/", "Accept: text/html", bearer("gantry_"+strings.Repeat("a", 10)+"_"+strings.Repeat("a", 52)))
	hasAll(t, string(r.body), "503", "this is request <code>"+r.header.Get("X-Request-Id")+"</code>", "Try again")
	if strings.Contains(string(r.body), errKilled.Error()) {
		t.Error("the page tells what went wrong inside")
	}
	down.Store(false)
	hasAll(t, string(private.get("/", "Accept: text/html").body), "Unauthorized", "Sign in")
}

// TestPageOfManyVersions lists a part of them; where two are compared, the newest are
// suggested and any may be typed.
func TestPageOfManyVersions(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	const many = 450
	for i := range many {
		if _, err := store.Put(t.Context(), fmt.Sprintf("web-1.%d.0.tgz", i), bytes.NewReader(chartArchive(t, "web", fmt.Sprintf("1.%d.0", i), ""))); err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, store, server.Options{})
	for page, want := range map[string]struct {
		rows int
		has  []string
	}{
		"":          {200, []string{`value="1.449.0"`, "1 of 3", `href="?page=2"`}},
		"?page=3":   {50, []string{`value="1.0.0"`, "3 of 3", `href="?page=2"`}},
		"?page=-1":  {200, []string{"1 of 3"}},
		"?page=9e9": {200, []string{"1 of 3"}},
		"?page=99":  {50, []string{"3 of 3"}},
	} {
		body := s.page("/chart/web/1.449.0/versions"+page, http.StatusOK)
		if got := strings.Count(body, ` name="to"`); got != want.rows {
			t.Errorf("%s: %d rows, want %d", page, got, want.rows)
		}
		hasAll(t, body, append(want.has, ">450</span>")...)
	}
	for query, chosen := range map[string][2]string{
		"":                           {"1.448.0", "1.449.0"},
		"?from=1.0.0&to=1.1.0":       {"1.0.0", "1.1.0"},
		"?from=+1.0.0+&to=%091.1.0+": {"1.0.0", "1.1.0"},
		"?from=&to=1.2.0":            {"1.1.0", "1.2.0"},
	} {
		body := s.page("/chart/web/compare"+query, http.StatusOK)
		hasAll(t, body, ` name="from" value="`+chosen[0]+`"`, ` name="to" value="`+chosen[1]+`"`, ">450 versions</a>")
		if got := strings.Count(body, "<option"); got != 200 {
			t.Errorf("%s: %d versions to choose from", query, got)
		}
	}
}
