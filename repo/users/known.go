package users

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gantry/repo/server"
)

// lookEvery is how often the file is looked at: how long somebody who was taken out of
// it is let in.
const lookEvery = time.Second

// Known are the users of a file, which is read again when it has changed. It is a
// [server.Users].
type Known struct {
	file string
	log  *slog.Logger
	now  func() time.Time
	// key is of this process alone: what is remembered of a password is of no use to
	// who reads the memory of another one.
	key [sha256.Size]byte

	mu     sync.Mutex
	looked time.Time
	// at is the state of the file that was read last, and bad what was wrong with it.
	at      state
	bad     string
	current *generation
	// watching are told of what has changed.
	watching []func(server.UsersChange)
}

// generation is what one state of the file says.
type generation struct {
	users  []User
	places map[string]int

	mu sync.RWMutex
	// right is the sum of the password that each user was last let in with.
	right [][sha256.Size]byte
}

// Open reads a file of users. The log is told when it is read again, or cannot be.
func Open(file string, now func() time.Time, log *slog.Logger) (*Known, error) {
	k := &Known{file: file, log: log, now: now, looked: now(), at: stateOf(file)}
	_, _ = rand.Read(k.key[:]) // it does not fail
	g, err := k.load()
	if err != nil {
		return nil, err
	}
	k.current = g
	return k, nil
}

// Read reads and parses a file.
func Read(file string) (*File, error) {
	// A pipe would keep everybody waiting.
	if info, err := os.Stat(file); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", file)
	}
	r, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, err
	}
	return Parse(file, data)
}

func (k *Known) load() (*generation, error) {
	f, err := Read(k.file)
	if err != nil {
		return nil, err
	}
	g := &generation{users: f.users, places: make(map[string]int, len(f.users)), right: make([][sha256.Size]byte, len(f.users))}
	weak := 0
	for i, u := range f.users {
		g.places[u.Name] = i
		if u.Cost < weakCost {
			weak++
		}
	}
	if weak > 0 {
		k.log.Warn("passwords are kept with a low cost of bcrypt: whoever gets hold of the file guesses them quickly",
			slog.String("file", k.file), slog.Int("users", weak), slog.Int("cost", weakCost))
	}
	return g, nil
}

// state tells a file from what lay in its place before.
type state struct {
	info os.FileInfo
	err  string
}

func stateOf(file string) state {
	info, err := os.Stat(file)
	if err != nil {
		return state{err: err.Error()}
	}
	return state{info: info}
}

func (s state) same(o state) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info && s.err == o.err
	}
	return os.SameFile(s.info, o.info) && s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size()
}

// fresh returns the users of the file as it is now, and while there is something wrong
// with it, those from before.
func (k *Known) fresh() *generation {
	g, tell := k.look()
	tell()
	return g
}

// look looks at the file if it is time to, and returns who is known now, and what tells
// of a change: nobody waits meanwhile.
func (k *Known) look() (g *generation, tell func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	tell = func() {}
	now := k.now()
	if passed := now.Sub(k.looked); passed >= 0 && passed < lookEvery {
		return k.current, tell
	}
	k.looked = now
	at := stateOf(k.file)
	if k.bad == "" && at.same(k.at) {
		return k.current, tell
	}
	k.at = at
	g, err := k.load()
	switch {
	case err == nil:
		g.remember(k.current)
		change, watching := g.since(k.current), slices.Clone(k.watching)
		k.current, k.bad = g, ""
		tell = func() { k.tell(len(g.users), change, watching) }
	case err.Error() != k.bad:
		k.bad = err.Error()
		k.log.Error("the users from before stay, for the file of users cannot be read again", slog.String("file", k.file), slog.Any("error", err))
	}
	return k.current, tell
}

// tell tells of a file that was read again.
func (k *Known) tell(users int, c server.UsersChange, watching []func(server.UsersChange)) {
	k.log.Info("the file of users was read again", slog.String("file", k.file), slog.Int("users", users),
		slog.Any("added", some(c.Added)), slog.Any("removed", some(c.Removed)), slog.Any("changed", some(c.Changed)))
	if len(c.Added)+len(c.Removed)+len(c.Changed) == 0 {
		return
	}
	for _, f := range watching {
		f(c)
	}
}

// Watch has a function told of what changes from now on.
func (k *Known) Watch(tell func(server.UsersChange)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watching = append(k.watching, tell)
}

// remember takes over what is known of passwords that have not changed: after a change of
// one line everybody would be compared again otherwise, one after another.
func (g *generation) remember(old *generation) {
	old.mu.RLock()
	defer old.mu.RUnlock()
	for i, u := range g.users {
		if place, there := old.places[u.Name]; there && old.users[place].hash == u.hash {
			g.right[i] = old.right[place]
		}
	}
}

// since finds what one state of the file has other than an older one.
func (g *generation) since(old *generation) (c server.UsersChange) {
	for _, u := range g.users {
		place, there := old.places[u.Name]
		switch {
		case !there:
			c.Added = append(c.Added, u.Name+" "+u.scopeText())
		case old.users[place].scopeText() != u.scopeText():
			c.Changed = append(c.Changed, u.Name+" "+u.scopeText())
		case old.users[place].hash != u.hash:
			c.Changed = append(c.Changed, u.Name+" password")
		}
	}
	for _, u := range old.users {
		if _, there := g.places[u.Name]; !there {
			c.Removed = append(c.Removed, u.Name)
		}
	}
	return c
}

// maxNamed is how many of each kind the log names.
const maxNamed = 20

func some(all []string) []string {
	if len(all) > maxNamed {
		return append(slices.Clone(all[:maxNamed]), "…")
	}
	return all
}

// Has reports whether there is a user of a name.
func (k *Known) Has(name string) bool {
	_, ok := k.fresh().places[name]
	return ok
}

// Remembered finds a user by the password that was right before.
func (k *Known) Remembered(name, password string) ([]server.Scope, bool) {
	g := k.fresh()
	place, known := g.places[name]
	var right [sha256.Size]byte
	if known {
		g.mu.RLock()
		right = g.right[place]
		g.mu.RUnlock()
	}
	// It is computed for names that nobody has as well, lest time tell which they are.
	if sum := k.sum(name, password); !hmac.Equal(sum[:], right[:]) || !known {
		return nil, false
	}
	return g.users[place].Scopes, true
}

// Compare finds a user by a password, and remembers it when it is right.
func (k *Known) Compare(name, password string) ([]server.Scope, bool) {
	g := k.fresh()
	place, known := g.places[name]
	if !known {
		if len(g.users) == 0 {
			return nil, false
		}
		place = k.decoy(name, len(g.users))
	}
	u := g.users[place]
	if err := bcrypt.CompareHashAndPassword([]byte(u.hash), []byte(password)); err != nil || !known {
		if err != nil && !errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			k.log.Error("a password cannot be compared", slog.String("user", u.Name), slog.Any("error", err))
		}
		return nil, false
	}
	sum := k.sum(name, password)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.right[place] = sum
	return u.Scopes, true
}

// decoy is the place of a user whose password is compared for a name that nobody has:
// always the same one, so that such names take as long as others do, whatever the costs
// in the file are.
func (k *Known) decoy(name string, users int) int {
	sum := k.sum(name, "")
	return int(binary.BigEndian.Uint64(sum[:]) % uint64(users)) //nolint:gosec // it is below the number of users
}

// sum is what is kept of a password. A name has no zero byte in it.
func (k *Known) sum(name, password string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, k.key[:])
	_, _ = io.WriteString(mac, name+"\x00"+password) // it does not fail
	mac.Sum(sum[:0])
	return sum
}
