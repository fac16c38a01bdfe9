package cli_test

import (
	"log/slog"
	"strings"
	"testing"

	"gantry/cmd/cli"
)

// What helm's libraries say looks like what gantry says.
func TestRemarks(t *testing.T) {
	var b strings.Builder
	l := slog.NewLogLogger(cli.Remarks(&b), slog.LevelInfo)
	l.Print("[INFO] Fail: say how many")
	l.Print("Warning: Condition path 'a' for chart b returned non-bool value")
	l.Print("[ERROR] unable to get apiresource")
	l.Print("cannot overwrite table\n")
	const want = "gantry: warning: Condition path 'a' for chart b returned non-bool value\n" +
		"gantry: warning: unable to get apiresource\ngantry: warning: cannot overwrite table\n"
	if got := b.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
