package blob

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
)

// ErrUnconditional reports that a store does not honour conditional writes.
var ErrUnconditional = errors.New("the store does not honour conditional writes")

// probeFolder is where Probe writes; it removes what it wrote.
const probeFolder = "gantry/probe/"

// Probe tries whether the store keeps the contract that several writers rely on.
// It writes one small object, and returns ErrUnconditional when two could win.
func Probe(ctx context.Context, s Store) (err error) {
	key := probeFolder + rand.Text()
	put := func(etag, text string) (string, error) {
		if etag == "" {
			return s.PutIfAbsent(ctx, key, strings.NewReader(text))
		}
		return s.PutIfMatch(ctx, key, etag, strings.NewReader(text))
	}
	defer func() { err = errors.Join(err, s.Delete(ctx, key)) }()
	first, err := put("", "one")
	if err != nil {
		return err
	}
	if _, err := put("", "two"); !errors.Is(err, ErrExists) {
		return errors.Join(fmt.Errorf("%w: an object was created twice", ErrUnconditional), err)
	}
	second, err := put(first, "three")
	if err != nil {
		return fmt.Errorf("%w: an object cannot be replaced by its tag: %w", ErrUnconditional, err)
	}
	if _, err := put(first, "four"); second == first || !errors.Is(err, ErrMismatch) {
		return errors.Join(fmt.Errorf("%w: an object was replaced by an old tag", ErrUnconditional), err)
	}
	return nil
}
