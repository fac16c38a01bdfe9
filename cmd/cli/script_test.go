package cli_test

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gantry/cmd/cli"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

// TestMain lets the scripts run this test binary under the name gantry, so that
// what they run counts as covered.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gantry": runGantry})
}

func runGantry() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, cli.IO{
		In:      os.Stdin,
		Out:     os.Stdout,
		Err:     os.Stderr,
		Environ: os.Environ(),
		Now:     time.Now,
	}, os.Args[1:])
	stop()
	os.Exit(code)
}

func TestScripts(t *testing.T) {
	if *update && os.Getenv("CI") != "" {
		t.Fatal("-update rewrites expectations, which is not for CI: unset CI to do it on purpose")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("..", "..", "testdata", "script"),
		Setup:               isolate,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exitcode": exitcode, "envfile": envfile, "builds": builds, "images": images, "keys": keys, "certificate": certificate},
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// isolate keeps a script inside its own folder: what gantry or helm's libraries
// would keep in the home folder goes there, and no kubeconfig is in sight.
func isolate(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	for _, v := range []struct{ key, dir string }{
		{"HOME", ""},
		{"XDG_CONFIG_HOME", "config"},
		{"XDG_CACHE_HOME", "cache"},
		{"XDG_DATA_HOME", "data"},
		{"XDG_STATE_HOME", "state"},
		{"XDG_RUNTIME_DIR", "run"},
		{"HELM_CONFIG_HOME", "config/helm"},
		{"HELM_CACHE_HOME", "cache/helm"},
		{"HELM_DATA_HOME", "data/helm"},
	} {
		dir := filepath.Join(home, v.dir)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		env.Setenv(v.key, dir)
	}
	return nil
}

// exitcode runs a command and wants exactly this exit code of it:
//
//	exitcode 3 gantry convert -f broken.yaml
func exitcode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exitcode: %v", err)
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
