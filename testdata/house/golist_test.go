package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os/exec"
	"testing"
)

// root is the folder of the module, seen from the tests' own.
const root = "../.."

type goPackage struct {
	ImportPath, Dir, Doc string
	GoFiles, TestGoFiles []string
	XTestGoFiles         []string
	Imports              []string
}

// listPackages yields the packages of this module, those below testdata
// included, and with the flag -deps what they are made of as well.
func listPackages(t *testing.T, flags ...string) iter.Seq[goPackage] {
	t.Helper()
	args := append([]string{"list", "-json"}, flags...)
	list := exec.CommandContext(t.Context(), "go", append(args, "./...", "./testdata/...")...)
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %v\n%s", list, err, exit.Stderr)
		}
		t.Fatalf("%v: %v", list, err)
	}
	return func(yield func(goPackage) bool) {
		for d := json.NewDecoder(bytes.NewReader(out)); ; {
			var p goPackage
			if err := d.Decode(&p); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatal(err)
			}
			if !yield(p) {
				return
			}
		}
	}
}
