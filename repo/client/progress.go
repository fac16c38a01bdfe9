package client

import (
	"io"
	"net/http"
)

// Progress is how far a request for a repository has come.
type Progress struct {
	// Repository is the name of the repository.
	Repository string
	// Received is how much of the body has come, and Of its size, or -1 where the
	// server does not say.
	Received, Of int64
}

// WithProgress sets who is told of every part that arrives. Several requests may tell
// at once.
func WithProgress(tell func(Progress)) Option { return func(c *Client) { c.progress = tell } }

// watched is a body that tells of what is read from it.
type watched struct {
	io.ReadCloser

	tell func(Progress)
	at   Progress
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.ReadCloser.Read(p)
	if n > 0 {
		w.at.Received += int64(n)
		w.tell(w.at)
	}
	return n, err
}

// watch lets the client's owner follow a body.
func (s *session) watch(resp *http.Response) {
	if s.client.progress != nil {
		resp.Body = &watched{resp.Body, s.client.progress, Progress{Repository: s.repo.Name, Of: resp.ContentLength}}
	}
}
