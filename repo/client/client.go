package client

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"gantry/repo/pause"
)

// Client talks to repositories. Make one with [New].
type Client struct {
	paths     Paths
	userAgent string
	log       *slog.Logger
	now       func() time.Time
	wait      func(context.Context, time.Duration) error
	limits    Limits
	plainHTTP bool
	// patience is how long an answer that has begun may be silent.
	patience time.Duration
	// registries is the way to OCI registries.
	registries *http.Transport
	// progress is nil where nobody follows.
	progress func(Progress)
}

// Limits is how much is read from a server.
type Limits struct {
	// Index is the size of an index, unpacked.
	Index int64
	// Archive is the size of a chart.
	Archive int64
}

// Option changes a knob of a client.
type Option func(*Client)

// WithUserAgent sets what the client calls itself. Default: gantry.
func WithUserAgent(name string) Option { return func(c *Client) { c.userAgent = name } }

// WithLog sets where retries are logged. Default: nowhere.
func WithLog(log *slog.Logger) Option { return func(c *Client) { c.log = log } }

// WithWait sets how the client waits between tries. Default: a timer.
func WithWait(wait func(context.Context, time.Duration) error) Option {
	return func(c *Client) { c.wait = wait }
}

// WithLimits sets how much is read from a server. Default: 256 MiB of index,
// 256 MiB of chart.
func WithLimits(l Limits) Option { return func(c *Client) { c.limits = l } }

// WithPatience sets how long an answer that has begun may be silent before it is asked
// for again. Default: a minute.
func WithPatience(d time.Duration) Option { return func(c *Client) { c.patience = d } }

// WithPlainHTTP talks to OCI registries without TLS.
func WithPlainHTTP(plain bool) Option { return func(c *Client) { c.plainHTTP = plain } }

// New returns a client for what is configured at the paths.
func New(paths Paths, now func() time.Time, options ...Option) *Client {
	c := &Client{
		paths:     paths,
		userAgent: "gantry",
		log:       slog.New(slog.DiscardHandler),
		now:       now,
		wait:      pause.For,
		patience:  longestPause,
		// Its connections end by themselves, for a client has no end.
		registries: newTransport(nil, registryIdle),
		limits:     Limits{Index: 256 << 20, Archive: 256 << 20},
	}
	for _, o := range options {
		o(c)
	}
	return c
}
