package blob

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// scripted is a server that says no before it says yes.
type scripted struct {
	objectServer

	status, times int
	tries         int
	// silent has it say nothing in place of no.
	silent bool
	// keeps has it keep what it says no to; mark is whose that is.
	keeps  bool
	mark   string
	writes int
}

func (s *scripted) answer() error {
	s.tries++
	if s.tries > s.times {
		return nil
	}
	if s.silent {
		return &answerError{later: true, err: os.ErrDeadlineExceeded}
	}
	return &answerError{status: s.status, later: passes(s.status)}
}

func (s *scripted) write(_ context.Context, u *upload) (string, error) {
	data, err := io.ReadAll(u.body)
	if err == nil && string(data) != "content" {
		err = errors.New("a try has not the whole body")
	}
	s.writes++
	if s.keeps && s.mark == "" {
		s.mark = u.mark
	}
	return "tag", errors.Join(s.answer(), err)
}

func (s *scripted) stat(context.Context, string) (stored, error) {
	if s.keeps {
		return stored{etag: "tag", mark: s.mark}, nil
	}
	return stored{etag: "tag"}, s.answer()
}

func (s *scripted) remove(context.Context, string) error { return s.answer() }

// TestBucketTries counts how often requests are sent to a server that says no.
func TestBucketTries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		status, times int
		// ask, write and remove are how often each is sent.
		ask, write, remove int
		fails              bool
	}{
		{http.StatusServiceUnavailable, 3, 4, 4, 4, false},
		{http.StatusServiceUnavailable, 100, bucketTries, bucketTries, bucketTries, true},
		{http.StatusTooManyRequests, 10, 11, 11, 11, false},
		{http.StatusTooManyRequests, 100, bucketPatience, bucketPatience, bucketPatience, true},
		{http.StatusRequestTimeout, 100, bucketTries, bucketTries, 1, true},
		{http.StatusBadGateway, 100, bucketTries, bucketTries, 1, true},
		{0, 100, 1, 1, 1, true},
		{http.StatusForbidden, 100, 1, 1, 1, true},
	} {
		for op, want := range map[string]int{"ask": tc.ask, "write": tc.write, "remove": tc.remove} {
			server := &scripted{status: tc.status, times: tc.times}
			b := &Bucket{server: server, wait: func(_ context.Context, d time.Duration) error {
				if d < firstPause/2 || d > bucketLongestWait {
					t.Errorf("a pause of %v", d)
				}
				return nil
			}}
			var err error
			switch op {
			case "ask":
				_, err = b.Stat(t.Context(), "key")
			case "write":
				_, err = b.Put(t.Context(), "key", strings.NewReader("content"))
			case "remove":
				err = b.Delete(t.Context(), "key")
			}
			got := server.tries
			if op == "write" {
				got = server.writes
			}
			if got != want || (err != nil) != (tc.fails || want == 1) {
				t.Errorf("%s, %d: sent %d times, want %d: %v", op, tc.status, got, want, err)
			}
		}
	}
}

// TestBucketIsSilent sends little to a server that does not answer at all: each time takes
// as long as its silence is borne.
func TestBucketIsSilent(t *testing.T) {
	t.Parallel()
	server := &scripted{silent: true, times: 100}
	b := &Bucket{server: server, wait: func(context.Context, time.Duration) error { return nil }}
	if _, err := b.Stat(t.Context(), "key"); !errors.Is(err, os.ErrDeadlineExceeded) || server.tries != bucketSilences {
		t.Errorf("asked %d times: %v", server.tries, err)
	}
	server.tries = 0
	if _, err := b.Put(t.Context(), "key", strings.NewReader("content")); !errors.Is(err, os.ErrDeadlineExceeded) || server.writes != bucketSilences || server.tries != bucketSilences+1 {
		t.Errorf("written %d times, asked %d times: %v", server.writes, server.tries-server.writes, err)
	}
	fetched := 0
	r := &resumable{size: 1, wait: func(int) error { return nil }, fetch: func(int64) (io.ReadCloser, error) {
		fetched++
		return nil, server.answer()
	}}
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) || fetched != bucketSilences {
		t.Errorf("fetched %d times: %v", fetched, err)
	}
	// One that answers in the end is heard.
	server = &scripted{silent: true, times: bucketSilences - 1}
	b.server = server
	if _, err := b.Stat(t.Context(), "key"); err != nil {
		t.Error(err)
	}
}

// TestBucketKeepsInSilence has a server keep what it is sent and say no all the same. The
// writer finds its own, and nobody else's.
func TestBucketKeepsInSilence(t *testing.T) {
	t.Parallel()
	for mark, want := range map[string]bool{"": true, "of somebody else": false} {
		server := &scripted{status: http.StatusServiceUnavailable, times: 100, keeps: true, mark: mark}
		b := &Bucket{server: server, wait: func(context.Context, time.Duration) error { return nil }}
		etag, err := b.PutIfAbsent(t.Context(), "key", strings.NewReader("content"))
		if (err == nil) != want || want && etag != "tag" || server.writes != bucketTries {
			t.Errorf("mark %q: got %q, %v after %d writes", mark, etag, err, server.writes)
		}
	}
}
