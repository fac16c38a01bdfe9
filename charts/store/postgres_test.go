package store_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// postgres starts a PostgreSQL of the machine in a folder of its own, and returns
// where it answers. Without one, what needs it is not tested.
func postgres(t *testing.T) (url string) {
	t.Helper()
	initdb, err := exec.LookPath("initdb")
	if err != nil {
		t.Skip("there is no PostgreSQL: initdb is not in PATH")
	}
	// Not t.TempDir: its path is too long for the name of a socket, and its parents
	// are closed to others.
	dir, err := os.MkdirTemp("", "gantry-pg") //nolint:usetesting // said above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	run := commandsAs(t, dir)
	data := filepath.Join(dir, "data")
	if out, err := run(initdb, "-D", data, "-U", "helm", "-A", "trust", "-N", "-E", "UTF8", "--locale=C").CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	port := strconv.Itoa(freePort(t))
	server := run(filepath.Join(filepath.Dir(initdb), "postgres"), "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", port, "-F")
	log, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGQUIT)
		_ = server.Wait()
	})
	var said strings.Builder
	for buffer := make([]byte, 4096); !strings.Contains(said.String(), "ready to accept connections"); {
		n, err := log.Read(buffer)
		said.Write(buffer[:n])
		if err != nil {
			t.Fatalf("postgres ended:\n%s", said.String())
		}
	}
	return "postgres://helm@127.0.0.1:" + port + "/postgres?sslmode=disable"
}

// commandsAs returns how commands are run that refuse to be root.
func commandsAs(t *testing.T, dir string) func(name string, args ...string) *exec.Cmd {
	t.Helper()
	const nobody = 65534
	var as *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
