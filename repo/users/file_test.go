package users_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"gantry/charts/diag"
	"gantry/repo/server"
	"gantry/repo/users"
)

// hash makes a cheap one.
func hash(tb testing.TB, password string) string {
	tb.Helper()
	made, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		tb.Fatal(err)
	}
	return string(made)
}

// anyHash has the form of one, and is that of nothing.
const anyHash = "$2y$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"

// TestParse reads what there can be in a file, and tells of everything that is wrong at
// its place, without a word of what may be a password.
func TestParse(t *testing.T) {
	t.Parallel()
	f, err := users.Parse("users", []byte("# people\n\nana:"+anyHash+"\r\n  # robots\nci bot:"+anyHash+":push:team-*, read\nroot:"+strings.Replace(anyHash, "$2y", "$2b", 1)+":admin"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range f.Users() {
		got = append(got, fmt.Sprint(u.Name, " ", u.Scopes, " ", u.Cost))
	}
	if diff := cmp.Diff([]string{"ana [read:*] 10", "ci bot [push:team-* read:*] 10", "root [admin:*] 10"}, got); diff != "" {
		t.Errorf("users (-want +got):\n%s", diff)
	}
	for _, tc := range []struct{ line, code, says string }{
		{"ana", "users-line", "no colon"},
		{":" + anyHash, "users-name", "between 1 and 100"},
		{strings.Repeat("a", 101) + ":" + anyHash, "users-name", "between 1 and 100"},
		{"an\x1b[2Ja:" + anyHash, "users-name", `"an\x1b[2Ja"`},
		{"an\xffa:" + anyHash, "users-name", `"an\xffa"`},
		{"\ufeffana:" + anyHash, "users-name", `"\ufeffana"`},
		{" ana:" + anyHash, "users-name", "space"},
		{"ana:secret", "users-hash", "bcrypt"},
		{"ana:{SHA}secret", "users-hash", "bcrypt"},
		{"ana:$apr1$secret$secret", "users-hash", "bcrypt"},
		{"ana:$2x$" + anyHash[4:], "users-hash", "bcrypt"},
		{"ana:" + anyHash + "secret", "users-hash", "bcrypt"},
		{"ana:" + strings.Replace(anyHash, "$10$", "$15$", 1), "users-cost", "15"},
		{"ana:" + strings.Replace(anyHash, "$10$", "$03$", 1), "users-cost", "3"},
		{"ana:" + anyHash + ":", "users-scope", `"" is not a scope`},
		{"ana:" + anyHash + ":write", "users-scope", `"write" is not a scope`},
		{"ana:" + anyHash + ":read" + strings.Repeat(",read", 100), "users-scope", "more than 100"},
		{"root:" + anyHash, "users-twice", "root has line 1 already"},
	} {
		_, err := users.Parse("users", []byte("root:"+anyHash+"\n"+tc.line+"\nok:"+anyHash))
		found, ok := errors.AsType[*diag.Errors](err)
		if !ok || len(found.List) != 1 {
			t.Errorf("%q: %v", tc.line, err)
			continue
		}
		d := found.List[0]
		if d.Pos != (diag.Pos{File: "users", Line: 2}) || d.Code != tc.code || !strings.Contains(d.Summary, tc.says) {
			t.Errorf("%q: %s", tc.line, d)
		}
		if strings.Contains(d.Summary+d.Hint, "secret") || strings.Contains(d.Summary+d.Hint, anyHash[10:]) {
			t.Errorf("%q: a secret is repeated: %s", tc.line, d)
		}
	}
}

// TestParseIsBounded gives a parser more than it takes.
func TestParseIsBounded(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 10_001 {
		fmt.Fprintf(&many, "u%d:%s\n", i, anyHash)
	}
	for text, want := range map[string]string{
		many.String():                        "users:10001: error: there are more than 10000 users [users-limit]",
		strings.Repeat("#", users.MaxSize+1): "users: error: the file is larger than 1048576 bytes [users-limit]",
		strings.Repeat("x\n", 400_000):       "users:1: error: the line has no colon: it is to be NAME:HASH, or NAME:HASH:SCOPE,SCOPE [users-line] (and 99 more)",
	} {
		if _, err := users.Parse("users", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestFileIsChanged keeps the lines that a change is not about as they are.
func TestFileIsChanged(t *testing.T) {
	t.Parallel()
	const before = "# people\r\nana:" + anyHash + "\r\n\n# robots\nci:" + anyHash + ":push\nz:" + anyHash
	f, err := users.Parse("users", []byte(before))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(f.Bytes()); got != before {
		t.Errorf("nothing was changed, and the file is %q", got)
	}
	set := func(name string, scopes ...server.Scope) {
		t.Helper()
		u, _ := f.Find("z")
		u.Name, u.Scopes = name, scopes
		f.Set(u)
	}
	read, push := server.Scope{Verb: server.VerbRead, Pattern: "*"}, server.Scope{Verb: server.VerbPush, Pattern: "team-*"}
	set("ci", read, push)
	set("new", read)
	if !f.Remove("ana") || f.Remove("ana") {
		t.Error("ana was not taken away once")
	}
	set("new", push)
	set("newer", read)
	want := "# people\r\n\n# robots\nci:" + anyHash + ":read,push:team-*\nz:" + anyHash + "\nnew:" + anyHash + ":push:team-*\nnewer:" + anyHash + ":read\n"
	if diff := cmp.Diff(want, string(f.Bytes())); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	again, err := users.Parse("users", f.Bytes())
	if err != nil || len(again.Users()) != 4 {
		t.Errorf("%v, %v", again.Users(), err)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	read := []server.Scope{{Verb: server.VerbRead, Pattern: "*"}}
	for _, tc := range []struct {
		name, password string
		scopes         []server.Scope
		says           string
	}{
		{"a:b", "secret", read, "colon"},
		{"#a", "secret", read, "begins with #"},
		{"ana", "", read, "empty"},
		{"ana", strings.Repeat("s", 73), read, "longer than 72"},
		{"ana", "sec\nret", read, "cannot be typed"},
		{"ana", "sec\xffret", read, "cannot be typed"},
		{"ana", "secret", nil, "between 1 and 100"},
	} {
		if _, err := users.New(tc.name, tc.password, tc.scopes); err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q %q: %v", tc.name, tc.password, err)
		}
	}
}

// TestReadRefuses does not wait for what is no file.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := users.Read(dir); err == nil || !strings.Contains(err.Error(), "is not a file") {
		t.Errorf("a folder: %v", err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, 2*users.MaxSize), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := users.Read(large); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("a large file: %v", err)
	}
}

// FuzzParse wants of what passes that it keeps the rules and is the same when it is
// written and read again; of what does not, a place in the file for each problem, and not
// a word of what stands where a password may.
func FuzzParse(f *testing.F) {
	f.Add("ana:" + anyHash + ":read,push:a-*\n# x\n\nb:" + anyHash)
	f.Add("ana:" + anyHash + "\r\nana:" + anyHash + "\r\n:x\n")
	f.Add("ana:hunter2hunter2\nb\n")
	f.Fuzz(func(t *testing.T, text string) {
		file, err := users.Parse("users", []byte(text))
		if err != nil {
			found, ok := errors.AsType[*diag.Errors](err)
			if !ok {
				t.Fatalf("%v is not about places", err)
			}
			lines := strings.Split(text, "\n")
			for _, d := range found.List {
				if d.Pos.Line < 1 || d.Pos.Line > len(lines) {
					t.Fatalf("%s is outside of the file", d)
				}
				if d.Code != "users-hash" {
					continue
				}
				name, _, _ := strings.Cut(lines[d.Pos.Line-1], ":")
				if _, err := users.Parse("users", []byte(strings.Repeat("\n", d.Pos.Line-1)+name+":x")); err == nil || err.Error() != d.String() {
					t.Fatalf("%s depends on what may be a password: %v", d, err)
				}
			}
			return
		}
		if string(file.Bytes()) != text {
			t.Fatalf("%q is written as %q", text, file.Bytes())
		}
		seen := map[string]bool{}
		for _, u := range file.Users() {
			if users.CheckName(u.Name) != nil || seen[u.Name] || len(u.Scopes) == 0 || u.Cost < 4 || u.Cost > 14 {
				t.Fatalf("%+v passes", u)
			}
			seen[u.Name] = true
			file.Set(u)
		}
		again, err := users.Parse("users", file.Bytes())
		if err != nil {
			t.Fatalf("%q was made of %q: %v", file.Bytes(), text, err)
		}
		all := file.Users()
		for i, u := range again.Users() {
			if was := all[i]; u.Name != was.Name || cmp.Diff(u.Scopes, was.Scopes) != "" || u.Cost != was.Cost {
				t.Fatalf("%+v is read again as %+v", was, u)
			}
			if !file.Remove(u.Name) {
				t.Fatalf("%s cannot be taken away", u.Name)
			}
		}
	})
}
