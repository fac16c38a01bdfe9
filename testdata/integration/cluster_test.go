package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// patience is how long anything in the cluster may take. It is long because
// machines are slow at times; nothing waits for it in vain.
const patience = 2 * time.Minute

// TestMain ends the sandbox that the tests share, if one of them has started it.
func TestMain(m *testing.M) {
	code := m.Run()
	if shared.stop != nil {
		shared.stop()
	}
	os.Exit(code)
}

// shared is the sandbox of all tests, started by the first that wants it.
var shared struct {
	once       sync.Once
	kubeconfig string
	err        error
	stop       func()
}

// cluster is a namespace of the test's own in a real API server.
type cluster struct {
	kubeconfig string
	namespace  string
	config     *rest.Config
	client     kubernetes.Interface
}

// newCluster returns a fresh namespace in the shared sandbox.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	binary := built(t, "bin/gantry-sandbox")
	shared.once.Do(func() {
		dir, err := os.MkdirTemp("", "gantry-it-") // short, for its sockets
		if err != nil {
			shared.err = err
			return
		}
		shared.kubeconfig, shared.stop, shared.err = runSandbox(binary, dir)
	})
	if shared.err != nil {
		t.Fatalf("the sandbox does not start: %v", shared.err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", shared.kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	config.QPS = -1
	c := &cluster{kubeconfig: shared.kubeconfig, config: config, client: kubernetes.NewForConfigOrDie(config)}
	ns, err := c.client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "it-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.namespace = ns.Name
	return c
}

// runSandbox starts a sandbox that ends with this process, and waits until it is
// ready.
func runSandbox(binary, dir string) (kubeconfig string, stop func(), err error) {
	process := exec.Command(binary, "--dir", dir, "--stop-with-stdin")
	stdin, err := process.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stderr, err := process.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := process.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		stdin.Close()
		_ = process.Wait()
		_ = os.RemoveAll(dir)
	}
	lines := bufio.NewScanner(stderr)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), " ready at ") {
			go func() { _, _ = io.Copy(io.Discard, stderr) }()
			return filepath.Join(dir, "kubeconfig"), stop, nil
		}
	}
	stop()
	return "", nil, errors.New(strings.Join(said, "\n"))
}

// TestSandboxLife starts, stops, kills and deletes a sandbox as a person does.
func TestSandboxLife(t *testing.T) {
	w := newWorkshop(t)
	built(t, "bin/gantry-sandbox")
	dir, err := os.MkdirTemp("", "gantry-it-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	sandbox := func(verb string, args ...string) string {
		return w.run(w.gantry, append([]string{"sandbox", verb, "--dir", dir}, args...)...)
	}
	t.Cleanup(func() { _ = w.command(context.Background(), w.gantry, "sandbox", "delete", "--dir", dir).Run() })
	status := func() (s struct {
		Running, Ready bool
		PID            int
		Server         string
	}) {
		if err := json.Unmarshal([]byte(sandbox("status", "-o", "json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	sandbox("start")
	first := status()
	if !first.Ready || first.PID == 0 {
		t.Fatalf("started, and its status is %+v", first)
	}
	kubeconfig := strings.TrimSpace(sandbox("kubeconfig"))
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "kept"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	sandbox("start") // again: nothing to do
	if again := status(); again.PID != first.PID {
		t.Errorf("a second start made process %d of %d", again.PID, first.PID)
	}
	process, err := os.FindProcess(first.PID)
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the killed sandbox to be gone", func() (bool, error) { return !status().Running, nil })
	sandbox("start")
	if after := status(); after.Server != first.Server {
		t.Errorf("the address was %s before the kill and is %s", first.Server, after.Server)
	}
	if _, err := client.CoreV1().Namespaces().Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("what was there before the kill: %v", err)
	}
	sandbox("stop")
	if status().Running {
		t.Error("it runs after stop")
	}
	sandbox("delete")
	if _, err := os.Stat(kubeconfig); err == nil {
		t.Error("its files are there after delete")
	}
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, what string, done func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := done()
		if err != nil {
			t.Fatalf("wait for %s: %v", what, err)
		}
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-ticker.C:
		}
	}
}

// in returns the arguments that name the test's namespace.
func (c *cluster) in(args ...string) []string {
	return append(args, "--kubeconfig", c.kubeconfig, "--namespace", c.namespace)
}
