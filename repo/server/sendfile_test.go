package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

// TestIndexFromFile asks for a large index until it is sent from a file, in every
// form, and wants the same bytes, and nothing left in the folder for temporary
// files.
func TestIndexFromFile(t *testing.T) {
	t.Parallel()
	temp := t.TempDir()
	s := serve(t, &blob.Memory{}, server.Options{TempDir: temp})
	for i := range 20 {
		text := "apiVersion: v2\nname: web\nversion: 1.0." + strconv.Itoa(i) + "\ndescription: " + noise(i, 30_000) + "\n"
		s.publish(pack(t, file{name: "web/Chart.yaml", text: text}))
	}
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		first := s.get("/index.yaml", "Accept-Encoding: "+coding)
		var readers sync.WaitGroup
		for range 16 {
			readers.Go(func() {
				for range 4 {
					r := s.get("/index.yaml", "Accept-Encoding: "+coding)
					if r.status != http.StatusOK || len(r.body) < 128<<10 || !bytes.Equal(r.body, first.body) {
						t.Errorf("%s: %d with %d bytes, and not the %d that came first", coding, r.status, len(r.body), len(first.body))
					}
				}
			})
		}
		readers.Wait()
	}
	if r := s.do(http.MethodHead, "/index.yaml", nil); len(r.body) > 0 || r.header.Get("Content-Length") == "" {
		t.Errorf("HEAD: %d bytes, %v", len(r.body), r.header)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// noise is text that does not compress well.
func noise(seed, size int) string {
	var b strings.Builder
	for n := uint64(seed + 1); b.Len() < size; {
		n = n*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "%x", n)
	}
	return b.String()
}
