package blob_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gantry/repo/blob"
	"gantry/testdata/faultystore"
)

// faultSeed draws which operations fail:
//
//	go test ./repo/blob -args -fault-seed 17
var faultSeed = flag.Uint64("fault-seed", 1, "what the faults of stores are drawn from")

// someFaults are so many that hardly anything passes without one, and retries are enough.
func someFaults() faultystore.Faults {
	return faultystore.Faults{Refused: .15, Lost: .15, Truncated: .15, Slow: .1, Delay: 2 * time.Millisecond}
}

// failing puts both handles of a fixture behind faults.
func (f fixture) failing() (s, again *faultystore.Store) {
	s, again = faultystore.New(f.store, *faultSeed, someFaults()), faultystore.New(f.again, *faultSeed+1, someFaults())
	f.Cleanup(func() {
		if s.Failed()+again.Failed() == 0 {
			f.Error("nothing has failed")
		}
	})
	return s, again
}

// patiently tries until something else than a fault comes of it.
func patiently(do func() error) error {
	for {
		err := do()
		if !errors.Is(err, faultystore.ErrUnavailable) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return err
		}
	}
}

// faultyLedger is a ledger whose writers do not know whether what failed was done. Each
// line arrives once all the same, for who looks before it writes again.
func faultyLedger(f fixture) {
	t := f.T
	s, again := f.failing()
	create(t, f.store, "ledger", "")
	writers, each := 4, f.rounds/2
	_, failures := race(writers, s, again, func(s blob.Store, i int) error {
		for n := range each {
			line := fmt.Sprintf("%d-%d\n", i, n)
			if err := patiently(func() error { return appendLine(t, s, line) }); err != nil {
				return err
			}
		}
		return nil
	})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	lines := strings.Fields(get(t, f.store, "ledger"))
	slices.Sort(lines)
	if got := len(slices.Compact(lines)); got != writers*each || got != len(lines) {
		t.Errorf("%d lines arrived of %d: %v", got, writers*each, lines)
	}
}

// faultyCreators race for keys. At most one is told that it won, and what is there is one
// of what they wrote, whole.
func faultyCreators(f fixture) {
	t := f.T
	s, again := f.failing()
	content := func(i int) string { return strings.Repeat(string(rune('a'+i)), 5000) }
	for round := range f.rounds {
		key := fmt.Sprintf("round/%d", round)
		winners, _ := race(6, s, again, func(s blob.Store, i int) error {
			_, err := s.PutIfAbsent(t.Context(), key, body(content(i)))
			return err
		})
		data, _, err := f.again.Get(t.Context(), key)
		switch {
		case len(winners) > 1:
			t.Errorf("round %d: %v won", round, winners)
		case errors.Is(err, blob.ErrNotFound) && len(winners) == 0: // all of them failed
		case err != nil:
			t.Error(err)
		case len(winners) == 1 && string(data) != content(winners[0]), len(data) != 5000 || strings.Trim(string(data), string(data[0])) != "":
			t.Errorf("round %d: %v won, and %d bytes of %q are there", round, winners, len(data), data[0])
		}
	}
}

// faultyReads are whole or an error, and never short without one.
func faultyReads(f fixture) {
	t := f.T
	s, _ := f.failing()
	want := bytes.Repeat([]byte("0123456789"), 3000)
	create(t, f.store, "key", string(want))
	whole := 0
	for range 20 * f.rounds {
		o, err := s.Open(t.Context(), "key")
		if err != nil {
			continue
		}
		got, err := io.ReadAll(o)
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes of %d without an error", len(got), len(want))
		}
		if err == nil {
			whole++
		}
		wantErr(t, o.Close(), nil)
	}
	if whole == 0 {
		t.Error("nothing was read")
	}
}

// faultyLists are whole or end with an error; what comes before that is in order.
func faultyLists(f fixture) {
	t := f.T
	s, _ := f.failing()
	var want []string
	for i := range 12 {
		want = append(want, fmt.Sprintf("folder/%02d", i))
		create(t, f.store, want[i], "x")
	}
	for range 3 * f.rounds {
		var got []string
		var failed error
		for info, err := range s.List(t.Context(), "folder/", "") {
			if failed = err; err == nil {
				got = append(got, info.Key)
			}
		}
		if !slices.Equal(got, want[:len(got)]) || failed == nil && len(got) < len(want) {
			t.Fatalf("%v, %v", got, failed)
		}
	}
}
