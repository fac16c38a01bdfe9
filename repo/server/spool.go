package server

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"gantry/charts/diag"
)

const (
	// smallUpload is up to which size an upload waits in memory. Nearly all charts are
	// smaller, and a temporary file for each takes as long as to store it.
	smallUpload = 1 << 20
	// maxSmall is how many uploads wait in memory at once. They hold their places for
	// as long as their clients take, so the others do not wait: they take a file.
	maxSmall = 16
)

// spool reads an archive to its end, under the limit, and leaves it at its start.
func (s *Server) spool(in *incoming, body io.Reader) error {
	if in.archive != nil {
		return badRequest("chart-twice", "the upload has two charts", "send one chart at a time")
	}
	limit := s.options.Limits.Archive
	sum := sha256.New()
	err := s.wait(in, io.TeeReader(io.LimitReader(body, limit+1), sum))
	s.metrics.uploaded.Add(float64(in.size))
	if err != nil {
		return err
	}
	if in.size > limit {
		return tooLarge("the archive is larger than " + diag.Size(limit))
	}
	in.digest = hex.EncodeToString(sum.Sum(nil))
	_, err = in.archive.Seek(0, io.SeekStart)
	return err
}

// wait keeps what it reads: in memory while it is small and there is a place, and
// otherwise in a temporary file.
func (s *Server) wait(in *incoming, body io.Reader) error {
	var start []byte
	select {
	case s.small <- struct{}{}:
		in.release = func() { <-s.small }
		var err error
		start, err = io.ReadAll(io.LimitReader(body, smallUpload+1))
		in.size = int64(len(start))
		if err != nil || in.size <= smallUpload {
			in.archive = bytes.NewReader(start)
			return err
		}
		in.close()
	default:
	}
	f, err := os.CreateTemp(s.options.TempDir, "gantry-upload-*")
	if err != nil {
		return storageProblem(err)
	}
	// Where open files can be removed, a kill leaves nothing behind; elsewhere
	// it is removed in the end.
	_ = os.Remove(f.Name())
	in.archive = f
	in.release = func() { _, _ = f.Close(), os.Remove(f.Name()) }
	in.size, err = io.Copy(f, io.MultiReader(bytes.NewReader(start), body))
	return err
}
