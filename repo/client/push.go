package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
)

// Push publishes an archive, and the signature beside it if there is one. The
// repository must take ChartMuseum's API, as gantry's does.
func (c *Client) Push(ctx context.Context, r Repository, archive string, force bool) error {
	s, err := c.session(r)
	if err != nil {
		return err
	}
	defer s.close()
	target, err := resolve(r.URL, "api/charts")
	if err != nil {
		return err
	}
	body, contentType, size, err := pushBody(archive)
	if err != nil {
		return err
	}
	defer body.Close()
	req, err := s.request(ctx, http.MethodPost, target, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	req.Header.Set("Content-Type", contentType)
	if force {
		q := req.URL.Query()
		q.Set("force", "true")
		req.URL.RawQuery = q.Encode()
	}
	resp, err := s.do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return statusError(req, resp)
	}
	return nil
}

// pushBody is the archive alone, or a form of the archive and its signature.
func pushBody(archive string) (body io.ReadCloser, contentType string, size int64, err error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, "", 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, "", 0, errors.Join(err, f.Close())
	}
	provenance, err := os.ReadFile(archive + ".prov")
	if errors.Is(err, fs.ErrNotExist) {
		return f, "application/gzip", info.Size(), nil
	}
	if err != nil {
		return nil, "", 0, errors.Join(err, f.Close())
	}
	// The form around the archive is put together by hand, so that the archive
	// itself is streamed.
	var before, after bytes.Buffer
	form := multipart.NewWriter(&before)
	_, err = form.CreateFormFile("chart", filepath.Base(archive))
	if err != nil {
		return nil, "", 0, errors.Join(err, f.Close())
	}
	rest := multipart.NewWriter(&after)
	err = rest.SetBoundary(form.Boundary())
	after.WriteString("\r\n")
	if part, partErr := rest.CreateFormFile("prov", filepath.Base(archive)+".prov"); partErr == nil {
		_, _ = part.Write(provenance) // a buffer takes everything
	} else {
		err = errors.Join(err, partErr)
	}
	if err = errors.Join(err, rest.Close()); err != nil {
		return nil, "", 0, errors.Join(err, f.Close())
	}
	size = int64(before.Len()) + info.Size() + int64(after.Len())
	return joined{io.MultiReader(&before, f, &after), f}, form.FormDataContentType(), size, nil
}

type joined struct {
	io.Reader
	io.Closer
}
