package users_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/server"
	"gantry/repo/users"
)

// known is a file of users under a clock that stands still.
type known struct {
	testing.TB
	*users.Known
	file string
	told bytes.Buffer
	time time.Time
}

func open(t *testing.T, text string) *known {
	t.Helper()
	k := &known{TB: t, file: filepath.Join(t.TempDir(), "users"), time: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}
	k.write(text)
	var err error
	if k.Known, err = users.Open(k.file, func() time.Time { return k.time }, slog.New(slog.NewTextHandler(&k.told, nil))); err != nil {
		t.Fatal(err)
	}
	return k
}

// write replaces the file, and dates it by the clock.
func (k *known) write(text string) {
	k.Helper()
	if err := os.WriteFile(k.file, []byte(text), 0o600); err != nil {
		k.Fatal(err)
	}
	if err := os.Chtimes(k.file, k.time, k.time); err != nil {
		k.Fatal(err)
	}
}

// pass lets the file be looked at again.
func (k *known) pass() { k.time = k.time.Add(time.Second) }

// knows reports what a user may do, in brackets when it was remembered.
func (k *known) knows(name, password string) string {
	if scopes, ok := k.Remembered(name, password); ok {
		return fmt.Sprintf("(%v)", scopes)
	}
	if scopes, ok := k.Compare(name, password); ok {
		return fmt.Sprint(scopes)
	}
	return ""
}

func (k *known) want(want, name, password string) {
	k.Helper()
	if got := k.knows(name, password); got != want {
		k.Errorf("%s with %s: %q, want %q", name, password, got, want)
	}
}

// TestKnown compares a password once, and remembers nothing but what was right.
func TestKnown(t *testing.T) {
	t.Parallel()
	k := open(t, "ana:"+hash(t, "s3cret")+"\nci:"+hash(t, "robot")+":push:team-*\n")
	for _, want := range []string{"[read:*]", "([read:*])", "([read:*])"} {
		k.want(want, "ana", "s3cret")
	}
	k.want("[push:team-*]", "ci", "robot")
	for range 2 {
		k.want("", "ana", "robot")
		k.want("", "ana", "")
		k.want("", "ana", "s3cret ")
		k.want("", "Ana", "s3cret")
		k.want("", "", "")
		k.want("", "", "s3cret")
	}
	// A name that nobody has is compared with one of the two, and let in by neither.
	for i := range 20 {
		k.want("", fmt.Sprint("nobody", i), "s3cret")
		k.want("", fmt.Sprint("nobody", i), "robot")
	}
	k.want("([read:*])", "ana", "s3cret")
	if strings.Contains(k.told.String(), "s3cret") || !strings.Contains(k.told.String(), "low cost") {
		t.Errorf("the log: %s", &k.told)
	}
}

// TestKnownIsReadAgain changes the file in all ways while it is in use.
func TestKnownIsReadAgain(t *testing.T) {
	t.Parallel()
	first, second := hash(t, "first"), hash(t, "second")
	k := open(t, "ana:"+first+"\n")
	k.want("[read:*]", "ana", "first")
	k.pass()
	k.write("ana:" + second + ":admin\n")
	k.want("", "ana", "first")
	k.want("[admin:*]", "ana", "second")
	k.want("([admin:*])", "ana", "second")

	// Scopes change, and a password that has not is still known.
	k.pass()
	k.write("ana:" + second + ":read\n")
	k.want("([read:*])", "ana", "second")

	// Half of a file, none at all, and one that cannot be read leave what was.
	broken := func(breaks func()) {
		t.Helper()
		k.told.Reset()
		k.pass()
		breaks()
		for range 3 {
			k.want("([read:*])", "ana", "second")
			k.pass()
		}
		if got := strings.Count(k.told.String(), "level=ERROR"); got != 1 {
			t.Errorf("it is told of %d times:\n%s", got, &k.told)
		}
		if strings.Contains(k.told.String(), second[10:]) || strings.Contains(k.told.String(), "hunter2") {
			t.Errorf("a secret is in the log: %s", &k.told)
		}
	}
	broken(func() { k.write("ana:" + second[:30]) })
	broken(func() { k.write("ana:hunter2\nci:hunter2\n") })
	broken(func() {
		if err := os.Remove(k.file); err != nil {
			t.Fatal(err)
		}
	})

	// A good one is taken, be it as old and as large as the last good one was.
	k.write("ana:" + first + ":read\n")
	k.pass()
	k.want("[read:*]", "ana", "first")
	k.want("", "ana", "second")

	// Somebody may be the last to go.
	k.pass()
	k.write("# nobody\n")
	k.want("", "ana", "first")
}

// TestKnownByMany asks from all sides while the file changes.
func TestKnownByMany(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	text := []byte("ana:" + hash(t, "s3cret") + "\nci:" + hash(t, "robot") + "\n")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	at := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	k, err := users.Open(file, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		at = at.Add(time.Second)
		return at
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for range 20 {
				_, quick := k.Remembered("ana", "s3cret")
				if _, ok := k.Compare("ana", "s3cret"); !ok && !quick {
					t.Error("ana is not known")
				}
				if _, ok := k.Compare("ci", "s3cret"); ok {
					t.Error("ci is known by the password of ana")
				}
			}
		})
		group.Go(func() {
			for j := range 20 {
				beside := fmt.Sprintf("%s-%d-%d", file, i, j)
				if err := os.WriteFile(beside, text, 0o600); err != nil {
					t.Error(err)
				}
				if err := os.Rename(beside, file); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "users")
	for _, text := range []string{"", "ana:s3cret\n"} {
		if text != "" {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if k, err := users.Open(file, time.Now, slog.New(slog.DiscardHandler)); err == nil || k != nil {
			t.Errorf("a file with %q is opened", text)
		}
	}
}

// TestKnownTellsOfChanges names who is new, gone, or may do something else: all of them
// to who watches, and some in the log.
func TestKnownTellsOfChanges(t *testing.T) {
	t.Parallel()
	first, second := hash(t, "first"), hash(t, "second")
	k := open(t, "ana:"+first+"\nbob:"+first+"\ncy:"+first+":push\neve:"+first+"\n")
	var watched []server.UsersChange
	k.Watch(func(c server.UsersChange) { watched = append(watched, c) })
	k.pass()
	k.write("ana:" + first + ":admin\nbob:" + second + "\ndan:" + first + ":read,push:team-*\neve:" + first + "\n")
	k.want("", "cy", "first")
	want := server.UsersChange{Added: []string{"dan read,push:team-*"}, Removed: []string{"cy"}, Changed: []string{"ana admin", "bob password"}}
	if diff := cmp.Diff([]server.UsersChange{want}, watched); diff != "" {
		t.Errorf("what is told (-want +got):\n%s", diff)
	}
	for _, want := range []string{`added="[dan read,push:team-*]"`, "removed=[cy]", `changed="[ana admin bob password]"`} {
		if told := k.told.String(); !strings.Contains(told, want) || strings.Contains(told, "$2") {
			t.Errorf("no %s in:\n%s", want, told)
		}
	}
	k.pass()
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "user%d:%s\n", i, first)
	}
	k.write(many.String())
	k.want("", "cy", "first")
	if told := k.told.String(); !strings.Contains(told, "user19 read …]") || strings.Contains(told, "user20 ") {
		t.Errorf("many are named: %s", told)
	}
	if n := len(watched); n != 2 || len(watched[1].Added) != 100 {
		t.Errorf("told %d times: %v", n, watched)
	}
	// The same lines, written again, are no change.
	k.pass()
	k.write("# all of them\n" + many.String())
	k.want("", "cy", "first")
	if n := len(watched); n != 2 {
		t.Errorf("told %d times: %v", n, watched[n-1])
	}
}
