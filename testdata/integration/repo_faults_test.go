package integration_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/repo"
)

// TestRepositoryOverTLS has both tools trust a certificate of their own.
func TestRepositoryOverTLS(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.certificate("cert.pem", "key.pem")
	url := strings.Replace(w.serve("--dir", "charts", "--tls-cert", "cert.pem", "--tls-key", "key.pem"), "http:", "https:", 1)
	w.run(w.helm, "create", "web")
	w.run(w.gantry, "repo", "add", "local", url, "--ca-file", filepath.Join(w.dir, "cert.pem"))
	w.run(w.gantry, "chart", "push", "web", "local")
	w.run(w.helm, "repo", "update")
	w.run(w.helm, "pull", "local/web", "-d", "pulled")
	c := w.command(t.Context(), w.gantry, "repo", "add", "other", url)
	out, err := c.CombinedOutput()
	if err == nil || c.ProcessState.ExitCode() != 5 {
		t.Errorf("a certificate that nobody vouches for passes: %v\n%s", err, out)
	}
	w.wants(string(out), "certificate")
}

// certificate writes a certificate for this machine that signs itself.
func (w *workshop) certificate(cert, key string) {
	w.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "gantry tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		w.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		w.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: public}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(w.dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			w.Fatal(err)
		}
	}
}

// kills is how often servers are killed, 12 times by default:
//
//	go test -run Killed ./testdata/integration -args -kills 1000
var kills = flag.Int("kills", 12, "how often a repository is killed")

// TestRepositoryIsKilled kills a server, again and again, while several clients
// upload. Whatever was acknowledged must be there after the last start, whole,
// and the index must be complete.
func TestRepositoryIsKilled(t *testing.T) {
	t.Parallel()
	t.Run("on a folder", func(t *testing.T) {
		t.Parallel()
		newWorkshop(t).survivesKills("--dir", "charts")
	})
	for _, scheme := range []string{"s3", "gs"} {
		t.Run("on a bucket of "+scheme, func(t *testing.T) {
			t.Parallel()
			w := newWorkshop(t)
			w.survivesKills(w.bucket(scheme)...)
		})
	}
}

func (w *workshop) survivesKills(store ...string) {
	w.Helper()
	t := w.T
	const clients, seed = 8, 1
	random := mathrand.New(mathrand.NewPCG(seed, seed))
	acknowledged := map[string][]byte{}
	for round := range *kills {
		// A kill falls after so many answers, wherever the others are by then.
		got := w.uploadUntilKilled(round, clients, 1+random.IntN(40), store)
		maps.Copy(acknowledged, got)
	}
	url := w.serve(store...)
	index, list, err := repo.Parse("index.yaml", w.download(url+"/index.yaml"))
	if err != nil || len(list) > 0 {
		t.Fatalf("the index is damaged: %v %v", err, list)
	}
	listed := map[string]bool{}
	for _, name := range index.Names() {
		for _, e := range index.Entries[name] {
			data := w.download(url + "/" + e.URLs[0])
			if archive.Digest(data) != e.Digest {
				t.Errorf("%s is not what the index says", e.URLs[0])
			}
			listed[filepath.Base(e.URLs[0])] = true
		}
	}
	for file, want := range acknowledged {
		if !listed[file] {
			t.Errorf("%s was acknowledged and is lost", file)
		} else if got := w.download(url + "/charts/" + file); !bytes.Equal(got, want) {
			t.Errorf("%s has other content", file)
		}
	}
	t.Logf("%d kills, %d uploads acknowledged, %d listed", *kills, len(acknowledged), len(listed))
	if len(acknowledged) < *kills {
		t.Errorf("only %d uploads were acknowledged: the test tests nothing", len(acknowledged))
	}
}

// uploadUntilKilled starts a server, lets clients upload, kills the server when
// so many uploads were answered, and returns those.
func (w *workshop) uploadUntilKilled(round, clients, answers int, store []string) map[string][]byte {
	w.Helper()
	url, server := w.start(store...)
	var (
		group        sync.WaitGroup
		mu           sync.Mutex
		acknowledged = map[string][]byte{}
		kill         sync.Once
	)
	for client := range clients {
		group.Go(func() {
			for i := 0; ; i++ {
				name, version := fmt.Sprintf("chart-%d", i%3), fmt.Sprintf("%d.%d.%d", round, client, i)
				data := w.pack(name, version)
				resp, err := http.Post(url+"/api/charts", "application/gzip", bytes.NewReader(data))
				if err != nil {
					return // the server is gone
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusCreated {
					w.Errorf("%s %s: %s", name, version, resp.Status)
					return
				}
				mu.Lock()
				acknowledged[repo.FileName(name, version)] = data
				enough := len(acknowledged) >= answers
				mu.Unlock()
				if enough {
					kill.Do(func() { _ = server.Process.Kill() })
				}
			}
		})
	}
	group.Wait()
	kill.Do(func() { _ = server.Process.Kill() })
	_ = server.Wait() // it was killed
	return acknowledged
}

func (w *workshop) pack(name, version string) []byte {
	w.Helper()
	var b bytes.Buffer
	text := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\n", name, version)
	c := &chart.Chart{
		Metadata: &chart.Metadata{APIVersion: "v2", Name: name, Version: version},
		Raw:      []*chart.File{{Name: "Chart.yaml", Data: []byte(text)}, {Name: "README.md", Data: []byte(strings.Repeat(version+"\n", 1000))}},
	}
	if err := archive.Pack(&b, c); err != nil {
		w.Error(err)
	}
	return b.Bytes()
}

func (w *workshop) download(url string) []byte {
	w.Helper()
	resp, err := http.Get(url)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		w.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return data
}
