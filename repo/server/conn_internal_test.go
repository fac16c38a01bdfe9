package server

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
)

// TestJoined sends bodies of all sizes around the buffer of net/http one after the other
// on a connection: each arrives whole, and none waits for the next.
func TestJoined(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("0123456789abcdef"), 3*httpBuffer/16)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size, _ := strconv.ParseInt(strings.TrimPrefix(r.URL.Path, "/"), 10, 64) // the test sends numbers
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		if err := joined(r.Context(), size, func() error { _, err := w.Write(body[:size]); return err }); err != nil {
			t.Error(err)
		}
		switch c, ok := r.Context().Value(connKey{}).(*conn); {
		case !ok:
			t.Error("the connection is not in the context")
		case c.joins, size > httpBuffer && cap(c.head) == 0:
			t.Errorf("%d bytes: %+v: the next write waits, or none did", size, c)
		}
	}))
	s.Listener, s.Config.ConnContext = Conns(s.Listener)
	s.Start()
	defer s.Close()
	for _, around := range []int{0, httpBuffer / 2, httpBuffer, 2 * httpBuffer} {
		for size := max(around-300, 0); size < around+20; size++ {
			resp, err := http.Get(fmt.Sprintf("%s/%d", s.URL, size))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || !bytes.Equal(got, body[:size]) {
				t.Fatalf("%d bytes arrive as %d: %v", size, len(got), err)
			}
			_ = resp.Body.Close() // it was read
		}
	}
}
