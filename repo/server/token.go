package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"gantry/charts/pattern"
	"gantry/repo/blob"
)

// Token lets somebody in without being anybody's password: it may do what its
// scopes say, until it expires or is revoked. The store keeps a hash of its
// secret, which is of no use to who reads it.
type Token struct {
	ID string `json:"id"`
	// Name says whose it is; it is what the log shows.
	Name    string    `json:"name"`
	Hash    string    `json:"hash"`
	Scopes  []Scope   `json:"scopes"`
	Created time.Time `json:"created"`
	// Expires is when it ends by itself; the zero time is never.
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
}

// Verb is a kind of thing to do.
type Verb string

// What a scope can allow.
const (
	VerbRead   Verb = "read"
	VerbPush   Verb = "push"
	VerbDelete Verb = "delete"
	// VerbAdmin is everything, tokens and the audit log included.
	VerbAdmin Verb = "admin"
)

// Scope allows a verb on the charts whose names match a pattern, in which a star
// stands for any letters.
type Scope struct {
	Verb    Verb   `json:"verb"`
	Pattern string `json:"pattern"`
}

var scopePattern = pattern.Lazy(`^[A-Za-z0-9._*/-]+$`)

// ParseScope reads VERB or VERB:PATTERN.
func ParseScope(text string) (Scope, error) {
	verb, pattern, ok := strings.Cut(text, ":")
	if !ok {
		pattern = "*"
	}
	s := Scope{Verb: Verb(verb), Pattern: pattern}
	if !slices.Contains([]Verb{VerbRead, VerbPush, VerbDelete, VerbAdmin}, s.Verb) || !scopePattern().MatchString(pattern) {
		return Scope{}, fmt.Errorf("%q is not a scope: these are read, push, delete and admin, for some charts alone with a pattern of names, such as push:team-*", text)
	}
	if s.Verb == VerbAdmin && pattern != "*" {
		return Scope{}, fmt.Errorf("%q is not a scope: admin is for the whole server, and has no pattern", text)
	}
	return s, nil
}

// String is what ParseScope reads.
func (s Scope) String() string { return string(s.Verb) + ":" + s.Pattern }

// ShortScopes writes scopes as people do: without the pattern where it is all charts.
func ShortScopes(scopes []Scope) []string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = strings.TrimSuffix(s.String(), ":*")
	}
	return words
}

func (s Scope) allows(verb Verb, name string) bool {
	return s.Verb == verb && matchStar(s.Pattern, name)
}

// matchStar reports whether a name matches a pattern, in which a star stands for
// any letters.
func matchStar(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	rest, ok := strings.CutPrefix(name, parts[0])
	if !ok {
		return false
	}
	last := len(parts) - 1
	for _, part := range parts[1:last] {
		i := strings.Index(rest, part)
		if i < 0 {
			return false
		}
		rest = rest[i+len(part):]
	}
	return strings.HasSuffix(rest, parts[last])
}

// Ended says why a token is good for nothing any more, or is empty.
func (t Token) Ended(now time.Time) string {
	switch {
	case !t.Revoked.IsZero():
		return "revoked"
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return "expired"
	default:
		return ""
	}
}

const (
	tokenFolder = ownFolder + "tokens/"
	// tokenPrefix tells people, and programs that look for leaked secrets, what
	// they see.
	tokenPrefix = "gantry_"
	tokenIDSize = 10
)

var (
	tokenText = pattern.Lazy(`^` + tokenPrefix + `([a-z2-7]{10})_([a-z2-7]{52})$`)
	// ErrNoToken reports that there is no such token.
	ErrNoToken = errors.New("no such token")
)

func tokenKey(id string) string { return tokenFolder + id + shardExt }

// maxTokenName is the longest name of a token, in bytes.
const maxTokenName = 100

// Validate says why a token cannot be made.
func (t Token) Validate() error {
	switch {
	case t.Name == "" || len(t.Name) > maxTokenName || strings.ContainsFunc(t.Name, unicode.IsControl):
		return errors.New("a token needs a name of at most 100 letters")
	case len(t.Scopes) == 0:
		return errors.New("a token must allow something: read, push, delete or admin")
	}
	return nil
}

// label is how the audit log calls a token.
func (t Token) label() string { return t.Name + " " + t.ID }

// makeToken makes a token as [Operator.CreateToken] does, without a word of it.
func makeToken(ctx context.Context, store blob.Store, request Token, now time.Time) (Token, Secret, error) {
	t := request
	if err := t.Validate(); err != nil {
		return Token{}, "", err
	}
	t.ID = strings.ToLower(rand.Text()[:tokenIDSize])
	secret := strings.ToLower(rand.Text() + rand.Text())
	t.Hash = hex.EncodeToString(hashed(secret))
	t.Created = now.UTC()
	data, err := json.Marshal(t)
	if err != nil {
		return Token{}, "", err
	}
	if _, err := store.PutIfAbsent(ctx, tokenKey(t.ID), bytes.NewReader(data)); err != nil {
		return Token{}, "", err
	}
	return t, Secret(tokenPrefix + t.ID + "_" + secret), nil
}

// Tokens returns the tokens of a store, those that have ended included, oldest
// first.
func Tokens(ctx context.Context, store blob.Store) ([]Token, error) {
	var all []Token
	for info, err := range store.List(ctx, tokenFolder, "") {
		if err != nil {
			return nil, err
		}
		t, _, err := readToken(ctx, store, info.Key)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b Token) int { return a.Created.Compare(b.Created) })
	return all, nil
}

// endToken ends a token as [Operator.RevokeToken] does, without a word of it.
func endToken(ctx context.Context, store blob.Store, id string, now time.Time) (Token, error) {
	if blob.CheckKey(tokenKey(id)) != nil {
		return Token{}, fmt.Errorf("%w: %q", ErrNoToken, id)
	}
	for {
		t, etag, err := readToken(ctx, store, tokenKey(id))
		if errors.Is(err, blob.ErrNotFound) {
			return Token{}, fmt.Errorf("%w: %q", ErrNoToken, id)
		}
		if err != nil || !t.Revoked.IsZero() {
			return t, err
		}
		t.Revoked = now.UTC()
		data, err := json.Marshal(t)
		if err != nil {
			return t, err
		}
		if _, err = store.PutIfMatch(ctx, tokenKey(id), etag, bytes.NewReader(data)); !errors.Is(err, blob.ErrMismatch) {
			return t, err
		}
	}
}

func readToken(ctx context.Context, store blob.Store, key string) (t Token, etag string, err error) {
	data, etag, err := store.Get(ctx, key)
	if err != nil {
		return Token{}, "", err
	}
	if err := json.Unmarshal(data, &t); err != nil {
		return Token{}, "", fmt.Errorf("%s: %w", key, err)
	}
	return t, etag, nil
}

// isSecret compares in constant time.
func (t Token) isSecret(secret string) bool {
	return subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hex.EncodeToString(hashed(secret)))) == 1
}
