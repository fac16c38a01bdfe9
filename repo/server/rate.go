package server

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rates is how many requests somebody may make: who is known, by name, and
// everybody else by address. 0 is any number.
type Rates struct {
	// Requests and Writes are per second; Writes count uploads and deletions
	// alone.
	Requests, Writes float64
	// Failures are wrong passwords and tokens from one address, per minute.
	Failures float64
}

// Validate says why rates are none.
func (r Rates) Validate() error {
	for _, rate := range []float64{r.Requests, r.Writes, r.Failures} {
		if !(rate >= 0 && rate <= maxRate) { // which NaN is not either
			return fmt.Errorf("a rate must be between 0 and %d", maxRate)
		}
	}
	return nil
}

// maxRate is more than anybody can send.
const maxRate = 1_000_000

const (
	// burstSeconds is how long somebody may save up requests.
	burstSeconds = 10
	// maxBuckets is how many clients are counted at once. When there are more,
	// those are forgotten who have not been heard of for a while.
	maxBuckets = 50_000
)

// limiter counts the requests of many clients against one limit.
type limiter struct {
	name  string
	rate  rate.Limit
	burst int
	now   func() time.Time

	mu      sync.Mutex
	buckets map[string]*rate.Limiter
}

// newLimiter returns nil for no limit.
func newLimiter(name string, perSecond float64, burst int, now func() time.Time) *limiter {
	if perSecond <= 0 {
		return nil
	}
	return &limiter{name: name, rate: rate.Limit(perSecond), burst: max(1, burst), now: now, buckets: map[string]*rate.Limiter{}}
}

func (l *limiter) bucket(key string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.buckets[key]
	if !ok {
		if len(l.buckets) >= maxBuckets {
			l.forget()
		}
		b = rate.NewLimiter(l.rate, l.burst)
		l.buckets[key] = b
	}
	return b
}

// forget drops the buckets that are full, whose clients lose nothing by it, and
// all of them when none is.
func (l *limiter) forget() {
	now := l.now()
	for key, b := range l.buckets {
		if b.TokensAt(now) >= float64(l.burst) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// take counts a request, and returns how long to wait when there were too many.
func (l *limiter) take(key string) time.Duration {
	if l == nil {
		return 0
	}
	now := l.now()
	reserved := l.bucket(key).ReserveN(now, 1)
	wait := reserved.DelayFrom(now)
	if wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}

// spent returns how long to wait when there were too many, and counts nothing.
func (l *limiter) spent(key string) time.Duration {
	if l == nil {
		return 0
	}
	missing := 1 - l.bucket(key).TokensAt(l.now())
	if missing <= 0 {
		return 0
	}
	return time.Duration(missing / float64(l.rate) * float64(time.Second))
}

// limits are the limiters of a server.
type limits struct{ requests, writes, failures *limiter }

func newLimits(r Rates, now func() time.Time) limits {
	return limits{
		requests: newLimiter("requests", r.Requests, int(r.Requests*burstSeconds), now),
		writes:   newLimiter("writes", r.Writes, int(r.Writes*burstSeconds), now),
		failures: newLimiter("failures", r.Failures/60, int(r.Failures), now),
	}
}

// limited guards an endpoint from who asks too often. It stands behind the guard
// that finds out who asks.
func (s *Server) limited(h endpoint) endpoint {
	if s.limits.requests == nil && s.limits.writes == nil {
		return h
	}
	return func(w http.ResponseWriter, r *http.Request) error {
		n := noteOf(r.Context())
		key := limitKey(n.user, n.remote)
		if wait := s.limits.requests.take(key); wait > 0 {
			return s.tooMany(w, s.limits.requests, wait)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if wait := s.limits.writes.take(key); wait > 0 {
				return s.tooMany(w, s.limits.writes, wait)
			}
		}
		return h(w, r)
	}
}

// limitKey is what the requests of somebody are counted by.
func limitKey(user, remote string) string {
	if user == "" {
		return "address " + neighbourhood(remote)
	}
	return "user " + user
}

func (s *Server) tooMany(w http.ResponseWriter, l *limiter, wait time.Duration) *problem {
	s.metrics.limited.WithLabelValues(l.name).Inc()
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	w.Header().Set("Retry-After", seconds)
	p := &problem{
		Status: http.StatusTooManyRequests, Code: "too-many-requests",
		Message: "there were too many requests", Hint: "wait " + seconds + " s and try again",
	}
	if l == s.limits.failures {
		p.Message = "there were too many wrong passwords and tokens from this address"
	}
	return p
}
