package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCertificateIsRenewed replaces the files of a certificate one after the
// other, as renewals do, and wants the old one while they do not fit together.
func TestCertificateIsRenewed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var told bytes.Buffer
	c := &certificate{cert: filepath.Join(dir, "cert.pem"), key: filepath.Join(dir, "key.pem"), now: time.Now, log: slog.New(slog.NewTextHandler(&told, nil))}
	if c.load() == nil {
		t.Fatal("files that are not there are a certificate")
	}
	first := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cert, key := newCertificate(t, 1)
	put := func(name string, data []byte, at time.Time) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
	}
	put(c.cert, cert, first)
	put(c.key, key, first)
	if err := c.load(); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(told.String(), "level=ERROR") || !strings.Contains(told.String(), "has expired") {
		t.Errorf("nothing is told of a certificate that has expired: %s", &told)
	}
	serial := func() int64 {
		t.Helper()
		got, err := c.get(&tls.ClientHelloInfo{})
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		return leaf.SerialNumber.Int64()
	}
	cert, key = newCertificate(t, 2)
	put(c.cert, cert, first.Add(time.Hour))
	for range 3 {
		if got := serial(); got != 1 {
			t.Errorf("half a renewal gives certificate %d", got)
		}
	}
	if got := strings.Count(told.String(), "stays in use"); got != 1 {
		t.Errorf("half a renewal is told of %d times", got)
	}
	put(c.key, key, first.Add(2*time.Hour))
	if got := serial(); got != 2 {
		t.Errorf("a renewal gives certificate %d", got)
	}
}

func newCertificate(t *testing.T, serial int64) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
