package blob

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// bucketClient follows no redirects: the APIs have none, and credentials are for nobody
// else.
func bucketClient() *http.Client {
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: bucketSilence}).DialContext,
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   bucketSilence,
		ResponseHeaderTimeout: bucketSilence,
		MaxIdleConnsPerHost:   bucketConnections,
		IdleConnTimeout:       90 * time.Second,
		// What is stored compressed is to arrive as it is stored.
		DisableCompression: true,
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// lentBody is a body that is not read any more once it was taken back: while an answer
// is here already, the request may still be on its way, and the content is needed for
// the next try.
type lentBody struct {
	mu     sync.Mutex
	reader io.Reader
}

var errTakenBack = errors.New("the request is over")

func (l *lentBody) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reader == nil {
		return 0, errTakenBack
	}
	return l.reader.Read(p)
}

func (l *lentBody) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reader = nil
}

func (l *lentBody) Close() error {
	l.takeBack()
	return nil
}

// unanswered is a request without an answer. It may have one later, unless nobody is
// there who could give it.
func unanswered(err error) error {
	a := &answerError{text: unsent(err), err: err, later: true}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		a.later = false
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		a.later = false
	}
	return a
}

// passes reports whether a server that answers so may answer otherwise later.
func passes(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	default:
		return false
	}
}

// bucketMaxMessage is how much is told of what a server says, in bytes.
const bucketMaxMessage = 1000

// oneLine shortens what a server says.
func oneLine(message string) string {
	if len(message) > bucketMaxMessage {
		message = strings.ToValidUTF8(message[:bucketMaxMessage], "") + "…"
	}
	return strings.Join(strings.Fields(message), " ")
}
