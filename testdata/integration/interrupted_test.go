package integration_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// cutOff runs gantry until it prints a text, and sends it a signal. It returns
// what it printed and the exit code: -1 for a kill.
func (r *releases) cutOff(at string, signal os.Signal, args ...string) (said string, code int) {
	r.Helper()
	c := r.command(r.Context(), r.gantry, r.in(args...)...)
	sent := false
	said, err := r.listen(c, func(said string) {
		if !sent && strings.Contains(said, at) {
			sent = true
			if err := c.Process.Signal(signal); err != nil {
				r.Fatal(err)
			}
		}
	})
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || !sent {
		r.Fatalf("%v ended before it could be cut off at %q\n%s", args, at, said)
	}
	return said, exit.ExitCode()
}

// TestInterruptedUpgrade sends Ctrl-C to an upgrade that waits.
func TestInterruptedUpgrade(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web", "--wait")
	said, code := r.cutOff("changed Deployment web", os.Interrupt, "upgrade", "shop", "web", "--wait", "--set-string", "pod."+behave+"not-ready=true")
	if code != 130 {
		t.Fatalf("ended with %d\n%s", code, said)
	}
	r.wants(said, "gantry: error: interrupted", "as revision 2; go on with: gantry up, or gantry upgrade shop CHART -n "+r.Namespace)
	r.wants(r.h("history", "shop"), "failed")
	r.g("upgrade", "shop", "web", "--wait")
	r.wants(r.fails(4, "rollback", "shop", "9"), "has no revision 9", "gantry history shop -n "+r.Namespace)
}

// TestKilled ends operations with kill -9 at each of their steps. The next one
// says what was left in the middle, and goes on.
func TestKilled(t *testing.T) {
	hang := []string{"--wait", "--set-string", "pod." + behave + "not-ready=true"}
	hook := []string{"--wait", "--set-string", "hook." + behave + "run-for=1h"}
	tests := []struct {
		name, at string
		before   [][]string
		killed   []string
		// left is what the next operation says of the record.
		left string
	}{
		{"install: objects", "created Deployment web", nil, append([]string{"install", "shop", "web"}, hang...), "revision 1 (pending-install"},
		{"install: hook", "running hook Job migrate", nil, append([]string{"install", "shop", "web"}, hook...), "revision 1 (pending-install"},
		{"upgrade: objects", "changed Deployment web", [][]string{{"install", "shop", "web"}}, append([]string{"upgrade", "shop", "web"}, hang...), "revision 2 (pending-upgrade"},
		{"upgrade: hook", "running hook Job migrate", [][]string{{"install", "shop", "web"}}, append([]string{"upgrade", "shop", "web"}, hook...), "revision 2 (pending-upgrade"},
		{
			"rollback: objects", "changed Deployment web",
			[][]string{{"install", "shop", "web", "--set-string", "pod." + behave + "not-ready=true"}, {"upgrade", "shop", "web", "--reset-values"}},
			[]string{"rollback", "shop", "1", "--wait"},
			"revision 3 (pending-rollback",
		},
		{"uninstall: objects", "deleted Deployment web", [][]string{{"install", "shop", "web"}}, []string{"uninstall", "shop", "--wait"}, "revision 1 (uninstalling"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			for _, args := range test.before {
				r.g(args...)
			}
			r.cutOff(test.at, os.Kill, test.killed...)
			c := r.command(t.Context(), r.gantry, r.in("upgrade", "--install", "shop", "web", "--wait", "--reset-values")...)
			out, err := c.CombinedOutput()
			if err != nil {
				t.Fatalf("the next operation: %v\n%s", err, out)
			}
			r.wants(string(out), "waiting up to 15s for a sign of life", test.left, "it counts as failed")
			r.wants(r.g("status", "shop"), "deployed", "Current")
			r.g("uninstall", "shop", "--wait")
			r.empty()
		})
	}
}

// TestTwoAtOnce changes a release that somebody else is changing.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web")
	c := r.command(t.Context(), r.gantry, r.in("upgrade", "shop", "web", "--wait", "--set-string", "pod."+behave+"not-ready=true")...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(said.String(), "changed Deployment web"); {
		n, err := stderr.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			t.Fatalf("%v\n%s", err, said.String())
		}
	}
	for _, args := range [][]string{{"upgrade", "shop", "web"}, {"rollback", "shop"}, {"uninstall", "shop"}} {
		r.wants(r.fails(1, args...), "is being changed by", fmt.Sprintf("(process %d)", c.Process.Pid), "gantry status shop")
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stderr); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err == nil {
		t.Error("the first was not interrupted")
	}
	r.g("upgrade", "shop", "web", "--wait", "--reset-values")
}

// TestInterruptedTwice: the second Ctrl-C ends what the first cannot, such as a question
// about records that nobody answers.
func TestInterruptedTwice(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	asked, over := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/version" {
			_, _ = io.WriteString(rw, `{"major":"1","minor":"36"}`)
			return
		}
		close(asked)
		<-over
	}))
	defer server.Close()
	defer close(over)
	c := w.command(t.Context(), w.gantry, "history", "shop", "--kubeconfig", writeKubeconfig(t, server.URL))
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	<-asked
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Wait() // by a signal
	}()
	waitFor(t, "the end", func() (bool, error) {
		if err := c.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return false, err
		}
		select {
		case <-ended:
			return true, nil
		default:
			return false, nil
		}
	})
}
