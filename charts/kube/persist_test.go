package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// What cannot take effect twice is sent again; everything else is not.
func TestPersistent(t *testing.T) {
	tests := []struct {
		name, method string
		// answers are status codes, one a try; 0 loses the answer, 1 cuts it
		// off, and below 0 the server says more.
		answers  []int
		once     bool
		want     int
		requests int
	}{
		{"patch, broken", http.MethodPatch, []int{500, 503, 200}, false, 200, 3},
		{"patch, answer lost", http.MethodPatch, []int{0, 200}, false, 200, 2},
		{"patch, answer cut off", http.MethodPatch, []int{1, 1, 200}, false, 200, 3},
		{"post, answer cut off", http.MethodPost, []int{1, 201}, false, 200, 1},
		{"watch, cut off", http.MethodGet, []int{1, 200}, false, 200, 1},
		{"patch, webhook away", http.MethodPatch, []int{-501, 200}, false, 200, 2},
		{"rehearsal, webhook away", http.MethodPatch, []int{-501, 200}, false, 500, 1},
		{"post, turned away", http.MethodPost, []int{503, 429, 201}, false, 201, 3},
		{"post, broken", http.MethodPost, []int{500, 201}, false, 500, 1},
		{"post, answer lost", http.MethodPost, []int{0, 201}, false, 0, 1},
		{"refused", http.MethodPatch, []int{422, 200}, false, 422, 1},
		{"patch, unmergeable", http.MethodPatch, []int{-500, 200}, false, 500, 1},
		{"once", http.MethodGet, []int{503, 200}, true, 503, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || test.method != http.MethodGet && string(body) != "body" {
					t.Errorf("body %q, error %v", body, err)
				}
				code := test.answers[requests.Add(1)-1]
				if code == 0 {
					panic(http.ErrAbortHandler)
				}
				if code == 1 {
					w.Header().Set("Content-Length", "100")
					_, _ = io.WriteString(w, "half")
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
				if code == -501 {
					w.WriteHeader(http.StatusInternalServerError)
					_, _ = io.WriteString(w, `{"message":"Internal error occurred: failed calling webhook \"w\""}`)
					return
				}
				if code < 0 {
					w.WriteHeader(-code)
					_, _ = io.WriteString(w, `{"message":"failed to create typed patch object"}`)
					return
				}
				w.WriteHeader(code)
			}))
			defer server.Close()
			var told []string
			p := &persistent{next: server.Client().Transport, tell: func(text string) { told = append(told, text) }, away: new(atomic.Bool)}
			ctx := t.Context()
			if test.once {
				ctx = impatient(context.WithoutCancel(ctx))
			}
			var body io.Reader
			if test.method != http.MethodGet {
				body = strings.NewReader("body")
			}
			address := server.URL
			if strings.HasPrefix(test.name, "rehearsal") {
				address += "?dryRun=All"
			}
			req, err := http.NewRequestWithContext(ctx, test.method, address, body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := p.RoundTrip(req)
			got := 0
			if err == nil {
				got = resp.StatusCode
				_ = resp.Body.Close()
			}
			if got != test.want || int(requests.Load()) != test.requests {
				t.Errorf("answer %d (%v) after %d requests, want %d after %d", got, err, requests.Load(), test.want, test.requests)
			}
			if want := min(test.requests-1, 1); len(told) != want {
				t.Errorf("told %q", told)
			}
		})
	}
}

// roundTrip answers requests in place of a server.
type roundTrip func(*http.Request) int

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	code := f(r)
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Body: http.NoBody, Header: http.Header{}, Request: r}, nil
}

// TestOutageIsToldOnce has a request that was sent before an outage and is answered in the
// middle of it: that does not end it.
func TestOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		early := make(chan struct{})
		var away atomic.Bool
		told := 0
		p := &persistent{away: new(atomic.Bool), tell: func(string) { told++ }, next: roundTrip(func(r *http.Request) int {
			switch {
			case r.URL.Path == "/early":
				<-early
			case away.Load():
				return http.StatusServiceUnavailable
			}
			return http.StatusOK
		})}
		var requests sync.WaitGroup
		send := func(path string) {
			requests.Go(func() {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://cluster.test"+path, http.NoBody)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := p.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %v, %v", path, resp, err)
					return
				}
				_ = resp.Body.Close()
			})
			synctest.Wait()
		}
		outage := func() {
			away.Store(true)
			send("/one")
			close(early)
			synctest.Wait()
			send("/two")
			away.Store(false)
			requests.Wait()
		}
		send("/early")
		outage()
		if told != 1 {
			t.Errorf("one outage is told %d times", told)
		}
		early = make(chan struct{})
		outage()
		if told != 2 {
			t.Errorf("two outages are told %d times", told)
		}
	})
}

// TestLost: whatever broke on the way means that the cluster does not answer, and what was
// ended or refused does not.
func TestLost(t *testing.T) {
	t.Parallel()
	c := &Cluster{config: &rest.Config{Host: "https://cluster.test"}}
	of := func(err error) error { return &url.Error{Op: "Patch", URL: "https://cluster.test/api", Err: err} }
	for _, test := range []struct {
		err  error
		lost bool
	}{
		{of(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), true},
		{of(errors.New("http2: client connection lost")), true},
		{of(io.ErrUnexpectedEOF), true},
		{fmt.Errorf("unexpected error when reading response body: %w", io.ErrUnexpectedEOF), true},
		{of(context.Canceled), false},
		{of(context.DeadlineExceeded), false},
		{&apierrors.StatusError{ErrStatus: metav1.Status{Code: 500}}, false},
		{errors.New("of something else"), false},
		{apierrors.NewUnauthorized("expired"), false},
	} {
		if _, lost := errors.AsType[*UnreachableError](c.Lost(test.err)); lost != test.lost {
			t.Errorf("%v: lost is %v", test.err, lost)
		}
	}
	if _, denied := errors.AsType[*DeniedError](c.Lost(fmt.Errorf("update: %w", apierrors.NewUnauthorized("expired")))); !denied {
		t.Error("expired credentials are not told as such")
	}
}
