package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

// TestSandboxLife starts, stops, kills and deletes a sandbox as a person does.
func TestSandboxLife(t *testing.T) {
	w := newWorkshop(t)
	built(t, "bin/gantry-sandbox")
	dir := filepath.Join(t.TempDir(), "sandbox")
	sandbox := func(verb string, args ...string) string {
		return w.run(w.gantry, append([]string{"sandbox", verb, "--dir", dir}, args...)...)
	}
	t.Cleanup(func() { _ = w.command(context.Background(), w.gantry, "sandbox", "delete", "--dir", dir).Run() })
	status := func() (s struct {
		Running, Ready bool
		PID            int
		Server         string
	},
	) {
		if err := json.Unmarshal([]byte(sandbox("status", "-o", "json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	sandbox("start", "--port", strconv.Itoa(quietPort(t)))
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

// quietPort returns a free port below those that Linux hands out, so that no test beside
// takes it while a server is down.
func quietPort(t *testing.T) int {
	t.Helper()
	for port := 21000; port < 22000; port++ {
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
	t.Fatal("no port from 21000 to 21999 is free")
	return 0
}

// TestSandboxStartedTwice starts a sandbox from two terminals at once: both get the
// same one.
func TestSandboxStartedTwice(t *testing.T) {
	w := newWorkshop(t)
	built(t, "bin/gantry-sandbox")
	dir := filepath.Join(t.TempDir(), "both")
	t.Cleanup(func() { _ = w.command(context.Background(), w.gantry, "sandbox", "delete", "--dir", dir).Run() })
	var starts errgroup.Group
	for range 2 {
		start := w.command(t.Context(), w.gantry, "sandbox", "start", "--dir", dir)
		starts.Go(func() error {
			if out, err := start.CombinedOutput(); err != nil {
				return fmt.Errorf("%w\n%s", err, out)
			}
			return nil
		})
	}
	if err := starts.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSandboxStartFails leaves nothing behind, whether the start fails by itself or
// is interrupted.
func TestSandboxStartFails(t *testing.T) {
	w := newWorkshop(t)
	built(t, "bin/gantry-sandbox")
	notRunning := func(dir string) {
		t.Helper()
		if out := w.run(w.gantry, "sandbox", "status", "--dir", dir); !strings.Contains(out, "not running") {
			t.Errorf("status says %s", out)
		}
	}
	t.Run("by itself", func(t *testing.T) {
		taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer taken.Close()
		dir := filepath.Join(t.TempDir(), "it")
		port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)
		out, err := w.command(t.Context(), w.gantry, "sandbox", "start", "--dir", dir, "--port", port).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "address already in use") {
			t.Errorf("%v\n%s", err, out)
		}
		notRunning(dir)
	})
	t.Run("interrupted", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "it")
		start := w.command(t.Context(), w.gantry, "sandbox", "start", "--dir", dir)
		steps, err := start.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := start.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(steps)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "start kube-apiserver") {
				break
			}
		}
		if err := start.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
		}
		_ = start.Wait()
		if code := start.ProcessState.ExitCode(); code != 130 {
			t.Errorf("exit code %d, want 130", code)
		}
		notRunning(dir)
	})
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, what string, done func() (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ticker := time.NewTicker(tick)
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
