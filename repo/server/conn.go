package server

import (
	"context"
	"net"
)

// Conns returns a listener, and a function for [http.Server.ConnContext], with which an
// answer from memory is sent by one system call. net/http sends what fits its buffer
// first, the head and the beginning of the body, wakes the client with it, and sends the
// rest by a second call: that took a fifth of the time of a compressed index. Listeners
// of other kinds than TCP come back as they are.
func Conns(l net.Listener) (net.Listener, func(context.Context, net.Conn) context.Context) {
	if tcp, ok := l.(*net.TCPListener); ok {
		l = listener{tcp}
	}
	return l, func(ctx context.Context, c net.Conn) context.Context {
		if c, ok := c.(*conn); ok {
			return context.WithValue(ctx, connKey{}, c)
		}
		return ctx
	}
}

type connKey struct{}

type listener struct{ *net.TCPListener }

func (l listener) Accept() (net.Conn, error) {
	c, err := l.AcceptTCP()
	if err != nil {
		return nil, err
	}
	return &conn{TCPConn: c}, nil
}

// conn is a connection whose next write can wait for the one after.
type conn struct {
	*net.TCPConn

	joins bool   // the next write waits
	head  []byte // it waits, if it is not empty
}

// httpBuffer is how much net/http gathers before it writes.
const httpBuffer = 4 << 10

// joined calls a function that writes a body in whole, so that its head goes with it. A
// body that fits the buffer beside its head does so by itself, and would wait for ever.
func joined(ctx context.Context, size int64, write func() error) error {
	c, ok := ctx.Value(connKey{}).(*conn)
	if !ok || size <= httpBuffer {
		return write()
	}
	c.joins = true
	defer func() { c.joins = false }()
	return write()
}

func (c *conn) Write(p []byte) (int, error) {
	if c.joins {
		c.joins = false
		c.head = append(c.head[:0], p...)
		return len(p), nil
	}
	if len(c.head) == 0 {
		return c.TCPConn.Write(p)
	}
	both := net.Buffers{c.head, p}
	n, err := both.WriteTo(c.TCPConn)
	n -= int64(len(c.head))
	c.head = c.head[:0]
	return int(max(n, 0)), err
}
