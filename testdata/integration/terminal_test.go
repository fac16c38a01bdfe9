package integration_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal is a terminal at which a command runs, and the person before it.
type terminal struct {
	*testing.T
	person *os.File
	// over is closed when nothing more will be shown.
	over chan struct{}

	mu    sync.Mutex
	shown strings.Builder
}

// atTerminal starts a command at a terminal of its own.
func atTerminal(t *testing.T, c *exec.Cmd, rows, columns uint16) *terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = person.Close() })
	if err := unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	screen, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer screen.Close()
	term := &terminal{T: t, person: person, over: make(chan struct{})}
	term.resize(rows, columns)
	c.Stdin, c.Stdout, c.Stderr = screen, screen, screen
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	go term.watch()
	return term
}

// watch reads what is shown, until the last who could write is gone.
func (t *terminal) watch() {
	defer close(t.over)
	buf := make([]byte, 4096)
	for {
		n, err := t.person.Read(buf)
		t.mu.Lock()
		t.shown.Write(buf[:n])
		t.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (t *terminal) resize(rows, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(t.person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

func (t *terminal) enter(keys string) {
	t.Helper()
	if _, err := t.person.WriteString(keys); err != nil {
		t.Fatal(err)
	}
}

// shows reports whether a text was shown since the last time that it was asked for one
// that was.
func (t *terminal) shows(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, rest, found := strings.Cut(t.shown.String(), text)
	if found {
		t.shown.Reset()
		t.shown.WriteString(rest)
	}
	return found
}

func (t *terminal) until(text string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.Logf("shown: %q", t.shown.String())
		}
	}()
	waitFor(t.T, fmt.Sprintf("%q on the terminal", text), func() (bool, error) { return t.shows(text), nil })
}

// TestExecAtTerminal has somebody type at a shell within a container: the terminal
// there is as large as the one here, Ctrl-C goes to the shell, and gantry ends as the
// shell does and leaves the terminal as it was.
func TestExecAtTerminal(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("web", "running")
	c := s.command(t.Context(), s.gantry, s.on("exec", "-it", "web", "--", "sh")...)
	term := atTerminal(t, c, 30, 100)
	before, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	term.until("$ ")
	term.enter("echo he\x7fello\r") // with a letter taken back
	term.until("hello\r\n")
	sizeIs := func(size string) {
		t.Helper()
		waitFor(t, "the size "+size, func() (bool, error) {
			term.enter("stty size\r")
			return term.shows("\n" + size + "\r\n"), nil
		})
	}
	sizeIs("30 100")
	term.resize(20, 60)
	sizeIs("20 60")
	term.enter("exit 1\x03exit 7\r")
	err = c.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 7 {
		t.Errorf("ended with %v, want exit code 7", err)
	}
	after, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if *after != *before {
		t.Errorf("the terminal is %+v, and was %+v", after, before)
	}
}

// atTerminal starts gantry at a terminal, with the tree.
func (r *releases) atTerminal(args ...string) (*terminal, *exec.Cmd) {
	r.Helper()
	c := r.command(r.Context(), r.gantry, r.in(args...)...)
	c.Env = append(slices.Clone(c.Env), "CI=", "TERM=xterm")
	return atTerminal(r.T, c, 40, 100), c
}

// TestAskedAtTerminal: what changes or takes away what is there shows its plan and asks.
// Whoever says no, or types Ctrl-C, has changed nothing; who says so before is not asked.
func TestAskedAtTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		// shows is a line of the plan.
		shows string
	}{
		{"upgrade", []string{"upgrade", "shop", "web", "--set", "tag=3"}, "change Deployment web"},
		{"rollback", []string{"rollback", "shop", "1"}, "change Deployment web"},
		{"uninstall", []string{"uninstall", "shop"}, "delete Deployment web"},
		{"down", []string{"down", "shop"}, "delete Deployment web"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.g("install", "shop", "web")
			r.g("upgrade", "shop", "web", "--set", "tag=2")
			before := r.g("history", "shop")
			for answer, want := range map[string]struct {
				says string
				code int
			}{"n\r": {"gantry: error: nothing was changed", 1}, "\x03": {"gantry: error: interrupted", 130}} {
				term, c := r.atTerminal(test.args...)
				term.until(test.shows)
				term.until("Go on? [y/N] ")
				term.enter(answer)
				term.until(want.says)
				if err, ok := errors.AsType[*exec.ExitError](c.Wait()); !ok || err.ExitCode() != want.code {
					t.Errorf("after %q it ended with %v, want exit code %d", answer, err, want.code)
				}
			}
			if after := r.g("history", "shop"); after != before {
				t.Errorf("the history was\n%s\nand is\n%s", before, after)
			}
			_, c := r.atTerminal(append(test.args, "--yes")...)
			if err := c.Wait(); err != nil {
				t.Errorf("with --yes: %v", err)
			}
		})
	}
}

// TestUpAtTerminal: the first time nothing that is there is at stake; afterwards up asks.
func TestUpAtTerminal(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.writes("compose.yaml", "name: shop\nservices: {web: {image: nginx:1}}\n")
	term, c := r.atTerminal("up")
	term.until("up: shop: revision 1 is deployed")
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	r.writes("compose.yaml", "name: shop\nservices: {web: {image: nginx:2}}\n")
	r.wants(r.g("up", "--dry-run"), "+      - image: nginx:2", "this was a dry run: nothing was changed")
	term, c = r.atTerminal("up")
	term.until("+      - image: nginx:2")
	term.until("Go on? [y/N] ")
	term.enter("y\r")
	term.until("up: shop: revision 2 is deployed")
	if err := c.Wait(); err != nil {
		t.Fatal(err)
	}
	r.wants(r.g("down", "shop", "--dry-run"), "delete Deployment web", "this was a dry run: nothing was changed")
	if kept := column(r.g("history", "shop"), 0); len(kept) != 2 {
		t.Errorf("the history has %q", kept)
	}
}

// TestDownAtTerminal: what is said at the end stays on the terminal, on which a tree was
// drawn until then.
func TestDownAtTerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		says string
		args []string
	}{
		{"down: shop is gone", []string{"down", "shop"}},
		{"uninstalled shop", []string{"uninstall", "shop", "--wait"}},
	} {
		t.Run(test.args[0], func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			r.g("install", "shop", "web", "--wait")
			term, c := r.atTerminal(test.args...)
			term.until("Go on? [y/N] ")
			term.enter("y\r")
			term.until(test.says)
			if err := c.Wait(); err != nil {
				t.Fatal(err)
			}
			<-term.over
			if rest := term.shown.String(); strings.Contains(rest, "\x1b[J") {
				t.Errorf("it is erased by %q", rest)
			}
		})
	}
}

// TestPasswordAtTerminal: Ctrl-C at a question for a password says so, changes nothing and
// leaves the terminal showing what is typed.
func TestPasswordAtTerminal(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	c := w.command(t.Context(), w.gantry, "repo", "user", "set", "ann", "--users", "people")
	term := atTerminal(t, c, 30, 100)
	term.until("Password: ")
	term.enter("\x03")
	term.until("gantry: error: interrupted\r\n")
	if exit, ok := errors.AsType[*exec.ExitError](c.Wait()); !ok || exit.ExitCode() != 130 {
		t.Errorf("ended with %v, want exit code 130", exit)
	}
	if mode, err := unix.IoctlGetTermios(int(term.person.Fd()), unix.TCGETS); err != nil || mode.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal is left without an echo: %+v, %v", mode, err)
	}
}
