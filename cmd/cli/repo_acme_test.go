package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"gantry/repo/blob"
)

// acmeServer is an ACME server (RFC 8555) for one order: it proves by a handshake
// that the name leads to target, and signs with its own CA.
type acmeServer struct {
	*httptest.Server

	t      *testing.T
	target string
	ca     *x509.Certificate
	key    *ecdsa.PrivateKey
	// account is the thumbprint of the account's key.
	account string
	valid   bool
	chain   []byte
	orders  int
}

const acmeToken = "a-token-of-the-challenge"

func newACMEServer(t *testing.T, target string) *acmeServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := &acmeServer{t: t, target: target, key: key}
	if s.ca, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP answers. Signatures of requests are not checked: the test is of the
// client.
func (s *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Replay-Nonce", "nonce")
	var envelope struct{ Protected, Payload string }
	_ = json.NewDecoder(r.Body).Decode(&envelope) // the first requests have no body
	payload, _ := base64.RawURLEncoding.DecodeString(envelope.Payload)
	status := map[bool]string{false: "pending", true: "valid"}[s.valid]
	challenge := map[string]any{"type": "tls-alpn-01", "url": s.URL + "/challenge", "token": acmeToken, "status": status}
	order := map[string]any{
		"status": map[bool]string{false: "pending", true: "ready"}[s.valid], "finalize": s.URL + "/finalize",
		"authorizations": []string{s.URL + "/authz"}, "identifiers": []map[string]string{{"type": "dns", "value": "charts.test"}},
	}
	if s.chain != nil {
		order["status"], order["certificate"] = "valid", s.URL+"/certificate"
	}
	code, answer := http.StatusOK, any(nil)
	switch r.URL.Path {
	case "/directory":
		answer = map[string]any{"newNonce": s.URL + "/nonce", "newAccount": s.URL + "/account", "newOrder": s.URL + "/order"}
	case "/nonce":
	case "/account":
		s.account = s.thumbprint(envelope.Protected)
		w.Header().Set("Location", s.URL+"/account/1")
		code, answer = http.StatusCreated, map[string]any{"status": "valid"}
	case "/order":
		s.orders++
		w.Header().Set("Location", s.URL+"/order/1")
		code, answer = http.StatusCreated, order
	case "/order/1":
		answer = order
	case "/authz":
		answer = map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": "charts.test"}, "challenges": []any{challenge}}
	case "/challenge":
		s.prove()
		answer = challenge
	case "/finalize":
		// What comes of it is at the order, which this answer need not name.
		s.issue(payload)
		order["status"] = "processing"
		answer = order
	case "/certificate":
		_, _ = w.Write(s.chain)
		return
	default:
		code = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	if answer != nil {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

func (s *acmeServer) thumbprint(protected string) string {
	header, _ := base64.RawURLEncoding.DecodeString(protected)
	var h struct {
		JWK struct{ Crv, Kty, X, Y string } `json:"jwk"`
	}
	if err := json.Unmarshal(header, &h); err != nil {
		s.t.Error(err)
	}
	// RFC 7638: these members, in this order.
	sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":%q,"kty":%q,"x":%q,"y":%q}`, h.JWK.Crv, h.JWK.Kty, h.JWK.X, h.JWK.Y))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// prove asks the target, within TLS, for the proof of RFC 8737.
func (s *acmeServer) prove() {
	dialer := &tls.Dialer{Config: &tls.Config{ServerName: "charts.test", NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true}}
	c, err := dialer.DialContext(s.t.Context(), "tcp", s.target)
	if err != nil {
		s.t.Errorf("the proof: %v", err)
		return
	}
	defer c.Close()
	conn, _ := c.(*tls.Conn)
	sum := sha256.Sum256([]byte(acmeToken + "." + s.account))
	want, _ := asn1.Marshal(sum[:])
	for _, extension := range conn.ConnectionState().PeerCertificates[0].Extensions {
		if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && string(extension.Value) == string(want) {
			s.valid = true
		}
	}
}

func (s *acmeServer) issue(payload []byte) {
	var request struct{ CSR string }
	_ = json.Unmarshal(payload, &request)
	der, _ := base64.RawURLEncoding.DecodeString(request.CSR)
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil || !s.valid {
		s.t.Errorf("a certificate is asked for without a proof, or badly: %v", err)
		return
	}
	leaf, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), DNSNames: csr.DNSNames, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage:  x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(40 * 24 * time.Hour),
	}, s.ca, csr.PublicKey, s.key)
	if err != nil {
		s.t.Error(err)
	}
	s.chain = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.ca.Raw})...)
}

// TestACME gets a certificate from an ACME server that checks who asks, keeps it,
// and has it again after a restart without asking.
func TestACME(t *testing.T) {
	t.Parallel()
	for name, cache := range map[string]autocert.Cache{
		"folder": autocert.DirCache(filepath.Join(t.TempDir(), "acme")), "bucket": storeCache{&blob.Memory{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ca := newACMEServer(t, l.Addr().String())
			roots := x509.NewCertPool()
			roots.AddCert(ca.ca)
			serveACME(t, l, ca.URL+"/directory", cache, slog.DiscardHandler)
			if err := greet(t.Context(), l.Addr(), "charts.test", roots); err != nil {
				t.Fatal(err)
			}
			if err := greet(t.Context(), l.Addr(), "other.test", roots); err == nil {
				t.Error("a name that nobody has allowed has a certificate")
			}
			again, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			serveACME(t, again, ca.URL+"/directory", cache, slog.DiscardHandler)
			if err := greet(t.Context(), again.Addr(), "charts.test", roots); err != nil {
				t.Error(err)
			}
			if ca.orders != 1 {
				t.Errorf("%d certificates were ordered", ca.orders)
			}
		})
	}
}

// serveACME serves charts.test with a certificate from an ACME server.
func serveACME(t *testing.T, l net.Listener, directory string, cache autocert.Cache, log slog.Handler) {
	t.Helper()
	o := repoServeOptions{acme: acmeOptions{hosts: []string{"charts.test"}, directory: directory}}
	config, err := o.tls(&app{IO: IO{Now: time.Now}}, cache, slog.New(log))
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "charts") }),
		ReadHeaderTimeout: time.Minute, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(tls.NewListener(l, config)) }()
	t.Cleanup(func() { _ = s.Close(); <-done })
}

// TestACMEFails says in the log why there is no certificate. Names of others are
// nobody's mistake.
func TestACMEFails(t *testing.T) {
	t.Parallel()
	broken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(broken.Close)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := make(logLines, 8)
	serveACME(t, l, broken.URL, storeCache{&blob.Memory{}}, slog.NewTextHandler(log, nil))
	for _, host := range []string{"other.test", "charts.test"} {
		if err := greet(t.Context(), l.Addr(), host, nil); err == nil {
			t.Errorf("%s has a certificate", host)
		}
	}
	line := ""
	select {
	case line = <-log:
	default:
	}
	if len(log) != 0 || !strings.Contains(line, "level=WARN") || !strings.Contains(line, "host=charts.test") || !strings.Contains(line, "404") {
		t.Errorf("the log has %d more lines than %s", len(log), line)
	}
}

// logLines takes the lines of a log.
type logLines chan string

func (l logLines) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// greet asks for a page by HTTPS, under a name.
func greet(ctx context.Context, addr net.Addr, host string, roots *x509.CertPool) error {
	transport := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: host},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, addr.String())
		},
	}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+host+"/", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestACMEOptions(t *testing.T) {
	t.Parallel()
	junk := filepath.Join(t.TempDir(), "junk")
	if err := os.WriteFile(junk, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []repoServeOptions{
		{acme: acmeOptions{email: "a@example.org"}},
		{acme: acmeOptions{hosts: []string{"a"}}, tlsCert: "c", tlsKey: "k"},
		{acme: acmeOptions{hosts: []string{"a"}, root: junk}},
		{acme: acmeOptions{hosts: []string{"a"}, root: junk + "-missing"}},
	} {
		if _, err := o.tls(&app{IO: IO{Now: time.Now}}, storeCache{&blob.Memory{}}, slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%+v is taken", o.acme)
		}
	}
}
