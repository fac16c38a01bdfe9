package cli_test

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// fileWait is how long a script waits for a server that it started.
const fileWait = 20 * time.Second

// envfile waits for a file that something in the background writes, and sets a
// variable to what is in it:
//
//	envfile ADDR addr.txt
func envfile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: envfile NAME FILE")
	}
	deadline := time.NewTimer(fileWait)
	defer deadline.Stop()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		text, err := os.ReadFile(ts.MkAbs(args[1]))
		if err == nil {
			ts.Setenv(args[0], strings.TrimSpace(string(text)))
			return
		}
		if !errors.Is(err, fs.ErrNotExist) {
			ts.Fatalf("envfile: %v", err)
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			ts.Fatalf("envfile: %s was not written in %s", args[1], fileWait)
		}
	}
}
