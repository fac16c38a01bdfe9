package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
)

// inbox is a receiver that refuses the first deliveries.
type inbox struct {
	mu      sync.Mutex
	refuse  int
	answer  func(w http.ResponseWriter)
	events  []Event
	ids     []string
	badSign int
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	mac := hmac.New(sha256.New, []byte("s3cret"))
	fmt.Fprintf(mac, "%s.%s.%s", r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp"), body)
	if r.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		b.badSign++
	}
	b.ids = append(b.ids, r.Header.Get("webhook-id"))
	if b.refuse > 0 {
		b.refuse--
		b.answer(w)
		return
	}
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		b.badSign++
	}
	b.events = append(b.events, e)
}

// hooked is a server whose webhooks wait for nothing but tell for how long they
// would.
func hooked(t *testing.T, url string) (s *Server, waits *[]time.Duration) {
	t.Helper()
	s, err := New(t.Context(), &blob.Memory{}, Options{
		Now:      func() time.Time { return time.Unix(1_800_000_000, 0) },
		Webhooks: []Webhook{{URL: url, Secret: "s3cret"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	waits = &[]time.Duration{}
	s.hooks.wait = func(_ context.Context, d time.Duration) error { *waits = append(*waits, d); return nil }
	return s, waits
}

// deliver sends what is queued, as a server does that ends.
func (s *Server) deliverQueued(t *testing.T) {
	t.Helper()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	s.Deliver(ended)
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a signed event was sent to where the receiver redirects")
	}))
	t.Cleanup(elsewhere.Close)
	for name, answer := range map[string]func(w http.ResponseWriter){
		"refuses": func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) },
		"redirects": func(w http.ResponseWriter) {
			w.Header().Set("Location", elsewhere.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
		"hangs up": func(http.ResponseWriter) { panic(http.ErrAbortHandler) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := &inbox{refuse: 3, answer: answer}
			target := httptest.NewServer(in)
			t.Cleanup(target.Close)
			s, waits := hooked(t, target.URL)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodDelete, "/api/charts/web/1.0.0", nil)
			s.audit(r, deed{action: auditDelete, name: "web", version: "1.0.0"}, nil)
			s.audit(r, deed{action: auditPublish, name: "web", version: "1.1.0", digest: "sha256:abc"}, nil)
			s.audit(r, deed{action: auditPublish, name: "web", version: "1.2.0"}, badRequest("refused", "", ""))
			s.deliverQueued(t)
			want := []Event{
				{Type: "chart.deleted", Data: EventData{Name: "web", Version: "1.0.0"}},
				{Type: "chart.published", Data: EventData{Name: "web", Version: "1.1.0", Digest: "sha256:abc"}},
			}
			for i := range want {
				want[i].Timestamp = time.Unix(1_800_000_000, 0).UTC()
			}
			if diff := cmp.Diff(want, in.events); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]time.Duration{time.Second, 2 * time.Second, 4 * time.Second}, *waits); diff != "" {
				t.Error(diff)
			}
			if len(in.ids) != 5 || in.ids[0] != in.ids[3] || in.ids[3] == in.ids[4] {
				t.Errorf("an event has one id, however often it is sent, and its own: %q", in.ids)
			}
			if in.badSign > 0 {
				t.Errorf("%d requests were not signed as Standard Webhooks has it", in.badSign)
			}
		})
	}
}

func TestWebhookGivesUp(t *testing.T) {
	t.Parallel()
	in := &inbox{refuse: maxAttempts, answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }}
	target := httptest.NewServer(in)
	t.Cleanup(target.Close)
	s, waits := hooked(t, target.URL)
	for i := range maxQueue + 2 {
		s.hooks.tell(t.Context(), Event{Type: "chart.published", Data: EventData{Version: strconv.Itoa(i)}})
	}
	s.deliverQueued(t)
	if len(*waits) != maxAttempts-1 || len(in.events) != maxQueue-1 {
		t.Errorf("%d waits, %d events", len(*waits), len(in.events))
	}
	page := httptest.NewRecorder()
	s.Metrics().ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	for outcome, want := range map[string]int{"dropped": 2, "failed": 1, "delivered": maxQueue - 1, "repeated": maxAttempts - 1} {
		line := fmt.Sprintf("gantry_webhook_deliveries_total{outcome=%q} %d\n", outcome, want)
		if !strings.Contains(page.Body.String(), line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
}

func TestWebhookOptions(t *testing.T) {
	t.Parallel()
	for _, hook := range []Webhook{{}, {URL: "https://example.org"}, {URL: "ftp://example.org", Secret: "x"}, {URL: "https://me:hidden@example.org"}, {URL: "http://me:hidden@[", Secret: "x"}} {
		if err := hook.Validate(); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v", hook.URL, err)
		}
	}
}

// hung is a receiver that never answers.
type hung struct{}

func (hung) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestWebhookEnds ends a server while many events wait for a receiver that does not
// answer: it does not stay for each of them.
func TestWebhookEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := hooked(t, "http://hooks.example.org")
		s.hooks.client.Transport = hung{}
		for i := range maxQueue {
			s.hooks.tell(t.Context(), Event{Type: "chart.published", Data: EventData{Version: strconv.Itoa(i)}})
		}
		began := time.Now()
		s.deliverQueued(t)
		if took := time.Since(began); took > 2*drainTimeout {
			t.Errorf("the server took %v to end", took)
		}
		page := httptest.NewRecorder()
		s.Metrics().ServeHTTP(page, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
		if line := fmt.Sprintf("gantry_webhook_deliveries_total{outcome=%q} %d\n", "failed", maxQueue); !strings.Contains(page.Body.String(), line) {
			t.Errorf("the metrics lack %s", line)
		}
	})
}

// TestWebhookSecret signs with the key that the library of a receiver takes from the
// same secret.
func TestWebhookSecret(t *testing.T) {
	t.Parallel()
	d := delivery{id: "msg_1", body: []byte("{}")}
	plain, coded := Webhook{Secret: "s3cret"}, Webhook{Secret: "whsec_czNjcmV0"}
	if plain.sign(d, "1") != coded.sign(d, "1") {
		t.Error("a secret in Base64 is another one")
	}
	if err := (Webhook{URL: "https://example.org", Secret: "whsec_$$"}).Validate(); err == nil || strings.Contains(err.Error(), "$$") {
		t.Errorf("a secret that cannot be read: %v", err)
	}
}
