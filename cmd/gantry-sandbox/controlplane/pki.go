package controlplane

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	serviceRange = "10.96.0.0/16"
	// firstServiceIP is that of the Service kubernetes.default.
	firstServiceIP = "10.96.0.1"

	certificateYears = 10
)

// pki is the folder with the certificate authority, the pairs of the server and
// of the administrator, and the key that signs ServiceAccount tokens. All are
// made once and kept, so that kubeconfig files stay good.
type pki struct{ dir string }

func (p pki) path(name string) string { return filepath.Join(p.dir, name) }
func (p pki) cert(name string) string { return p.path(name + ".crt") }
func (p pki) key(name string) string  { return p.path(name + ".key") }

// makeCertificates fills a new folder and renames it, so that a run that was
// killed in between leaves no half of one.
func (c *cluster) makeCertificates(context.Context) error {
	c.pki = &pki{c.folder.path("pki")}
	if exists(c.pki.dir) {
		return nil
	}
	half := pki{c.pki.dir + ".new"}
	if err := os.RemoveAll(half.dir); err != nil {
		return err
	}
	if err := os.Mkdir(half.dir, 0o700); err != nil {
		return err
	}
	if err := half.fill(c.Now()); err != nil {
		return err
	}
	return os.Rename(half.dir, c.pki.dir)
}

func (p pki) fill(now time.Time) error {
	if err := p.writeSigningKey(); err != nil {
		return err
	}
	ca, err := p.newAuthority(now)
	if err != nil {
		return err
	}
	if err := ca.issue("server", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "kube-apiserver"},
		DNSNames:    []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.ParseIP(firstServiceIP)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}); err != nil {
		return err
	}
	return ca.issue("admin", &x509.Certificate{
		Subject:     pkix.Name{CommonName: "admin", Organization: []string{"system:masters"}},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// authority signs certificates into a folder.
type authority struct {
	pki
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func (p pki) newAuthority(now time.Time) (*authority, error) {
	key, err := p.newKey("ca")
	if err != nil {
		return nil, err
	}
	ca := &authority{pki: p, key: key, cert: &x509.Certificate{
		Subject:               pkix.Name{CommonName: "gantry-sandbox"},
		SerialNumber:          big.NewInt(1),
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.AddDate(certificateYears, 0, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}}
	return ca, ca.sign("ca", ca.cert, key.Public())
}

// issue makes a key and a certificate for it.
func (a *authority) issue(name string, template *x509.Certificate) error {
	key, err := a.newKey(name)
	if err != nil {
		return err
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126)); err != nil {
		return err
	}
	template.NotBefore, template.NotAfter = a.cert.NotBefore, a.cert.NotAfter
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	return a.sign(name, template, key.Public())
}

func (a *authority) sign(name string, template *x509.Certificate, public crypto.PublicKey) error {
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, public, a.key)
	if err != nil {
		return err
	}
	return writePEM(a.pki.cert(name), "CERTIFICATE", der)
}

// writeSigningKey makes the pair that signs and checks ServiceAccount tokens.
func (p pki) writeSigningKey() error {
	key, err := p.newKey("sa")
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return err
	}
	return writePEM(p.path("sa.pub"), "PUBLIC KEY", der)
}

func (p pki) newKey(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(p.key(name), "EC PRIVATE KEY", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
