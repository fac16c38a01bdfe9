package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	// startWithin is generous: a laptop takes three seconds.
	startWithin = 2 * time.Minute
	stopWithin  = time.Minute
	// tick is how often files and processes are looked at, which can't be watched.
	tick = 20 * time.Millisecond
)

// common is the sandbox that most tests share. It is started by the first that
// needs it.
var common struct {
	sync.Mutex
	*sandbox
	dir string
	err error
}

// running is a sandbox that most tests use instead of starting one: it saves those who
// write a test the start at each run.
var running = flag.String("sandbox", "", "folder of a sandbox that runs, for the tests that share one")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopCommon(); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		code = 1
	}
	os.Exit(code)
}

// shared returns the common sandbox.
func shared(t *testing.T) *sandbox {
	t.Helper()
	common.Lock()
	defer common.Unlock()
	switch {
	case common.sandbox != nil || common.err != nil:
	case *running != "":
		common.sandbox, common.err = joinSandbox(*running)
	default:
		common.dir, common.err = os.MkdirTemp("", "gantry") //nolint:usetesting // it outlives the test
		if common.err == nil {
			common.sandbox, common.err = startSandbox(t, filepath.Join(common.dir, "shared"))
		}
	}
	if common.err != nil {
		t.Fatal(common.err)
	}
	return common.sandbox
}

func stopCommon() error {
	if common.sandbox == nil || common.cmd == nil {
		return nil
	}
	return errors.Join(common.stop(), os.RemoveAll(common.dir))
}

// sandbox is one that runs as our child.
type sandbox struct {
	dir        string
	kubeconfig string
	config     *rest.Config
	cmd        *exec.Cmd
	// stdin keeps it alive: it ends with us, however we end.
	stdin io.Closer
	// exited is closed when it has ended, with err.
	exited chan struct{}
	err    error
}

// startSandbox starts one and waits until it is ready.
func startSandbox(t *testing.T, dir string, args ...string) (*sandbox, error) {
	t.Helper()
	path := built(t, "bin/gantry-sandbox")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &sandbox{dir: dir, kubeconfig: filepath.Join(dir, "kubeconfig"), exited: make(chan struct{})}
	s.cmd = exec.Command(path, append([]string{"--dir", dir, "--stop-with-stdin"}, args...)...)
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if s.stdin, err = s.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
	if err := s.waitReady(t.Context()); err != nil {
		return nil, errors.Join(err, s.kill())
	}
	if err := s.connect(); err != nil {
		return nil, errors.Join(err, s.kill())
	}
	return s, nil
}

// joinSandbox uses one that somebody else has started, and ends.
func joinSandbox(dir string) (*sandbox, error) {
	const room = 1000
	places.Store(int64(os.Getpid()) * room) // namespaces of earlier runs may be there still
	s := &sandbox{dir: dir, kubeconfig: filepath.Join(dir, "kubeconfig")}
	return s, s.connect()
}

func (s *sandbox) connect() error {
	config, err := clientcmd.BuildConfigFromFlags("", s.kubeconfig)
	if err != nil {
		return err
	}
	config.QPS = -1 // it is ours alone
	config.WarningHandler = rest.NoWarnings{}
	s.config = config
	return nil
}

// state is what the tests need of the sandbox's own file.
type state struct {
	PID    int    `json:"pid"`
	Ready  bool   `json:"ready"`
	Step   string `json:"step"`
	Server string `json:"server"`
	Error  string `json:"error"`
}

func (s *sandbox) state() (state, error) {
	var st state
	data, err := os.ReadFile(filepath.Join(s.dir, "sandbox.json"))
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	return st, err
}

func (s *sandbox) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		st, err := s.state()
		if err == nil && st.Ready && st.PID == s.cmd.Process.Pid {
			return nil
		}
		select {
		case <-ticker.C:
		case <-s.exited:
			return fmt.Errorf("the sandbox ended: %s: see %s/log", st.Error, s.dir)
		case <-ctx.Done():
			return fmt.Errorf("the sandbox is still at %q: %w", st.Step, ctx.Err())
		}
	}
}

// stop ends the sandbox as a user would.
func (s *sandbox) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-s.exited:
		return s.err
	case <-time.After(stopWithin):
		return errors.Join(errors.New("the sandbox does not stop"), s.kill())
	}
}

// kill ends the sandbox as the kernel would when memory is short.
func (s *sandbox) kill() error {
	err := s.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-s.exited
	return err
}

// places counts the namespaces, which need different names.
var places atomic.Int64
