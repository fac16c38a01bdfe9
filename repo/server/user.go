package server

import (
	"context"
	"net/http"
	"runtime"
	"sync"
)

// Users are people with passwords of their own. Many are asked for at once.
type Users interface {
	// Remembered finds somebody by the password that [Users.Compare] has found right
	// before, which costs next to nothing.
	Remembered(name, password string) (scopes []Scope, known bool)
	// Compare finds somebody by the password alone, which keeps a processor busy for a
	// while, and for as long when nobody has that name.
	Compare(name, password string) (scopes []Scope, known bool)
	// Watch has a function told of every change of who they are.
	Watch(tell func(UsersChange))
}

// UsersChange is a change of users: names, with the scopes of those who are new or may
// do something else now, or with the word password where it is that alone.
type UsersChange struct{ Added, Removed, Changed []string }

const (
	// maxComparing is how many passwords are compared at once, on half of the
	// processors at most: guesses must leave the others for what else there is to do.
	maxComparing = 4
	// maxInLine is how many requests wait for that, and maxInLineEach how many from
	// one address.
	maxInLine, maxInLineEach = 4096, 256
)

// comparisons are the passwords that are being compared: a few, and one from each
// address, so that nobody guesses at many at once and counts as one.
type comparisons struct {
	places chan struct{}

	mu      sync.Mutex
	waiting int
	lines   map[string]*line
}

// line is where the requests from an address wait for their turns.
type line struct {
	turn   chan struct{}
	length int
}

func newComparisons() *comparisons {
	return &comparisons{places: make(chan struct{}, max(1, min(maxComparing, runtime.GOMAXPROCS(0)/2))), lines: map[string]*line{}}
}

// enter waits for a turn. Who has been given one leaves.
func (c *comparisons) enter(ctx context.Context, address string) (leave func(), err error) {
	l := c.join(address)
	if l == nil {
		return nil, &problem{
			Status: http.StatusServiceUnavailable, Code: "busy", Message: "the server compares too many passwords at once",
			Hint: "try again in a moment",
		}
	}
	if err := occupy(ctx, l.turn); err != nil {
		c.quit(address, l)
		return nil, err
	}
	if err := occupy(ctx, c.places); err != nil {
		<-l.turn
		c.quit(address, l)
		return nil, err
	}
	return func() {
		<-c.places
		<-l.turn
		c.quit(address, l)
	}, nil
}

// occupy takes a place that may become free.
func occupy(ctx context.Context, places chan<- struct{}) error {
	select {
	case places <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join returns nil where too many wait.
func (c *comparisons) join(address string) *line {
	c.mu.Lock()
	defer c.mu.Unlock()
	l, ok := c.lines[address]
	if !ok {
		l = &line{turn: make(chan struct{}, 1)}
	}
	if c.waiting >= maxInLine || l.length >= maxInLineEach {
		return nil
	}
	c.lines[address] = l
	l.length++
	c.waiting++
	return l
}

func (c *comparisons) quit(address string, l *line) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	if l.length--; l.length == 0 {
		delete(c.lines, address)
	}
}

// compare finds a user of many by the password, when it is the turn of the address:
// whoever had it before may have given the same password, or the last wrong one.
func (s *Server) compare(address, user, password string) caller {
	users := s.options.Auth.Users
	if wait := s.limits.failures.spent(address); wait > 0 {
		return caller{wait: wait}
	}
	scopes, known := users.Remembered(user, password)
	if !known {
		scopes, known = users.Compare(user, password)
	}
	return caller{principal: principal{name: user, scopes: scopes}, known: known}
}
