package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"gantry/repo/blob"
)

// acmeOptions say how the server gets its certificates by itself.
type acmeOptions struct {
	hosts           []string
	email           string
	directory, root string
}

func (o *acmeOptions) bind(f *pflag.FlagSet) {
	f.StringSliceVar(&o.hosts, "acme-host", nil, "name to get a certificate for by ACME, from Let's Encrypt; its port 443 must lead here")
	f.StringVar(&o.email, "acme-email", "", "address for news of the certificates")
	f.StringVar(&o.directory, "acme-directory", "", "URL of another ACME server's directory")
	f.StringVar(&o.root, "acme-ca-file", "", "CA certificates by which to trust the ACME server")
}

func (o *acmeOptions) check() error {
	if len(o.hosts) == 0 && (o.email != "" || o.directory != "" || o.root != "") {
		return usageError(errors.New("--acme-email, --acme-directory and --acme-ca-file mean something only with --acme-host"))
	}
	return nil
}

// acmeTimeout is how long one answer of the ACME server may take.
const acmeTimeout = 30 * time.Second

// config returns a configuration that gets certificates when they are first asked
// for, and renews them. It proves that the names lead here within TLS itself, on
// the port that serves the charts. What it gets is kept beside the charts, so that
// all servers of a bucket share it. Why there is no certificate is in the log: the
// client sees no more than a handshake that fails.
func (o *acmeOptions) config(cache autocert.Cache, log *slog.Logger) (*tls.Config, error) {
	client := &acme.Client{DirectoryURL: o.directory, HTTPClient: &http.Client{Timeout: acmeTimeout}, UserAgent: "gantry/" + version}
	if o.directory == "" {
		client.DirectoryURL = autocert.DefaultACMEDirectory
	}
	if o.root != "" {
		roots, err := readRoots(o.root)
		if err != nil {
			return nil, err
		}
		client.HTTPClient.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	}
	manager := &autocert.Manager{
		Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(o.hosts...), Email: o.email, Client: client, Cache: cache,
	}
	config := manager.TLSConfig()
	config.MinVersion = tls.VersionTLS12
	config.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		cert, err := manager.GetCertificate(hello)
		if err != nil && manager.HostPolicy(hello.Context(), hello.ServerName) == nil {
			log.WarnContext(hello.Context(), "no certificate", slog.String("host", hello.ServerName), slog.Any("error", err),
				slog.String("hint", "the ACME server must be reachable from here, and port 443 of the host must lead here"))
		}
		return cert, err
	}
	return config, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CA certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}

// acmeCache is where certificates and their keys are kept: in a folder that
// nobody else may read, or in the bucket, which is as secret as its charts.
func acmeCache(store *openStore, dir string) autocert.Cache {
	if store.bucket {
		return storeCache{store}
	}
	return autocert.DirCache(filepath.Join(dir, ".gantry-acme"))
}

// storeCache keeps what autocert needs in a store.
type storeCache struct{ store blob.Store }

// The names are hosts and more, which are no keys of a store as they are.
func acmeKey(name string) string { return "gantry/acme/" + hex.EncodeToString([]byte(name)) }

// Get returns what was kept.
func (c storeCache) Get(ctx context.Context, name string) ([]byte, error) {
	data, _, err := c.store.Get(ctx, acmeKey(name))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, autocert.ErrCacheMiss
	}
	return data, err
}

// Put keeps something.
func (c storeCache) Put(ctx context.Context, name string, data []byte) error {
	_, err := c.store.Put(ctx, acmeKey(name), bytes.NewReader(data))
	return err
}

// Delete forgets it.
func (c storeCache) Delete(ctx context.Context, name string) error {
	return c.store.Delete(ctx, acmeKey(name))
}
