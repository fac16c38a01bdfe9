package users_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"gantry/repo/server"
	"gantry/repo/users"
)

// TestChange loses none of many changes at once, and leaves the file to who may read it.
func TestChange(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "below", "users")
	read := []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}
	ana, err := users.New("ana", "s3cret", read)
	if err != nil {
		t.Fatal(err)
	}
	add := func(name string) error {
		return users.Change(t.Context(), file, func(f *users.File) error {
			u := ana
			u.Name = name
			f.Set(u)
			return nil
		})
	}
	var group sync.WaitGroup
	const many = 50
	for i := range many {
		group.Go(func() {
			if err := add(fmt.Sprint("user", i)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	f, err := users.Read(file)
	if err != nil || len(f.Users()) != many {
		t.Fatalf("%d users of %d: %v", len(f.Users()), many, err)
	}
	stop := errors.New("stop")
	if err := users.Change(t.Context(), file, func(f *users.File) error { f.Remove("user0"); return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	if f, err = users.Read(file); err != nil || len(f.Users()) != many {
		t.Errorf("a change that was given up: %d users, %v", len(f.Users()), err)
	}
	if runtime.GOOS == "windows" {
		return // permissions are another thing there
	}
	for _, mode := range []os.FileMode{0o600, 0o640} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		if err := add("late"); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode() != mode {
			t.Errorf("the mode is %v, and was %v (%v)", info.Mode(), mode, err)
		}
	}
}
