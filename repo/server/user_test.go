package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gantry/repo/blob"
	"gantry/repo/server"
	"gantry/repo/users"
)

// userFile makes a file of users, NAME:SCOPES, whose passwords are those of the names.
func userFile(t *testing.T, lines ...string) *users.Known {
	t.Helper()
	var text strings.Builder
	for _, line := range lines {
		name, scopes, _ := strings.Cut(line, ":")
		hash, err := bcrypt.GenerateFromPassword([]byte("password of "+name), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%s:%s:%s\n", name, hash, scopes)
	}
	file := filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := users.Open(file, clock(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return known
}

func user(name string) string { return basic(name, "password of "+name) }

// TestUsers lets people do what the file says, over every protocol.
func TestUsers(t *testing.T) {
	t.Parallel()
	var audit, log bytes.Buffer
	store := &blob.Memory{}
	s := serve(t, store, server.Options{
		Auth:  &server.Auth{User: "one", Password: "s3cret", Tokens: true, Users: userFile(t, "root:admin", "ana:read", "team:read:team-*,push:team-*")},
		Audit: slog.New(slog.NewJSONHandler(&audit, nil)), Log: slog.New(slog.NewTextHandler(&log, nil)), Depth: 2,
	})
	_, token := token(t, store, "ci", time.Time{}, "read")
	chart := func(name, version string) []byte { return chartArchive(t, name, version, "") }
	for _, tc := range []struct {
		method, path, auth string
		body               []byte
		want               int
	}{
		{http.MethodPost, "/api/charts", user("root"), chart("other", "1.0.0"), 201},
		{http.MethodPost, "/api/charts", user("team"), chart("team-web", "1.0.0"), 201},
		{http.MethodPost, "/api/charts", user("team"), chart("other", "1.1.0"), 403},
		{http.MethodPost, "/api/charts", user("ana"), chart("other", "1.1.0"), 403},
		{http.MethodPost, "/api/acme/prod/charts", user("ana"), chart("other", "1.1.0"), 403},
		{http.MethodPost, "/api/acme/prod/charts", user("root"), chart("other", "1.1.0"), 201},
		{http.MethodGet, "/acme/prod/index.yaml", user("ana"), nil, 200},
		{http.MethodGet, "/acme/prod/index.yaml", basic("ana", "guess"), nil, 401},
		{http.MethodGet, "/acme/none/index.yaml", basic("ana", "guess"), nil, 401},
		{http.MethodGet, "/index.yaml", user("ana"), nil, 200},
		{http.MethodGet, "/index.yaml", user("ana"), nil, 200},
		{http.MethodGet, "/index.yaml", basic("ana", "password of team"), nil, 401},
		{http.MethodGet, "/index.yaml", user("nobody"), nil, 401},
		{http.MethodGet, "/index.yaml", bearer("password of ana"), nil, 401},
		{http.MethodGet, "/index.yaml", "X-None: 1", nil, 401},
		{http.MethodGet, "/charts/other-1.0.0.tgz", user("team"), nil, 404},
		{http.MethodGet, "/charts/team-web-1.0.0.tgz", user("team"), nil, 200},
		{http.MethodGet, "/chart/team-web", user("team"), nil, 200},
		{http.MethodGet, "/v2/", user("ana"), nil, 200},
		{http.MethodGet, "/v2/", basic("ana", "guess"), nil, 401},
		{http.MethodGet, "/v2/other/tags/list", user("team"), nil, 403},
		{http.MethodPost, "/v2/team-new/blobs/uploads/", user("team"), nil, 202},
		{http.MethodDelete, "/api/charts/other/1.0.0", user("team"), nil, 403},
		{http.MethodGet, "/gantry/tokens", user("root"), nil, 200},
		{http.MethodGet, "/gantry/audit", user("root"), nil, 200},
		{http.MethodGet, "/gantry/audit", user("ana"), nil, 403},
		{http.MethodGet, "/index.yaml", basic("one", "s3cret"), nil, 200},
		{http.MethodGet, "/index.yaml", basic("ana", token), nil, 200},
	} {
		if r := s.do(tc.method, tc.path, bytes.NewReader(tc.body), tc.auth); r.status != tc.want {
			t.Errorf("%s %s with %s: %d %s, want %d", tc.method, tc.path, tc.auth, r.status, r.body, tc.want)
		}
	}
	s.Close()
	var got []string
	for d := json.NewDecoder(&audit); d.More(); {
		var l struct {
			Chart, User string
			Done        bool
		}
		if err := d.Decode(&l); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(l.User, " ", l.Chart, " ", l.Done))
	}
	if want := "root other true, team team-web true, team other false, ana other false, ana acme/prod/other false, root acme/prod/other true, team other false"; strings.Join(got, ", ") != want {
		t.Errorf("the audit log: %s", strings.Join(got, ", "))
	}
	if !strings.Contains(log.String(), "user=ana") || strings.Contains(log.String(), "password of") {
		t.Errorf("the log:\n%s", &log)
	}
}

// TestUsersAlone says how the operator lets somebody do more.
func TestUsersAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{Auth: &server.Auth{Users: userFile(t, "ana:read")}})
	r := s.do(http.MethodPost, "/api/charts", bytes.NewReader(chartArchive(t, "web", "1.0.0", "")), user("ana"))
	if _, message, hint := r.problem(t); message != "ana may not push web" || hint != "its operator allows it with: gantry repo user set NAME --keep-password --users FILE --scope push:web" {
		t.Errorf("%d %s", r.status, r.body)
	}
	if _, err := server.New(t.Context(), &blob.Memory{}, server.Options{Now: clock(), Auth: &server.Auth{}}); err == nil {
		t.Error("a server that lets nobody in starts")
	}
}

// TestUsersChangesAreAudited tells of who is new, gone, or may do something else, and of
// no hash.
func TestUsersChangesAreAudited(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("s3cret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "users")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "HASH", string(hash))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("root:HASH:admin\nbob:HASH\nci:HASH:read\n")
	known, err := users.Open(file, clock(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var audit bytes.Buffer
	store := &blob.Memory{}
	options := server.Options{Now: clock(), Auth: &server.Auth{Users: known}, Audit: slog.New(slog.NewJSONHandler(&audit, nil))}
	s := serve(t, store, options)
	root := basic("root", "s3cret")
	s.page("/gantry/audit", http.StatusOK, root)
	write("root:HASH:admin\nci:HASH:push:team-*\ndan <x>:HASH\n")
	s.page("/", http.StatusOK, root)
	s.flush()
	for _, s := range []*tester{s, serve(t, store, options)} {
		body := s.page("/gantry/audit", http.StatusOK, root)
		if got := strings.Count(body, "<tr><td>"); got != 3 {
			t.Errorf("%d entries", got)
		}
		hasAll(t, body, "user-add", "dan &lt;x&gt; read", "user-remove", "bob", "user-change", "ci push:team-*", "file of users")
		if got := strings.Count(s.page("/gantry/audit?chart=dan&action=user-add", http.StatusOK, root), "<tr><td>"); got != 1 {
			t.Errorf("%d entries of the one who is new", got)
		}
		if strings.Contains(body, string(hash[10:])) {
			t.Error("the page has a hash")
		}
	}
	hasAll(t, audit.String(), `"action":"user-add"`, `"account":"dan <x> read"`, `"remote":"file of users"`)
	if strings.Contains(audit.String(), string(hash[10:])) {
		t.Error("the audit log has a hash")
	}
}

// slowUsers knows one password of everybody, and counts.
type slowUsers struct {
	mu       sync.Mutex
	right    map[string]bool
	password string
	compared atomic.Int64
	now      atomic.Int64
	most     atomic.Int64
}

func (u *slowUsers) Remembered(name, password string) ([]server.Scope, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}, u.right[name] && password == u.password
}

func (*slowUsers) Watch(func(server.UsersChange)) {}

func (u *slowUsers) Compare(name, password string) ([]server.Scope, bool) {
	u.compared.Add(1)
	now := u.now.Add(1)
	defer u.now.Add(-1)
	u.mu.Lock()
	defer u.mu.Unlock()
	u.most.Store(max(now, u.most.Load()))
	if password != u.password {
		return nil, false
	}
	u.right[name] = true
	return []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}, true
}

// TestUsersAreGuessed sends many guesses at once: of one address as many are compared as
// are allowed, one after the other, and of many addresses a few at a time.
func TestUsersAreGuessed(t *testing.T) {
	t.Parallel()
	known := &slowUsers{right: map[string]bool{}, password: "right"}
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	s := serve(t, &blob.Memory{}, server.Options{
		Now: func() time.Time { return at }, Depth: 2,
		Rates:          server.Rates{Failures: 3},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Auth:           &server.Auth{Users: known},
	})
	// all sends so many requests at once, and counts what is answered.
	all := func(n int, path string, headers func(i int) []string) map[int]int {
		var mu sync.Mutex
		var group sync.WaitGroup
		got := map[int]int{}
		for i := range n {
			group.Go(func() {
				r := s.get(path, headers(i)...)
				mu.Lock()
				defer mu.Unlock()
				got[r.status]++
			})
		}
		group.Wait()
		return got
	}
	for i, path := range []string{"/index.yaml", "/acme/prod/index.yaml", "/v2/"} {
		known.compared.Store(0)
		got := all(30, path, func(j int) []string {
			return []string{fmt.Sprintf("X-Forwarded-For: 192.0.2.%d", i), basic("ana", fmt.Sprint("guess", j))}
		})
		if got[401] != 3 || got[429] != 27 || known.compared.Load() != 3 || known.most.Load() != 1 {
			t.Errorf("%s: answers %v, %d comparisons, %d at once", path, got, known.compared.Load(), known.most.Load())
		}
	}
	// Who knows the password waits for one comparison, however many ask at once.
	known.compared.Store(0)
	got := all(30, "/index.yaml", func(int) []string { return []string{"X-Forwarded-For: 192.0.2.10", basic("ana", "right")} })
	if got[200] != 30 || known.compared.Load() != 1 {
		t.Errorf("answers %v, %d comparisons", got, known.compared.Load())
	}
	// Nor does a right one count as a guess.
	got = all(10, "/index.yaml", func(i int) []string {
		return []string{"X-Forwarded-For: 192.0.2.11", basic(fmt.Sprint("user", i), "right")}
	})
	if got[200] != 10 {
		t.Errorf("answers %v", got)
	}
	got = all(30, "/index.yaml", func(i int) []string {
		return []string{fmt.Sprintf("X-Forwarded-For: 198.51.100.%d", i), basic("eve", "guess")}
	})
	if got[401] != 30 || known.most.Load() > 4 {
		t.Errorf("answers %v, %d at once", got, known.most.Load())
	}
}
