package controlplane

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/component-base/version"
)

// Kind marks the state file, and by it a folder as a sandbox's.
const Kind = "gantry-sandbox"

// State is what sandbox.json holds. It describes a running process only if that
// holds the lock of the folder.
type State struct {
	Kind string `json:"kind"`
	PID  int    `json:"pid"`
	// Ready tells whether the API server can be used.
	Ready bool `json:"ready"`
	// Step is what the start is at, "ready", or "stopped".
	Step string `json:"step"`
	// Error is why it stopped, if that was not wanted.
	Error string `json:"error,omitempty"`
	// Server is the address of the API server.
	Server string `json:"server,omitempty"`
	// Version is that of Kubernetes.
	Version string    `json:"version"`
	Started time.Time `json:"started"`
}

const (
	stateFile = "sandbox.json"
	lockFile  = "lock"
	logFile   = "log"
	stopped   = "stopped"
)

// folder is the state folder, locked by this process.
type folder struct {
	dir   string
	lock  *os.File
	state State
	// killed tells that the last run did not end by itself.
	killed bool
}

// openFolder makes the folder if needed, and keeps every other process out.
func openFolder(dir string, now time.Time) (*folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := checkOurs(dir); err != nil {
		return nil, err
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(dir)
	if err != nil {
		return nil, err
	}
	last, err := readState(dir)
	return &folder{dir: dir, lock: lock, killed: err == nil && last.Step != stopped, state: State{
		Kind:    Kind,
		PID:     os.Getpid(),
		Version: version.Get().GitVersion,
		Started: now.UTC().Truncate(time.Millisecond),
	}}, nil
}

// checkOurs refuses a folder with files of somebody else: a typing mistake must
// not fill it, nor let "sandbox delete" remove it.
func checkOurs(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// Both may be there before the first start is.
		if e.Name() == logFile || e.Name() == lockFile {
			continue
		}
		if s, err := readState(dir); err != nil || s.Kind != Kind {
			return fmt.Errorf("%s is not a sandbox's folder: it has a file %s, and no %s", dir, e.Name(), stateFile)
		}
		return nil
	}
	return nil
}

func readState(dir string) (s State, err error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(data, &s)
}

// lockFolder takes a record lock rather than a flock, because the kernel names
// the holder of a record lock. It is lost when the process closes any descriptor
// of the file: nothing else here may open it.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK})
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EACCES) {
		err = fmt.Errorf("%s is in use by another sandbox", dir)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// step tells other programs what the start is at.
func (f *folder) step(name string) error {
	f.state.Step = name
	return f.write()
}

func (f *folder) ready(server string) error {
	f.state.Step, f.state.Ready, f.state.Server = "ready", true, server
	return f.write()
}

// close records how the run ended, and lets the next process in.
func (f *folder) close(err error) error {
	f.state.Step, f.state.Ready = stopped, false
	if err != nil {
		f.state.Error = err.Error()
	}
	return errors.Join(err, f.write(), f.lock.Close())
}

func (f *folder) write() error {
	data, err := json.MarshalIndent(&f.state, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(f.path(stateFile), append(data, '\n'))
}

// writeFile replaces a file as a whole.
func writeFile(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// exists tells whether there is a file; when that can't be told, the error of
// reading it will be the better one.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
