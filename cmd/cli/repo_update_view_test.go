package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"gantry/cmd/screen"
	"gantry/repo/client"
)

// TestUpdateView wants what is done to stay, and what is under way to be taken away.
func TestUpdateView(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	v := &updateView{
		now: func() time.Time { return now }, under: map[string]client.Progress{},
		screen: screen.New(&out, func() (columns, rows int) { return 80, 24 }),
	}
	drew := func(want string) {
		t.Helper()
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %q", want, out.String())
		}
		out.Reset()
	}
	v.begin(2)
	drew("0 of 2 repositories")
	v.receive(client.Progress{Repository: "small", Received: 2 << 10, Of: -1})
	if out.Len() > 0 {
		t.Errorf("drawn at once: %q", out.String())
	}
	now = now.Add(time.Second)
	v.receive(client.Progress{Repository: "large", Received: 3 << 20, Of: 12 << 20})
	drew("0 of 2 repositories\n  large: 3 MiB of 12 MiB\n  small: 2 KiB\n")
	v.done("small", func() { fmt.Fprintln(&out, "small: updated") })
	drew("\x1b[J\x1b[?25hsmall: updated\n")
	now = now.Add(time.Second)
	v.receive(client.Progress{Repository: "large", Received: 4 << 20, Of: 12 << 20})
	drew("1 of 2 repositories\n  large: 4 MiB of 12 MiB\n")
	v.done("large", func() { fmt.Fprintln(&out, "large: updated") })
	if text := out.String(); !strings.HasSuffix(text, "large: updated\n") {
		t.Errorf("something is drawn at the end: %q", text)
	}

	silent := &updateView{now: time.Now, under: map[string]client.Progress{}}
	silent.begin(1)
	silent.receive(client.Progress{Repository: "a"})
	silent.done("a", func() {})
}
