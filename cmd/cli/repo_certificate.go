package cli

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificate is read from files, again when they have changed: whoever renews
// them need not start the server again.
type certificate struct {
	cert, key string
	now       func() time.Time
	log       *slog.Logger

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified time.Time
	// warned is which state of the files the log was told of.
	warned time.Time
}

func (c *certificate) load() error {
	modified := c.newest()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("read the certificate: %w", err)
	}
	c.loaded, c.modified = &pair, modified
	if end := pair.Leaf.NotAfter; c.now().After(end) {
		c.log.Error("the certificate has expired, and clients refuse it: put another one in the place of its files",
			slog.String("file", c.cert), slog.Time("expired", end))
	}
	return nil
}

// newest is when one of the files changed last.
func (c *certificate) newest() time.Time {
	var newest time.Time
	for _, name := range []string{c.cert, c.key} {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(newest) {
			newest = info.ModTime()
		}
	}
	return newest
}

// get returns the certificate for a connection. While the files do not fit
// together, as in the middle of a renewal, it is the one before.
func (c *certificate) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if newest := c.newest(); !newest.Equal(c.modified) {
		if err := c.load(); err != nil && !newest.Equal(c.warned) {
			c.warned = newest
			c.log.WarnContext(hello.Context(), "the old certificate stays in use", slog.Any("error", err))
		}
	}
	return c.loaded, nil
}
