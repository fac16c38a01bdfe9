package controlplane

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

func TestFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	f, err := openFolder(dir, began)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.ready("https://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(t, dir); !got.Ready || got.Kind != Kind || got.PID != os.Getpid() || !got.Started.Equal(began) || got.Server != "https://127.0.0.1:1" {
		t.Errorf("the state when ready: %+v", got)
	}
	failure := errors.New("broken")
	if err := f.close(failure); !errors.Is(err, failure) {
		t.Errorf("close hides the failure: %v", err)
	}
	if got := stateOf(t, dir); got.Ready || got.Step != stopped || got.Error != "broken" {
		t.Errorf("the state after a failure: %+v", got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others can read the folder: %v, %v", info.Mode(), err)
	}
	if f, err = openFolder(dir, began); err != nil {
		t.Fatalf("the folder can't be used again: %v", err)
	}
	if err := f.close(nil); err != nil {
		t.Error(err)
	}
}

func TestFolderOfSomebodyElse(t *testing.T) {
	for name, state := range map[string]string{"no state": "", "another state": `{"kind": "other"}`, "no JSON": `{`} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "precious", "x")
			if state != "" {
				write(t, dir, stateFile, state)
			}
			if _, err := openFolder(dir, time.Now()); err == nil || !strings.Contains(err.Error(), "is not a sandbox's folder") {
				t.Errorf("got %v", err)
			}
			if exists(filepath.Join(dir, lockFile)) {
				t.Error("a file was left behind")
			}
		})
	}
	t.Run("a log of whoever starts it", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, logFile, "")
		f, err := openFolder(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		_ = f.close(nil)
	})
}

// The certificates must do for a TLS connection in both directions, and the
// kubeconfig must hold all that a client needs.
func TestKubeconfig(t *testing.T) {
	c := newCluster(t)
	for range 2 { // the second time they are kept
		if err := c.makeCertificates(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.listen(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer c.listener.Close()
	cert, err := tls.LoadX509KeyPair(c.pki.cert("server"), c.pki.key("server"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(readFile(t, c.pki.cert("ca")))
	served := make(chan string, 1)
	go func() {
		conn, err := c.listener.Accept()
		if err != nil {
			served <- err.Error()
			return
		}
		defer conn.Close()
		server := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert})
		if err := server.HandshakeContext(context.Background()); err != nil {
			served <- err.Error()
			return
		}
		served <- strings.Join(server.ConnectionState().PeerCertificates[0].Subject.Organization, ",")
	}()
	config, err := clientcmd.BuildConfigFromFlags("", c.folder.path("kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		t.Fatal(err)
	}
	ca := x509.NewCertPool()
	ca.AppendCertsFromPEM(config.CAData)
	conn, err := (&tls.Dialer{Config: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: ca}}).DialContext(t.Context(), "tcp", strings.TrimPrefix(config.Host, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := <-served; got != "system:masters" {
		t.Errorf("the server sees %q", got)
	}
}

func TestListenAgain(t *testing.T) {
	c := newCluster(t)
	first, err := c.listenAgain(t.Context(), 0, 0, loopback)
	if err != nil {
		t.Fatal(err)
	}
	port := first.Addr().(*net.TCPAddr).Port
	other, err := c.listenAgain(t.Context(), 0, port, loopback)
	if err != nil {
		t.Fatalf("a taken port must not matter when none is wanted: %v", err)
	}
	_ = other.Close()
	if l, err := c.listenAgain(t.Context(), port, 0, loopback); err == nil {
		_ = l.Close()
		t.Error("a wanted port that is taken must be an error")
	}
	_ = first.Close()
	again, err := c.listenAgain(t.Context(), 0, port, loopback)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if got := again.Addr().(*net.TCPAddr).Port; got != port {
		t.Errorf("got port %d, want the last one, %d", got, port)
	}
}

// TestListenAfterKill asks for a port until the killed process is wholly gone.
func TestListenAfterKill(t *testing.T) {
	const last = 40001
	listens := 0
	dying := func(ctx context.Context, port int) (net.Listener, error) {
		if listens++; listens < 3 {
			return nil, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
		}
		if port != last {
			t.Errorf("asked for port %d, want %d", port, last)
		}
		return loopback(ctx, 0)
	}
	for _, wanted := range []int{0, last} {
		c := newCluster(t)
		c.folder.killed, listens = true, 0
		l, err := c.listenAgain(t.Context(), wanted, last, dying)
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
	}
}

// TestFolderAfterKill tells a run that ended by itself from one that did not.
func TestFolderAfterKill(t *testing.T) {
	dir := t.TempDir()
	for i, kill := range []bool{false, true, false} {
		f, err := openFolder(dir, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if want := i == 2; f.killed != want {
			t.Errorf("run %d: the one before was killed: %v, want %v", i, f.killed, want)
		}
		if err := f.ready("https://127.0.0.1:1"); err != nil {
			t.Fatal(err)
		}
		if kill {
			_ = f.lock.Close()
		} else {
			_ = f.close(nil)
		}
	}
}

func TestSocketPath(t *testing.T) {
	long := strings.Repeat("x", 60)
	c := newCluster(t)
	c.Dir = filepath.Join(c.Dir, long, long)
	c.folder.dir = c.Dir
	path, err := c.socket("e.sock")
	if err != nil {
		t.Fatal(err)
	}
	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	dir := filepath.Dir(path)
	c.stop()
	if exists(dir) {
		t.Errorf("%s is left behind", dir)
	}
	if again, err := c.socket("e.sock"); err != nil || again != path {
		t.Errorf("got another path, %s, for the same folder (%v)", again, err)
	}
	c.stop()

	t.Run("others prepared it", func(t *testing.T) {
		tmp := t.TempDir()
		dir, err := socketFolder(c.Dir, tmp)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if _, err := socketFolder(c.Dir, tmp); err == nil {
			t.Error("a folder that others can write to is taken")
		}
	})
}

func TestAddressBook(t *testing.T) {
	b := newAddressBook(3, balancerAddress)
	b.adopt("old", "198.51.100.2")
	if got, err := b.get("old"); err != nil || got != "198.51.100.2" {
		t.Errorf("got %s, %v for an object that has one", got, err)
	}
	first, _ := b.get("first")
	second, _ := b.get("second")
	if first != "198.51.100.1" || second != "198.51.100.3" {
		t.Errorf("got %s and %s", first, second)
	}
	if again, _ := b.get("first"); again != first {
		t.Errorf("got %s, then %s", first, again)
	}
	if got, err := b.get("third"); err == nil {
		t.Errorf("got %s when all are taken", got)
	}
	b.forget("old")
	if got, err := b.get("third"); err != nil || got != "198.51.100.2" {
		t.Errorf("got %s, %v after one was given back", got, err)
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: "x", Port: 65536}, {Dir: "x", Port: -1}, {Dir: "x", Nodes: 101}, {Dir: "x", Nodes: -1}} {
		if err := o.validate(); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

// newCluster returns one that is ready to be started, and nothing more.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	return &cluster{Options: Options{Dir: dir, Now: time.Now}, folder: &folder{dir: dir}}
}

func stateOf(t *testing.T, dir string) State {
	t.Helper()
	s, err := readState(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
