package cli

import (
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// IO is everything of the process that a command may touch. Tests hand in
// buffers and a fixed clock.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ holds the environment as KEY=value strings, as os.Environ does.
	Environ []string
	// Now is the clock.
	Now func() time.Time
}

// Getenv returns the last value of an environment variable, or "".
func (o IO) Getenv(key string) string {
	v, _ := o.LookupEnv(key)
	return v
}

// LookupEnv returns the last value of an environment variable and whether it is
// set at all.
func (o IO) LookupEnv(key string) (string, bool) {
	for i := len(o.Environ) - 1; i >= 0; i-- {
		if k, v, ok := strings.Cut(o.Environ[i], "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// isTerminal reports whether a person is looking at the stream.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
