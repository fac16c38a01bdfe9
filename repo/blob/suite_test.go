package blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/repo/blob"
)

// fixture is an empty store, opened twice.
type fixture struct {
	*testing.T

	store, again blob.Store
	// rounds is how often writers race.
	rounds int
}

// rounds is how often writers race where a round is cheap.
const rounds = 20

// suite is the contract of a store as a test. The function opens an empty store;
// again opens the same store a second time, as another process would.
func suite(t *testing.T, open func(t *testing.T) (store, again blob.Store)) {
	t.Helper()
	for name, test := range map[string]func(fixture){
		"life of an object":            life,
		"open reads in parts":          parts,
		"list":                         list,
		"bad keys":                     badKeys,
		"a body that fails":            failingBody,
		"cancelled":                    cancelled,
		"one creator wins":             oneCreator,
		"one replacer wins":            oneReplacer,
		"no update is lost":            ledger,
		"a reader sees whole objects":  wholeReads,
		"what is open stays readable":  openStays,
		"put back is the same content": putBack,
		"put replaces what is there":   putAnyway,
		"a probe finds nothing amiss":  probe,

		"no update is lost to faults":   faultyLedger,
		"one creator wins among faults": faultyCreators,
		"a read is whole or an error":   faultyReads,
		"a list is whole or an error":   faultyLists,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, again := open(t)
			test(fixture{t, store, again, rounds})
		})
	}
}

func body(text string) io.ReadSeeker { return strings.NewReader(text) }

func create(t *testing.T, s blob.Store, key, text string) string {
	t.Helper()
	etag, err := s.PutIfAbsent(t.Context(), key, body(text))
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func get(t *testing.T, s blob.Store, key string) string {
	t.Helper()
	data, _, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func life(f fixture) {
	t, s, again := f.T, f.store, f.again
	ctx := t.Context()
	const key = "a/b/c.json"
	_, _, err := s.Get(ctx, key)
	wantErr(t, err, blob.ErrNotFound)
	_, err = s.Open(ctx, key)
	wantErr(t, err, blob.ErrNotFound)
	_, err = s.Stat(ctx, key)
	wantErr(t, err, blob.ErrNotFound)
	for _, etag := range []string{"any", ""} {
		_, err = s.PutIfMatch(ctx, key, etag, body("x"))
		wantErr(t, err, blob.ErrMismatch)
	}
	wantErr(t, s.Delete(ctx, key), nil)

	first := create(t, s, key, "one")
	_, err = again.PutIfAbsent(ctx, key, body("two"))
	wantErr(t, err, blob.ErrExists)
	if got := get(t, again, key); got != "one" {
		t.Errorf("got %q, want the first content", got)
	}
	_, etag, _ := again.Get(ctx, key)
	if etag != first {
		t.Errorf("Get says the tag is %q, the writer was told %q", etag, first)
	}
	_, err = s.PutIfMatch(ctx, key, "", body("x"))
	wantErr(t, err, blob.ErrMismatch)
	second, err := again.PutIfMatch(ctx, key, first, body("second"))
	wantErr(t, err, nil)
	_, err = s.PutIfMatch(ctx, key, first, body("third"))
	wantErr(t, err, blob.ErrMismatch)
	info, err := s.Stat(ctx, key)
	if err != nil || info.Size != 6 || info.Key != key {
		t.Errorf("got %+v, %v", info, err)
	}
	if second == first {
		t.Error("other content has the same tag")
	}
	wantErr(t, s.Delete(ctx, key), nil)
	_, _, err = again.Get(ctx, key)
	wantErr(t, err, blob.ErrNotFound)
	create(t, again, key, "anew")
}

func parts(f fixture) {
	t, s := f.T, f.store
	create(t, s, "big", "0123456789")
	o, err := s.Open(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if o.Size != 10 {
		t.Errorf("size %d", o.Size)
	}
	if _, err := o.Seek(4, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 3)
	if _, err := io.ReadFull(o, got); err != nil || string(got) != "456" {
		t.Errorf("got %q, %v", got, err)
	}
}

func list(f fixture) {
	t, s, again := f.T, f.store, f.again
	for _, key := range []string{"b", "a", "f/2", "f/10", "f/1", "f/sub/x", "f.txt", "g/1"} {
		create(t, s, key, key)
	}
	for _, tc := range []struct {
		folder, after string
		want          []string
	}{
		{"", "", []string{"a", "b", "f.txt"}},
		{"", "a", []string{"b", "f.txt"}},
		{"f/", "", []string{"f/1", "f/10", "f/2"}},
		{"f/", "f/1", []string{"f/10", "f/2"}},
		{"f/", "f/11", []string{"f/2"}},
		{"f/sub/", "", []string{"f/sub/x"}},
		{"nothing/", "", nil},
	} {
		var got []string
		for info, err := range again.List(t.Context(), tc.folder, tc.after) {
			if err != nil {
				t.Fatal(err)
			}
			if info.Size != int64(len(info.Key)) {
				t.Errorf("%s: size %d", info.Key, info.Size)
			}
			stat, err := s.Stat(t.Context(), info.Key)
			if diff := cmp.Diff(stat, info); err != nil || diff != "" {
				t.Errorf("%s (-Stat +List): %v\n%s", info.Key, err, diff)
			}
			if _, etag, err := s.Get(t.Context(), info.Key); err != nil || info.ETag != "" && info.ETag != etag {
				t.Errorf("%s: List says the tag is %q, Get %q (%v)", info.Key, info.ETag, etag, err)
			}
			got = append(got, info.Key)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("list %q after %q (-want +got):\n%s", tc.folder, tc.after, diff)
		}
	}
	for _, err := range s.List(t.Context(), "", "") {
		wantErr(t, err, nil)
		break // stopping early must not panic
	}
}

func badKeys(f fixture) {
	t, s := f.T, f.store
	ctx := t.Context()
	for _, key := range []string{
		"", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "a/./b", `a\..\b`, "a/.hidden", ".hidden",
		"C:x", "a:b", "a b", "a\x00b", "a\nb", "é", "\xff", "-x", "~x", strings.Repeat("a", 1025),
	} {
		_, _, err := s.Get(ctx, key)
		wantErr(t, err, blob.ErrKey)
		_, err = s.Open(ctx, key)
		wantErr(t, err, blob.ErrKey)
		_, err = s.Stat(ctx, key)
		wantErr(t, err, blob.ErrKey)
		_, err = s.PutIfAbsent(ctx, key, body("x"))
		wantErr(t, err, blob.ErrKey)
		_, err = s.PutIfMatch(ctx, key, "x", body("x"))
		wantErr(t, err, blob.ErrKey)
		_, err = s.Put(ctx, key, body("x"))
		wantErr(t, err, blob.ErrKey)
		wantErr(t, s.Delete(ctx, key), blob.ErrKey)
	}
	for _, folder := range []string{"a", "/", "../", "a/../", ".gantry-tmp/"} {
		for _, err := range s.List(ctx, folder, "") {
			wantErr(t, err, blob.ErrKey)
		}
	}
}

type brokenBody struct{ io.Reader }

func (brokenBody) Seek(int64, int) (int64, error) { return 0, nil }

var errBroken = errors.New("the line went dead")

func failingBody(f fixture) {
	t, s := f.T, f.store
	ctx := t.Context()
	broken := func() io.ReadSeeker {
		return brokenBody{io.MultiReader(strings.NewReader("half"), errReader{})}
	}
	_, err := s.PutIfAbsent(ctx, "new", broken())
	wantErr(t, err, errBroken)
	_, err = s.Stat(ctx, "new")
	wantErr(t, err, blob.ErrNotFound)
	etag := create(t, s, "old", "whole")
	_, err = s.PutIfMatch(ctx, "old", etag, broken())
	wantErr(t, err, errBroken)
	if got := get(t, s, "old"); got != "whole" {
		t.Errorf("got %q, want the old content", got)
	}
	if _, err := s.PutIfMatch(ctx, "old", etag, body("next")); err != nil {
		t.Errorf("the object cannot be written after a failure: %v", err)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errBroken }

func cancelled(f fixture) {
	t, s := f.T, f.store
	ctx, cancel := context.WithCancel(t.Context())
	create(t, s, "there", "x")
	cancel()
	_, _, err := s.Get(ctx, "there")
	wantErr(t, err, context.Canceled)
	_, err = s.PutIfAbsent(ctx, "new", body("x"))
	wantErr(t, err, context.Canceled)
	wantErr(t, s.Delete(ctx, "there"), context.Canceled)
	for _, err := range s.List(ctx, "", "") {
		wantErr(t, err, context.Canceled)
	}
}

// race runs writers at once, half of them on either handle, and returns who
// won.
func race(n int, s, again blob.Store, write func(s blob.Store, i int) error) (winners []int, failures []error) {
	var (
		mu    sync.Mutex
		group sync.WaitGroup
		start = make(chan struct{})
	)
	for i := range n {
		group.Go(func() {
			<-start
			err := write([]blob.Store{s, again}[i%2], i)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winners = append(winners, i)
			} else {
				failures = append(failures, err)
			}
		})
	}
	close(start)
	group.Wait()
	return winners, failures
}

func oneCreator(f fixture) {
	t, s, again := f.T, f.store, f.again
	for round := range f.rounds {
		key := fmt.Sprintf("round/%d", round)
		winners, failures := race(16, s, again, func(s blob.Store, i int) error {
			_, err := s.PutIfAbsent(t.Context(), key, body(strconv.Itoa(i)))
			return err
		})
		if len(winners) != 1 {
			t.Fatalf("round %d: winners %v, want exactly one", round, winners)
		}
		if got := get(t, again, key); got != strconv.Itoa(winners[0]) {
			t.Errorf("round %d: %d won, but the content is %q", round, winners[0], got)
		}
		for _, err := range failures {
			wantErr(t, err, blob.ErrExists)
		}
	}
}

func oneReplacer(f fixture) {
	t, s, again := f.T, f.store, f.again
	etag := create(t, s, "key", "start")
	for round := range f.rounds {
		winners, failures := race(8, s, again, func(s blob.Store, i int) error {
			_, err := s.PutIfMatch(t.Context(), "key", etag, body(fmt.Sprintf("%d-%d", round, i)))
			return err
		})
		if len(winners) != 1 {
			t.Fatalf("round %d: winners %v, want exactly one", round, winners)
		}
		for _, err := range failures {
			wantErr(t, err, blob.ErrMismatch)
		}
		_, etag, _ = again.Get(t.Context(), "key")
	}
}

// ledger has writers add lines of their own to one object. A writer that is told
// that it lost looks whether its line is there before it writes again, as the
// contract has it.
func ledger(f fixture) {
	t, s, again := f.T, f.store, f.again
	create(t, s, "ledger", "")
	writers, each := 6, f.rounds/2
	_, failures := race(writers, s, again, func(s blob.Store, i int) error {
		for n := range each {
			if err := appendLine(t, s, fmt.Sprintf("%d-%d\n", i, n)); err != nil {
				return err
			}
		}
		return nil
	})
	if len(failures) > 0 {
		t.Fatal(failures)
	}
	lines := strings.Fields(get(t, s, "ledger"))
	slices.Sort(lines)
	if got := len(slices.Compact(lines)); got != writers*each || got != len(lines) {
		t.Errorf("%d lines arrived of %d: %v", got, writers*each, lines)
	}
}

func appendLine(t *testing.T, s blob.Store, line string) error {
	t.Helper()
	for {
		data, etag, err := s.Get(t.Context(), "ledger")
		if err != nil || strings.Contains(string(data), line) {
			return err
		}
		_, err = s.PutIfMatch(t.Context(), "ledger", etag, bytes.NewReader(append(data, line...)))
		if !errors.Is(err, blob.ErrMismatch) {
			return err
		}
	}
}

func wholeReads(f fixture) {
	t, s, again := f.T, f.store, f.again
	contents := []string{strings.Repeat("a", 100_000), strings.Repeat("b", 50_000)}
	etag := create(t, s, "key", contents[0])
	var group sync.WaitGroup
	group.Go(func() {
		for i := range 40 {
			next, err := s.PutIfMatch(t.Context(), "key", etag, body(contents[(i+1)%2]))
			if err != nil {
				t.Error(err)
				return
			}
			etag = next
		}
	})
	for range 40 {
		if got := get(t, again, "key"); !slices.Contains(contents, got) {
			t.Fatalf("read a mixture of %d bytes", len(got))
		}
	}
	group.Wait()
}

func openStays(f fixture) {
	t, s := f.T, f.store
	etag := create(t, s, "key", "old content")
	o, err := s.Open(t.Context(), "key")
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if _, err := s.PutIfMatch(t.Context(), "key", etag, body("new")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(o); err != nil || string(got) != "old content" {
		t.Errorf("got %q, %v", got, err)
	}
}

func putBack(f fixture) {
	t, s := f.T, f.store
	first := create(t, s, "key", "one")
	second, err := s.PutIfMatch(t.Context(), "key", first, body("two"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIfMatch(t.Context(), "key", second, body("one")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutIfMatch(t.Context(), "key", second, body("three")); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("an old tag still matches: %v", err)
	}
}

func putAnyway(f fixture) {
	t, s, again := f.T, f.store, f.again
	first, err := s.Put(t.Context(), "a/key", body("one"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := again.Put(t.Context(), "a/key", body("two"))
	if err != nil {
		t.Fatal(err)
	}
	if got := get(t, s, "a/key"); got != "two" || first == second {
		t.Errorf("got %q with tags %s, %s", got, first, second)
	}
	if _, err := s.PutIfMatch(t.Context(), "a/key", second, body("three")); err != nil {
		t.Errorf("the tag does not match: %v", err)
	}
	winners, failures := race(8, s, again, func(s blob.Store, i int) error {
		_, err := s.Put(t.Context(), "raced", body(strconv.Itoa(i)))
		return err
	})
	if len(failures) > 0 {
		t.Errorf("writers without a condition fail: %v", failures)
	}
	if got := get(t, s, "raced"); len(got) != 1 {
		t.Errorf("%d writers left %q", len(winners), got)
	}
}

func probe(f fixture) {
	t, s := f.T, f.store
	wantErr(t, blob.Probe(t.Context(), s), nil)
	for info, err := range s.List(t.Context(), "gantry/probe/", "") {
		t.Errorf("%s is left over (%v)", info.Key, err)
	}
}
