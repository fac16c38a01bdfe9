package server

import (
	"io"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
)

// handOver copies a body into a file once it is asked for often, so that the
// kernel sends it and nothing is copied on the way: that is what makes web
// servers fast at files. The file has no name, so that it goes with the process.
type handOver struct {
	asked atomic.Int32
	once  sync.Once
	file  *os.File
}

const (
	// handOverSize is the size from which opening a file costs less than copying.
	handOverSize = 128 << 10
	// handOverAfter is how often a body is sent from memory first. Where charts are
	// uploaded all the time, no body is asked for so often.
	handOverAfter = 4
)

// open returns the body as a file of its own to read from, or nil where it is to
// be sent from memory.
func (h *handOver) open(dir string, size int64, write func(io.Writer) error) *os.File {
	if size < handOverSize || runtime.GOOS != "linux" || h.asked.Add(1) <= handOverAfter {
		return nil
	}
	h.once.Do(func() { h.file = unnamed(dir, write) })
	if h.file == nil {
		return nil
	}
	// Opened anew, the file has a position of its own.
	f, err := os.Open("/proc/self/fd/" + strconv.Itoa(int(h.file.Fd())))
	if err != nil {
		return nil
	}
	return f
}

// unnamed writes a file that has no name. Where that fails, such as for want of
// room, the body is sent from memory.
func unnamed(dir string, write func(io.Writer) error) *os.File {
	f, err := os.CreateTemp(dir, "gantry-index-*")
	if err != nil {
		return nil
	}
	if err := os.Remove(f.Name()); err != nil {
		_ = f.Close()
		return nil
	}
	if err := write(f); err != nil {
		_ = f.Close()
		return nil
	}
	return f
}

// hand sends a file and closes it. A client that is gone needs no
// answer.
func hand(w http.ResponseWriter, f *os.File, size int64) {
	_, _ = io.Copy(w, io.LimitReader(f, size))
	_ = f.Close()
}
