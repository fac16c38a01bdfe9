package server_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
	"gantry/repo/server"
)

const formHeader = "Content-Type: application/x-www-form-urlencoded"

// fill sends a form as a browser does from the page of tokens.
func (s *tester) fill(path string, form url.Values, headers ...string) reply {
	s.Helper()
	return s.do(http.MethodPost, path, strings.NewReader(form.Encode()), append(headers, formHeader, "Accept: text/html", "Origin: "+s.URL)...)
}

// madeToken finds the secret on the page that shows it.
var madeToken = regexp.MustCompile(`gantry_[a-z2-7]{10}_[a-z2-7]{52}`)

// TestTokenPages makes a token in a browser, uses it and revokes it.
func TestTokenPages(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	var log, audit bytes.Buffer
	s := serve(t, store, server.Options{
		Auth: &server.Auth{User: "root", Password: "s3cret", Tokens: true, AnonymousRead: true},
		Log:  slog.New(slog.NewTextHandler(&log, nil)), Audit: slog.New(slog.NewJSONHandler(&audit, nil)),
	})
	root := basic("root", "s3cret")
	page := func(want int) string {
		t.Helper()
		r := s.get("/gantry/tokens", "Accept: text/html", root)
		if r.status != want || r.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%d %v\n%s", r.status, r.header, r.body)
		}
		return string(r.body)
	}
	hasAll(t, page(http.StatusOK), "No token is good at the moment", `<form class="fields" method="post" action="/gantry/tokens">`)

	made := s.fill("/gantry/tokens", url.Values{"name": {"ci <web>"}, "verb": {"read", "push"}, "charts": {"team-*, web"}, "days": {"30"}}, root)
	secret := madeToken.FindString(string(made.body))
	if made.status != http.StatusCreated || secret == "" || made.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v\n%s", made.status, made.header, made.body)
	}
	hasAll(t, string(made.body), "The token of ci &lt;web&gt;")
	hasAll(t, page(http.StatusOK), "ci &lt;web&gt;", "read:team-*, read:web, push:team-*, push:web", "2026-05-31")
	if strings.Contains(page(http.StatusOK)+log.String()+audit.String(), secret[20:]) {
		t.Error("the secret is shown again, or in a log")
	}
	hasAll(t, audit.String(), `"action":"token-create"`, `"token":"ci <web> `+secret[7:17])
	upload := func(name, version string) int {
		return s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, name, version, "")), bearer(secret)).status
	}
	if got := []int{upload("team-a", "1.0.0"), upload("other", "1.0.0")}; got[0] != http.StatusCreated || got[1] != http.StatusForbidden {
		t.Errorf("with the token: %v", got)
	}

	path := "/gantry/tokens/" + secret[7:17] + "/revoke"
	if r := s.fill(path, nil, root); r.status != http.StatusSeeOther || r.header.Get("Location") != "/gantry/tokens" {
		t.Errorf("revoke: %d %s", r.status, r.body)
	}
	if got := upload("team-a", "1.1.0"); got != http.StatusUnauthorized {
		t.Errorf("with a token that was revoked on this very server: %d", got)
	}
	hasAll(t, page(http.StatusOK), "1 token that ended", "revoked")
	if r := s.fill("/gantry/tokens/aaaaaaaaaa/revoke", nil, root); r.status != http.StatusNotFound {
		t.Errorf("no such token: %d", r.status)
	}

	for _, tt := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"verb": {"read"}}, "A token needs a name"},
		{url.Values{"name": {"a"}}, "A token must allow something"},
		{url.Values{"name": {"a"}, "verb": {"fly"}}, "is not a scope"},
		{url.Values{"name": {"a"}, "verb": {"read"}, "charts": {"<b>"}}, "is not a scope"},
		{url.Values{"name": {"a"}, "verb": {"read"}, "days": {"-1"}}, "is not a number of days"},
	} {
		if r := s.fill("/gantry/tokens", tt.form, root); r.status != http.StatusBadRequest || !strings.Contains(string(r.body), tt.want) {
			t.Errorf("%v: %d\n%s", tt.form, r.status, r.body)
		}
	}
}

// TestAdministrators wants nobody else on these pages, and no page of another site to
// act in an administrator's name.
func TestAdministrators(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Auth: &server.Auth{User: "root", Password: "s3cret", Tokens: true, AnonymousRead: true}})
	_, some := token(t, store, "some", time.Time{}, "read", "push", "delete")
	_, admin := token(t, store, "admin", time.Time{}, "admin")
	root := basic("root", "s3cret")
	for _, path := range []string{"/gantry/tokens", "/gantry/audit"} {
		for auth, want := range map[string]int{"X: y": 401, bearer(some): 403, bearer(admin): 200, root: 200} {
			r := s.get(path, auth, "Accept: text/html")
			if r.status != want || want == 401 && r.header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s %s: %d", path, auth, r.status)
			}
		}
	}
	hasAll(t, string(s.get("/gantry/tokens", bearer(some), "Accept: text/html").body), "This page is for administrators, and some is none.")
	if _, err := server.ParseScope("admin:team-*"); err == nil {
		t.Error("somebody administers a part of a server")
	}
	form := url.Values{"name": {"mine"}, "verb": {"admin"}}.Encode()
	for _, header := range []string{"Origin: https://evil.example.org", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site"} {
		if r := s.do(http.MethodPost, "/gantry/tokens", strings.NewReader(form), root, formHeader, header); r.status != http.StatusForbidden {
			t.Errorf("%s: %d", header, r.status)
		}
		r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), root, header)
		if code, _, _ := r.problem(t); r.status != http.StatusForbidden || code != "other-origin" {
			t.Errorf("upload with %s: %d", header, r.status)
		}
		if r := s.do(http.MethodPost, "/v2/web/blobs/uploads/", nil, root, header); r.status != http.StatusForbidden {
			t.Errorf("push with %s: %d", header, r.status)
		}
	}
	// Behind a proxy the host is another one, and the operator says which.
	external, err := url.Parse("https://charts.example.org")
	if err != nil {
		t.Fatal(err)
	}
	proxied := serve(t, store, server.Options{Auth: &server.Auth{Tokens: true}, ExternalURL: external})
	if r := proxied.do(http.MethodPost, "/gantry/tokens", strings.NewReader(form), bearer(admin), formHeader, "Origin: https://charts.example.org"); r.status != http.StatusCreated {
		t.Errorf("through a proxy: %d %s", r.status, r.body)
	}

	open := serve(t, &blob.Memory{}, server.Options{})
	hasAll(t, open.page("/gantry/tokens", http.StatusNotFound), "--tokens")
	if r := open.fill("/gantry/tokens", url.Values{"name": {"a"}, "verb": {"admin"}}); r.status != http.StatusNotFound {
		t.Errorf("a server without tokens makes one: %d", r.status)
	}
}

// TestAuditPage wants what was done on any server of a store on one page, in order, and
// in parts.
func TestAuditPage(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	now := clock()
	options := server.Options{Now: now, Depth: 1}
	a, b := serve(t, store, options), serve(t, store, options)
	hasAll(t, a.page("/gantry/audit", http.StatusOK), "Nothing was published")
	for i := range 3 {
		a.publish(chartArchive(t, fmt.Sprintf("web-%d", i), "1.0.0", ""))
		if err := b.handler.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if r := b.upload(chartArchive(t, fmt.Sprintf("web-%d", i), "1.0.0", "other: 1")); r.status != http.StatusConflict {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	b.do(http.MethodPost, "/api/team/charts", bytes.NewReader(chartArchive(t, "db", "2.0.0", "")))
	b.do(http.MethodDelete, "/api/charts/web-0/1.0.0", nil)
	body := b.page("/gantry/audit", http.StatusOK)
	hasAll(t, body, "publish", "refused", "team/db", "127.0.0.1")
	if got := strings.Count(body, "<tr><td>"); got != 5 {
		t.Errorf("a server shows %d entries, which are not those of its own", got)
	}
	a.flush()
	b.flush()
	for _, s := range []*tester{a, b, serve(t, store, options)} {
		body := s.page("/gantry/audit", http.StatusOK)
		if got := strings.Count(body, "<tr><td>"); got != 8 {
			t.Errorf("%d entries", got)
		}
		var order []string
		for _, m := range regexp.MustCompile(`\?chart=[^"]+">([^<]+)<`).FindAllStringSubmatch(body, -1) {
			order = append(order, m[1])
		}
		if diff := cmp.Diff([]string{"web-0", "team/db", "web-2", "web-2", "web-1", "web-1", "web-0", "web-0"}, order); diff != "" {
			t.Errorf("the newest does not come first (-want +got):\n%s", diff)
		}
	}
	for query, want := range map[string]int{
		"chart=team/*": 1, "chart=WEB-1": 2, "action=delete": 1, "action=publish": 7, "user=somebody": 0, "chart=%3Cb%3E": 0, "before=2020-01-01T00:00:00Z": 0,
	} {
		if got := strings.Count(a.page("/gantry/audit?"+query, http.StatusOK), "<tr><td>"); got != want {
			t.Errorf("%s: %d entries, want %d", query, got, want)
		}
	}
	a.page("/gantry/audit?before=yesterday", http.StatusBadRequest)
	for i := range 230 {
		b.publish(chartArchive(t, "many", fmt.Sprintf("1.0.%d", i), ""))
	}
	older := regexp.MustCompile(`href="([^"]+)" rel="next"`)
	path, seen := "/gantry/audit?chart=many", map[string]bool{}
	for pages := 0; path != ""; pages++ {
		body := b.page(path, http.StatusOK)
		for _, m := range regexp.MustCompile(`</a> (1\.0\.\d+)`).FindAllStringSubmatch(body, -1) {
			seen[m[1]] = true
		}
		path = ""
		if m := older.FindStringSubmatch(body); m != nil {
			path = "/gantry/audit" + strings.ReplaceAll(m[1], "&amp;", "&")
		}
		if pages > 3 {
			t.Fatal("there is no end to the pages")
		}
	}
	if len(seen) != 230 {
		t.Errorf("%d of 230 entries on all pages", len(seen))
	}
}

// TestJournalIsKeptForAWhile counts what is left of a year.
func TestJournalIsKeptForAWhile(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	s := serve(t, store, server.Options{Now: func() time.Time { return day }})
	for i := range 120 {
		s.publish(chartArchive(t, "web", fmt.Sprintf("1.0.%d", i), ""))
		s.flush()
		day = day.AddDate(0, 0, 3)
	}
	parts := 0
	for _, err := range store.List(t.Context(), "gantry/audit/", "") {
		if err != nil {
			t.Fatal(err)
		}
		parts++
	}
	if parts < 29 || parts > 32 {
		t.Errorf("%d parts of three days each are left of 90 days", parts)
	}
}
