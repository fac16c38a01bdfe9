package server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"gantry/repo"
)

// TestSpool looks where uploads wait: small ones in memory as long as there is a place.
func TestSpool(t *testing.T) {
	t.Parallel()
	const limit = 2 << 20
	s := &Server{small: make(chan struct{}, 1), metrics: newMetrics(""), options: Options{TempDir: t.TempDir(), Limits: Limits{Archive: limit}}}
	spool := func(size int) *incoming {
		t.Helper()
		in, text := &incoming{}, strings.Repeat("x", size)
		if err := s.spool(in, strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in.archive)
		if want, _, _ := repo.Digest(strings.NewReader(text)); err != nil || string(got) != text || in.size != int64(size) || in.digest != want {
			t.Errorf("of %d bytes %d are read (%v), the size is %d and the digest %s", size, len(got), err, in.size, in.digest)
		}
		return in
	}
	inFile := func(in *incoming) bool { _, is := in.archive.(*os.File); return is }
	for _, size := range []int{0, 1, smallUpload} {
		in := spool(size)
		if inFile(in) {
			t.Errorf("%d bytes wait in a file", size)
		}
		other := spool(1)
		if !inFile(other) {
			t.Error("more wait in memory than there are places")
		}
		other.close()
		in.close()
		in.close()
	}
	for _, size := range []int{smallUpload + 1, limit} {
		in := spool(size)
		if !inFile(in) || len(s.small) > 0 {
			t.Errorf("%d bytes wait in memory", size)
		}
		in.close()
	}
	for name, body := range map[string]io.Reader{
		"too large":            strings.NewReader(strings.Repeat("x", limit+1)),
		"a client that leaves": io.MultiReader(strings.NewReader("x"), iotest.ErrReader(io.ErrUnexpectedEOF)),
		"leaves a file":        io.MultiReader(strings.NewReader(strings.Repeat("x", smallUpload+1)), iotest.ErrReader(io.ErrUnexpectedEOF)),
	} {
		in := &incoming{}
		err := s.spool(in, body)
		in.close()
		if p, _ := errors.AsType[*problem](err); err == nil || name == "too large" && (p == nil || p.Status != http.StatusRequestEntityTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, err := os.ReadDir(s.options.TempDir); len(s.small) > 0 || len(left) > 0 || err != nil {
		t.Errorf("%d places are taken for good, and %d files stay (%v)", len(s.small), len(left), err)
	}
}
