package server

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
)

// TestComparisonsAreBounded fills the lines: whoever is too many is told so, who gives up
// makes room, and in the end nothing is left of anybody.
func TestComparisonsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newComparisons()
		leave, err := c.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait := func(address string, n int) {
			for range n {
				go func() {
					if _, err := c.enter(ctx, address); !errors.Is(err, context.Canceled) {
						t.Errorf("a place for %s: %v", address, err)
					}
				}()
			}
			synctest.Wait()
		}
		full := func(address string) bool {
			l := c.join(address)
			if l != nil {
				c.quit(address, l)
			}
			return l == nil
		}
		wait("a", maxInLineEach-1)
		if !full("a") || full("b") {
			t.Error("one address has not as many places as it may have")
		}
		if _, err := c.enter(t.Context(), "a"); err == nil {
			t.Error("there is a place too many")
		}
		// The others stand in line for the processors, which are taken.
		for len(c.places) < cap(c.places) {
			c.places <- struct{}{}
		}
		for i := range maxInLine/maxInLineEach - 1 {
			wait(strconv.Itoa(i), maxInLineEach)
		}
		if !full("b") {
			t.Error("too many wait")
		}
		cancel()
		synctest.Wait()
		if c.waiting != 1 || len(c.lines) != 1 {
			t.Errorf("%d wait in %d lines", c.waiting, len(c.lines))
		}
		leave()
		if c.waiting != 0 || len(c.lines) != 0 {
			t.Errorf("%d wait in %d lines, and everybody has gone", c.waiting, len(c.lines))
		}
	})
}
