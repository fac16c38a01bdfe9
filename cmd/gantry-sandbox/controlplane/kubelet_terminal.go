package controlplane

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"golang.org/x/term"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
)

// terminal is what a command with a terminal reads its lines from and writes to: it
// echoes what is typed, lets it be edited, and knows how large it is.
type terminal struct {
	*term.Terminal

	mu   sync.Mutex
	size remotecommand.TerminalSize
}

// newTerminal makes a terminal of the two ends of a connection. It takes sizes until
// their channel is closed, which the connection does.
func newTerminal(in io.Reader, out io.Writer, prompt string, sizes <-chan remotecommand.TerminalSize) *terminal {
	t := &terminal{Terminal: term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{interrupted{in}, out}, prompt)}
	go func() {
		for size := range sizes {
			t.resize(size)
		}
	}()
	return t
}

func (t *terminal) resize(size remotecommand.TerminalSize) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.size = size
	_ = t.SetSize(int(size.Width), int(size.Height)) // it draws a line that it will draw again
}

// stty prints the size as "stty size" does.
func (t *terminal) stty(args []string, s stdio) int {
	if t == nil {
		fmt.Fprintln(s.err, "stty: 'standard input': Inappropriate ioctl for device")
		return 1
	}
	if len(args) != 1 || args[0] != "size" {
		fmt.Fprintln(s.err, "stty: the terminals of a sandbox know only size")
		return 1
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(s.out, t.size.Height, t.size.Width)
	return 0
}

// interrupted is what somebody types, of which Ctrl-C takes the line away and nothing
// else: a [term.Terminal] would end.
type interrupted struct{ io.Reader }

// Read reads what is typed.
func (r interrupted) Read(p []byte) (int, error) {
	const ctrlC, ctrlU = 0x03, 0x15
	n, err := r.Reader.Read(p)
	copy(p[:n], bytes.ReplaceAll(p[:n], []byte{ctrlC}, []byte{ctrlU}))
	return n, err
}
