package cli

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener for connections that are made in memory, so that their
// deadlines follow the clock of the test.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// TestSlowClients are those that send a little now and then, to keep what the
// server has for them.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		head  string
		pause time.Duration
		// ends is when the server is through with it.
		ends time.Duration
		read bool
	}{
		"a header":           {"GET / HTTP/1.1\r\n", time.Second, headerTimeout, false},
		"a body that stalls": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", stallTimeout + time.Second, stallTimeout, false},
		"a body that drips":  {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n", stallTimeout - time.Second, transferTimeout, false},
		"a slow line":        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", stallTimeout - time.Second, 10 * (stallTimeout - time.Second), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &app{IO: IO{Now: time.Now}}
				start := time.Now()
				var took time.Duration
				whole := false
				handler := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					_, err := io.Copy(io.Discard, r.Body)
					whole, took = err == nil, time.Since(start)
				})
				ctx, cancel := context.WithCancel(t.Context())
				listener := make(pipes, 1)
				done := make(chan error, 1)
				go func() { done <- a.serveUntil(ctx, listener, handler, slog.New(slog.DiscardHandler)) }()
				client, conn := net.Pipe()
				listener <- conn
				var answer []byte
				ended := make(chan struct{})
				go func() {
					answer, _ = io.ReadAll(client)
					close(ended)
				}()
				_, err := client.Write([]byte(tc.head))
				for err == nil && !whole {
					time.Sleep(tc.pause)
					_, err = client.Write(bytes.Repeat([]byte("x"), 1))
					synctest.Wait()
				}
				if strings.HasPrefix(tc.head, "GET") {
					took = time.Since(start)
				}
				if whole != tc.read || took < tc.ends || took > tc.ends+tc.pause {
					t.Errorf("whole: %t, after %s; want %t, after %s", whole, took, tc.read, tc.ends)
				}
				if !whole {
					// Whoever has sent nothing for so long is told, and the connection ends.
					<-ended
					if gone := time.Since(start); gone > tc.ends+tc.pause+time.Second || tc.ends == stallTimeout && !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
						t.Errorf("the connection ended after %s, with %q", gone, answer)
					}
				}
				_ = client.Close()
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
		})
	}
}
