package cli

import (
	"cmp"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
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
	for _, pair := range slices.Backward(o.Environ) {
		if k, v, ok := strings.Cut(pair, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// isTerminal reports whether a person is looking at the stream.
func isTerminal(stream any) bool {
	if c, ok := stream.(*checkedWriter); ok {
		stream = c.w
	}
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// checkedWriter remembers the first write that failed, so that commands can
// print without looking, and a full disk still fails the command.
type checkedWriter struct {
	w io.Writer

	mu  sync.Mutex
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.err = cmp.Or(c.err, err)
	}
	return n, err
}

func (c *checkedWriter) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
