package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// operator works on a store at a moment.
func operator(store blob.Store, at time.Time) server.Operator {
	return server.Operator{Store: store, User: "ana", From: "command line", Now: func() time.Time { return at }}
}

// TestOperatorIsAudited makes and revokes tokens beside a server that writes as well: the
// page of every server tells of all of it, and of no secret.
func TestOperatorIsAudited(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	options := server.Options{Now: clock()}
	s := serve(t, store, options)
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var group sync.WaitGroup
	secrets := make([]server.Secret, 8)
	for i := range secrets {
		group.Go(func() {
			made, secret, err := operator(store, at).CreateToken(t.Context(), server.Token{Name: "ci", Scopes: []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}})
			if err != nil {
				t.Error(err)
			}
			if _, err := operator(store, at.Add(time.Minute)).RevokeToken(t.Context(), made.ID); err != nil {
				t.Error(err)
			}
			secrets[i] = secret
		})
		group.Go(func() { s.flush() })
	}
	group.Wait()
	s.publish(chartArchive(t, "web", "1.1.0", ""))
	s.flush()
	for _, s := range []*tester{s, serve(t, store, options)} {
		body := s.page("/gantry/audit", http.StatusOK)
		if got := strings.Count(body, "<tr><td>"); got != 2+2*len(secrets) {
			t.Errorf("%d entries", got)
		}
		hasAll(t, body, "token-create", "token-revoke", "ana", "command line")
		if got := strings.Count(s.page("/gantry/audit?user=ana&action=token-revoke", http.StatusOK), "<tr><td>"); got != len(secrets) {
			t.Errorf("%d entries of who revoked", got)
		}
	}
	for info, err := range store.List(t.Context(), "gantry/", "") {
		if err != nil {
			t.Fatal(err)
		}
		data, _, err := store.Get(t.Context(), info.Key)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(data), string(secret)) || strings.Contains(string(data), string(secret)[18:]) {
				t.Errorf("%s holds a secret", info.Key)
			}
		}
	}
}

// TestPruningIsAudited prunes one of many repositories: the page of the server tells of
// every version that is gone, and of none that was deleted before.
func TestPruningIsAudited(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Now: clock(), Depth: 1})
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "1.3.0"} {
		if r := s.do(http.MethodPost, "/api/team/charts", bytes.NewReader(chartArchive(t, "web", version, ""))); r.status != http.StatusCreated {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	team, err := blob.Below(store, "team/")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	expired, err := server.FindExpired(t.Context(), team, server.Retention{Last: 1}, at)
	if err != nil || len(expired) != 3 {
		t.Fatalf("%v %v", expired, err)
	}
	s.do(http.MethodDelete, "/api/team/charts/web/1.1.0", nil)
	if err := operator(store, at).Expire(t.Context(), "team", expired); err != nil {
		t.Fatal(err)
	}
	body := s.page("/gantry/audit?action=delete&user=ana", http.StatusOK)
	if got := strings.Count(body, "<tr><td>"); got != 2 {
		t.Errorf("%d entries", got)
	}
	hasAll(t, body, "team/web", "1.0.0", "1.2.0", "command line")
	if err := operator(store, at).Expire(t.Context(), "../team", expired); err == nil {
		t.Error("a path that leads out passes")
	}
}

// fileOf writes an archive to a file, as an operator has it.
func fileOf(tb testing.TB, data []byte) *os.File {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), "chart.tgz")
	if err := os.WriteFile(name, data, 0o600); err != nil {
		tb.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = f.Close() })
	return f
}

// TestPublishingIsAudited publishes to one of many repositories at a command line: the
// page of a server tells of what is there, of its signature and of what was refused, and
// not of what was there before.
func TestPublishingIsAudited(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s := serve(t, store, server.Options{Now: clock(), Depth: 1})
	team, err := blob.Below(store, "team/")
	if err != nil {
		t.Fatal(err)
	}
	to, err := server.New(t.Context(), team, server.Options{Now: clock()})
	if err != nil {
		t.Fatal(err)
	}
	p := operator(store, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)).Publisher(to, "team")
	archive, other := chartArchive(t, "web", "1.0.0", ""), chartArchive(t, "web", "1.0.0", "a: 1\n")
	if _, err := p.Publish(t.Context(), server.Package{Archive: fileOf(t, archive)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Sign(t.Context(), []byte(provenance("1.0.0", digestOf(t, archive)))); err != nil {
			t.Fatal(err)
		}
	}
	refused := &server.RefusedError{}
	if _, err := p.Publish(t.Context(), server.Package{Archive: fileOf(t, other)}); !errors.As(err, &refused) {
		t.Errorf("other content: %v", err)
	}
	if _, err := p.Publish(t.Context(), server.Package{Archive: fileOf(t, []byte("no chart"))}); !errors.As(err, &refused) {
		t.Errorf("no chart: %v", err)
	}
	if err := p.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	body := s.page("/gantry/audit?user=ana&chart=team/web", http.StatusOK)
	if got := strings.Count(body, "<tr><td>"); got != 3 {
		t.Errorf("%d entries", got)
	}
	hasAll(t, body, "publish", "sign", "refused", "is published with other content", "command line")
	if got := strings.Count(s.page("/gantry/audit", http.StatusOK), "<tr><td>"); got != 3 {
		t.Errorf("%d entries in all", got)
	}
}

// TestPublisherWritesOnTheWay publishes and does not close, as who is killed: what was done
// a moment ago is in the journal, however little it is and whatever comes after it.
func TestPublisherWritesOnTheWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		store := faulty{&blob.Memory{}, func(op, key string) error {
			if op == "put" && strings.HasPrefix(key, "gantry/audit/") && writes.Add(1) == 2 {
				return errKilled
			}
			return nil
		}}
		to, err := server.New(t.Context(), store, server.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		p := operator(store, time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)).Publisher(to, "")
		published := 0
		publish := func(n int) {
			t.Helper()
			for range n {
				published++
				if _, err := p.Publish(t.Context(), server.Package{Archive: fileOf(t, chartArchive(t, "web", fmt.Sprintf("1.%d.0", published), ""))}); err != nil {
					t.Fatal(err)
				}
			}
		}
		wrote := func(entries int, times int64) {
			t.Helper()
			if got := journaled(t, store); got != entries || writes.Load() != times {
				t.Errorf("%d entries in %d writes, want %d in %d", got, writes.Load(), entries, times)
			}
		}
		moment := func() {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		publish(2)
		wrote(0, 0)
		moment()
		wrote(2, 1)
		// One that fails is tried again when there is more, or at the end.
		publish(1)
		moment()
		wrote(2, 2)
		publish(1)
		moment()
		wrote(4, 3)
		moment()
		wrote(4, 3)
		publish(1)
		if err := p.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		wrote(5, 4)
		moment()
		wrote(5, 4)
	})
}

// journaled counts the entries of the journal.
func journaled(tb testing.TB, store blob.Store) (entries int) {
	tb.Helper()
	for info, err := range store.List(tb.Context(), "gantry/audit/", "") {
		if err != nil {
			tb.Fatal(err)
		}
		data, _, err := store.Get(tb.Context(), info.Key)
		if err != nil {
			tb.Fatal(err)
		}
		entries += bytes.Count(data, []byte(`"action"`))
	}
	return entries
}

// TestOperatorTellsOfAJournalThatFails keeps the secret of a token that is made.
func TestOperatorTellsOfAJournalThatFails(t *testing.T) {
	t.Parallel()
	store := faulty{&blob.Memory{}, func(op, key string) error {
		if op == "put" && strings.HasPrefix(key, "gantry/audit/") {
			return errKilled
		}
		return nil
	}}
	request := server.Token{Name: "ci", Scopes: []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}}
	made, secret, err := operator(store, time.Now()).CreateToken(t.Context(), request)
	if !errors.Is(err, errKilled) || secret == "" || made.ID == "" {
		t.Errorf("%+v, %v", made, err)
	}
	if _, err := operator(store, time.Now()).RevokeToken(t.Context(), made.ID); !errors.Is(err, errKilled) {
		t.Errorf("got %v", err)
	}
}
