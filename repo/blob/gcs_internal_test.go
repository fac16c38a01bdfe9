package blob

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// serviceAccount writes the key file of one whose tokens come from a server.
func serviceAccount(t *testing.T, tokenURL string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "charts@project.example", "private_key_id": "1", "token_uri": tokenURL,
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.json")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGCSTokens gets a token with the key of a service account, uses it for several
// requests, and hands it to no other server.
func TestGCSTokens(t *testing.T) {
	var tokens, requests, elsewhere atomic.Int64
	var status atomic.Int64
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens.Add(1)
		if status.Load() != 0 {
			w.WriteHeader(int(status.Load()))
			_, _ = io.WriteString(w, `{"error":"invalid_grant"}`)
			return
		}
		if r.FormValue("assertion") == "" {
			t.Errorf("asked with %v", r.Form)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"the-token","token_type":"Bearer","expires_in":3600}`)
	}))
	t.Cleanup(issuer.Close)
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if got := r.Header.Get("Authorization"); got != "Bearer the-token" {
			t.Errorf("authorized by %q", got)
		}
		if r.Method == http.MethodDelete {
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, "{}")
	}))
	t.Cleanup(google.Close)
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", serviceAccount(t, issuer.URL))
	open := func() (*Bucket, error) {
		source, err := gcsTokens(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		server := &gcsServer{client: bucketClient(), endpoint: google.URL, bucket: "charts", tokens: source}
		return openBucket(t.Context(), &Bucket{server: server, url: "gs://charts/"}, "", false)
	}
	b, err := open()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "key"); err == nil || elsewhere.Load() != 0 {
		t.Errorf("a redirect is followed: %v", err)
	}
	if tokens.Load() != 1 || requests.Load() != 2 {
		t.Errorf("%d tokens for %d requests", tokens.Load(), requests.Load())
	}
	status.Store(http.StatusBadRequest)
	tokens.Store(0)
	if _, err := open(); !errors.Is(err, ErrCredentials) || !strings.Contains(err.Error(), "invalid_grant") || tokens.Load() != 1 {
		t.Errorf("a key that is not taken any more: %v after %d tries", err, tokens.Load())
	}
}

// TestPasses tells what may be answered otherwise later.
func TestPasses(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]bool{408: true, 429: true, 500: true, 503: true, 504: true, 400: false, 403: false, 412: false, 501: false} {
		if passes(status) != want {
			t.Errorf("%d: %v", status, !want)
		}
	}
}

// TestLentBody takes a body back while it is read.
func TestLentBody(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	lent := &lentBody{reader: reader}
	var group sync.WaitGroup
	group.Go(func() {
		n, err := lent.Read(make([]byte, 10))
		if n != 4 || err != nil {
			t.Errorf("read %d, %v", n, err)
		}
	})
	if _, err := writer.Write([]byte("half")); err != nil {
		t.Fatal(err)
	}
	lent.takeBack()
	if _, err := lent.Read(make([]byte, 10)); !errors.Is(err, errTakenBack) {
		t.Errorf("it is read on: %v", err)
	}
	group.Wait()
}
