package registry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// defaultCertsDir is where docker looks for the authorities of registries.
// https://docs.docker.com/engine/security/certificates/
const defaultCertsDir = "/etc/docker/certs.d"

// errPlain refuses plain HTTP beyond this machine: credentials would travel
// readable.
var errPlain = errors.New("plain HTTP")

// guard is a transport that trusts the authorities which each registry has, and
// limits what they may send.
type guard struct {
	certsDir string
	usual    *http.Transport

	mu      sync.Mutex
	private map[string]*http.Transport
}

func newTransport(certsDir string) *guard {
	usual := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: workers}
	return &guard{certsDir: certsDir, usual: usual, private: map[string]*http.Transport{}}
}

// RoundTrip implements [http.RoundTripper].
func (g *guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" && !isThisMachine(r.URL.Hostname()) {
		return nil, errPlain
	}
	t, err := g.transport(r.URL.Host)
	if err != nil {
		return nil, err
	}
	resp, err := t.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = http.MaxBytesReader(nil, resp.Body, maxResponse)
	return resp, nil
}

func isThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// transport returns the transport for a registry.
func (g *guard) transport(host string) (*http.Transport, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if t, known := g.private[host]; known {
		return t, nil
	}
	pool, err := authorities(g.certsDir, host)
	if err != nil {
		return nil, err
	}
	t := g.usual
	if pool != nil {
		t = g.usual.Clone()
		t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	g.private[host] = t
	return t, nil
}

// authorities returns the system's authorities and those of a registry, or nil
// where it has none of its own.
func authorities(certsDir, host string) (*x509.CertPool, error) {
	if !filepath.IsLocal(host) || strings.ContainsAny(host, `/\`) {
		return nil, nil
	}
	dir := filepath.Join(certsDir, host)
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return filepath.Ext(e.Name()) != ".crt" })
	if len(entries) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	for _, e := range entries {
		file := filepath.Join(dir, e.Name())
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s is no certificate", file)
		}
	}
	return pool, nil
}
