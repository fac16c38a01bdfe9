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
	// idle are openings of the file that nobody reads from at this moment: to open
	// it takes longer than to send a small one. They go with the body.
	idle chan *os.File
}

const (
	// handOverSize is the size from which opening a file costs less than copying.
	handOverSize = 128 << 10
	// handOverAfter is how often a body is sent from memory first. Where charts are
	// uploaded all the time, no body is asked for so often.
	handOverAfter = 4
	// maxIdle is how many openings of one body wait to be used again.
	maxIdle = 8
)

// open returns the body as a file of its own to read from, or nil where it is to
// be sent from memory.
func (h *handOver) open(dir string, size int64, write func(io.Writer) error) *os.File {
	if size < handOverSize || runtime.GOOS != "linux" || h.asked.Add(1) <= handOverAfter {
		return nil
	}
	h.once.Do(func() { h.file, h.idle = unnamed(dir, write), make(chan *os.File, maxIdle) })
	if h.file == nil {
		return nil
	}
	select {
	case f := <-h.idle:
		return f
	default:
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

// hand sends what was opened. A client that is gone needs no answer.
func (h *handOver) hand(w http.ResponseWriter, f *os.File, size int64) {
	_, _ = io.Copy(w, io.LimitReader(f, size))
	if _, err := f.Seek(0, io.SeekStart); err == nil {
		select {
		case h.idle <- f:
			return
		default:
		}
	}
	_ = f.Close() // it was only read
}
