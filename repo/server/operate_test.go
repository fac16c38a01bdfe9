package server_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Version: "1.2.3"})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.upload([]byte("<html>"))
	s.get("/charts/web-1.0.0.tgz")
	s.get("/v2/web/tags/list")
	s.get("/nowhere/at/all")
	s.do("BREW", "/index.yaml", nil)
	r := s.get("/metrics")
	for _, want := range []string{
		`gantry_http_requests_total{method="POST",route="/api/charts",status="201"} 1`,
		`gantry_http_requests_total{method="POST",route="/api/charts",status="400"} 1`,
		`gantry_http_requests_total{method="GET",route="/charts/{file}",status="200"} 1`,
		`gantry_http_requests_total{method="GET",route="/v2/{name}/tags",status="200"} 1`,
		`gantry_http_requests_total{method="GET",route="/",status="404"} 1`,
		`gantry_http_requests_total{method="other",route="/",status="405"} 1`,
		`gantry_http_request_duration_seconds_count{method="POST",route="/api/charts"} 2`,
		`gantry_changes_total{action="publish",outcome="done"} 1`,
		`gantry_store_operations_total{operation="put-if-absent",outcome="done"} 2`,
		`gantry_index_charts 1`,
		`gantry_index_versions 1`,
		`gantry_build_info{version="1.2.3"} 1`,
		`process_open_fds`,
		`go_goroutines`,
	} {
		if !bytes.Contains(r.body, []byte(want)) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if bytes.Contains(r.body, []byte("web")) {
		t.Error("the metrics name a chart")
	}
	if t.Failed() {
		t.Logf("%s", regexp.MustCompile(`(?m)^(#|go_).*\n`).ReplaceAll(r.body, nil))
	}
	hidden := serve(t, &blob.Memory{}, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret"}})
	if r := hidden.get("/metrics"); r.status != http.StatusUnauthorized {
		t.Errorf("without the password: %d", r.status)
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := serve(t, &blob.Memory{}, server.Options{
		Now:            func() time.Time { return now },
		Rates:          server.Rates{Requests: 2, Writes: 0.1, Failures: 3},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Auth:           &server.Auth{User: "ci", Password: "s3cret", AnonymousRead: true},
	})
	from := func(address string) string { return "X-Forwarded-For: 203.0.113.9, " + address }
	for i := range 20 {
		if r := s.get("/index.yaml", from("192.0.2.1")); r.status != http.StatusOK {
			t.Fatalf("request %d: %d", i, r.status)
		}
	}
	r := s.get("/index.yaml", from("192.0.2.1"))
	if code, _, hint := r.problem(t); r.status != http.StatusTooManyRequests || code != "too-many-requests" || hint != "wait 1 s and try again" {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if got := r.header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After: %q", got)
	}
	if r := s.get("/v2/_catalog", from("192.0.2.1")); r.status != http.StatusTooManyRequests || r.ociCode(t) != "TOOMANYREQUESTS" {
		t.Errorf("the registry: %d %s", r.status, r.body)
	}
	if r := s.get("/livez", from("192.0.2.1")); r.status != http.StatusOK {
		t.Errorf("a probe: %d", r.status)
	}
	if r := s.get("/index.yaml", from("192.0.2.2")); r.status != http.StatusOK {
		t.Errorf("another address: %d", r.status)
	}
	right := basic("ci", "s3cret")
	if r := s.get("/index.yaml", from("192.0.2.1"), right); r.status != http.StatusOK {
		t.Errorf("a user from the same address: %d", r.status)
	}
	if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), right); r.status != http.StatusCreated {
		t.Errorf("an upload: %d %s", r.status, r.body)
	}
	if r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, "web", "1.1.0", "")), right); r.status != http.StatusTooManyRequests || r.header.Get("Retry-After") != "10" {
		t.Errorf("a second upload: %d, Retry-After %s", r.status, r.header.Get("Retry-After"))
	}
	now = now.Add(11 * time.Second)
	for _, header := range []string{from("192.0.2.1"), right} {
		if r := s.get("/index.yaml", header); r.status != http.StatusOK {
			t.Errorf("later: %d", r.status)
		}
	}
	for range 3 {
		if r := s.get("/v2/", from("2001:db8::1"), basic("ci", "guess")); r.status != http.StatusUnauthorized {
			t.Errorf("a guess: %d", r.status)
		}
	}
	if r := s.get("/v2/", from("2001:db8::2"), right); r.status != http.StatusTooManyRequests {
		t.Errorf("after too many guesses from the network: %d", r.status)
	}
	if r := s.get("/v2/", from("2001:db8:0:1::1"), right); r.status != http.StatusOK {
		t.Errorf("from another network: %d", r.status)
	}
}

// trusting is a policy that trusts signatures in which a word occurs.
type trusting string

func (p trusting) Verify(file string, archive, signature []byte) error {
	if file == "" || len(archive) == 0 || !bytes.Contains(signature, []byte(p)) {
		return errors.New("nobody of ours has signed it")
	}
	return nil
}

func TestRequireSignature(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "web", "1.0.0", "")
	prov := provenance("1.0.0", digestOf(t, archive))
	post := func(s *tester, fields map[string]string) reply {
		body, kind := form(t, fields)
		return s.do(http.MethodPost, "/api/charts", body, kind)
	}
	both := map[string]string{"chart": string(archive), "prov": prov}

	s := serve(t, &blob.Memory{}, server.Options{Signatures: trusting("another signer")})
	for name, tc := range map[string]struct {
		reply reply
		code  string
	}{
		"without a signature": {s.upload(archive), "signature-missing"},
		"by somebody else":    {post(s, both), "signature-untrusted"},
	} {
		code, _, hint := tc.reply.problem(t)
		if tc.reply.status != http.StatusForbidden || code != tc.code || hint == "" {
			t.Errorf("%s: %d %s", name, tc.reply.status, tc.reply.body)
		}
	}
	if r := s.putManifest("web", "1.0.0", s.chartManifest("web", archive)); r.status != http.StatusForbidden || !strings.Contains(string(r.body), "without its signature") {
		t.Errorf("as an OCI artifact: %d %s", r.status, r.body)
	}
	if got := s.listed(); len(got) > 0 {
		t.Errorf("published all the same: %v", got)
	}

	s = serve(t, &blob.Memory{}, server.Options{Signatures: trusting("=Szm4")})
	if r := post(s, both); r.status != http.StatusCreated {
		t.Errorf("signed: %d %s", r.status, r.body)
	}
	if r := s.do(http.MethodPost, "/api/prov", strings.NewReader(strings.Replace(prov, "=Szm4", "=AAAA", 1))); r.status != http.StatusForbidden {
		t.Errorf("a signature in place of a trusted one: %d %s", r.status, r.body)
	}
}

func TestStop(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	s.handler.Stop()
	if code, _, _ := s.get("/readyz").problem(t); code != "stopping" {
		t.Errorf("/readyz: %s", code)
	}
	if r := s.get("/livez"); r.status != http.StatusOK {
		t.Errorf("/livez: %d", r.status)
	}
	s.publish(chartArchive(t, "web", "1.0.0", ""))
}

// TestAddress wants the commands on the pages to name the server as people reach it,
// and nobody but a trusted proxy to say that this was over HTTPS.
func TestAddress(t *testing.T) {
	t.Parallel()
	const proto = "X-Forwarded-Proto: https"
	shown := func(o server.Options, headers ...string) string {
		t.Helper()
		s := serve(t, &blob.Memory{}, o)
		body := s.get("/", append(headers, "Accept: text/html")...).body
		_, rest, _ := strings.Cut(string(body), "gantry chart push mychart ")
		return strings.Replace(rest[:strings.IndexAny(rest, "<\"")], strings.TrimPrefix(s.URL, "http://"), "HOST", 1)
	}
	for name, tc := range map[string]struct{ got, want string }{
		"plain":           {shown(server.Options{}), "http://HOST"},
		"anybody says so": {shown(server.Options{}, proto), "http://HOST"},
		"another proxy":   {shown(server.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, proto), "http://HOST"},
		"a trusted proxy": {shown(server.Options{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}, proto), "https://HOST"},
		"the operator":    {shown(server.Options{ExternalURL: &url.URL{Scheme: "https", Host: "charts.example.org"}}, "X-Forwarded-Proto: http"), "https://charts.example.org"},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: %q, want %q", name, tc.got, tc.want)
		}
	}
}
