package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// sandboxFolder is the state folder of a sandbox, which is the whole interface to
// its process: gantry-sandbox describes it in its package controlplane.
type sandboxFolder struct{ dir string }

// sandboxState is what the process says of itself in sandbox.json.
type sandboxState struct {
	Kind    string    `json:"kind"`
	PID     int       `json:"pid"`
	Ready   bool      `json:"ready"`
	Step    string    `json:"step"`
	Error   string    `json:"error,omitempty"`
	Server  string    `json:"server,omitempty"`
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

// sandboxKind marks the folder of a sandbox.
const sandboxKind = "gantry-sandbox"

func (f sandboxFolder) kubeconfig() string { return filepath.Join(f.dir, "kubeconfig") }
func (f sandboxFolder) log() string        { return filepath.Join(f.dir, "log") }

// state reads what the process last said; the zero state when there is none.
func (f sandboxFolder) state() (sandboxState, error) {
	var s sandboxState
	data, err := os.ReadFile(filepath.Join(f.dir, "sandbox.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(data, &s); err != nil || s.Kind != sandboxKind {
		return sandboxState{}, fmt.Errorf("%s is not the folder of a sandbox", f.dir)
	}
	return s, nil
}

// holder returns the process that holds the folder's lock, or 0. The kernel names
// it, so a number that a killed process left behind is never taken for a living
// one: only this process may be signalled.
func (f sandboxFolder) holder() (int, error) {
	lock, err := os.Open(filepath.Join(f.dir, "lock"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	pid, held, err := lockHolder(lock)
	switch {
	case err != nil:
		return 0, fmt.Errorf("ask who holds %s: %w", lock.Name(), err)
	case !held:
		return 0, nil
	case pid <= 0:
		return 0, fmt.Errorf("%s is in use by a process of another container or machine", f.dir)
	}
	return pid, nil
}

// terminate asks a holder to end. The handle is taken first and the holder asked
// for again: if the process had ended, and its number gone to another, that one
// would not hold the lock.
func (f sandboxFolder) terminate(pid int) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	defer func() { _ = process.Release() }()
	if now, err := f.holder(); err != nil || now != pid {
		return err
	}
	if err := process.Signal(syscall.SIGTERM); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// running returns the state of the process that runs, or false.
func (f sandboxFolder) running() (sandboxState, bool, error) {
	pid, err := f.holder()
	if err != nil || pid == 0 {
		return sandboxState{}, false, err
	}
	s, err := f.state()
	if s.PID != pid {
		s = sandboxState{PID: pid, Step: "starting"}
	}
	return s, true, err
}

// prepare makes the folder, or checks that it is a sandbox's.
func (f sandboxFolder) prepare() error {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return err
	}
	return f.check()
}

// check refuses a folder of somebody else's: a typing mistake must not fill it,
// nor delete it. A start that failed early leaves a log and a lock at most.
func (f sandboxFolder) check() error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	state, err := f.state()
	if err != nil || state.Kind != "" {
		return err
	}
	for _, e := range entries {
		if e.Name() != "log" && e.Name() != "lock" {
			return fmt.Errorf("%s is not the folder of a sandbox, and not empty", f.dir)
		}
	}
	return nil
}
