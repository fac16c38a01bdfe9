package pages

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"time"

	"gantry/templates"
	"gantry/templates/playground"
)

// converter is what the page asks for; it is stored compressed.
const converter = "gantry.wasm"

// playgroundPolicy lets the page run the converter, in a worker.
const playgroundPolicy = "default-src 'none'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; " +
	"img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Playground shows the page that converts Compose files in the browser.
func (p *Pages) Playground(w http.ResponseWriter, r *http.Request, v Visit) error {
	example, err := fs.ReadFile(templates.Repository(), "example.yaml")
	if err != nil {
		return err
	}
	_, missing := fs.Stat(playground.Files(), playground.Converter)
	w.Header().Set("Content-Security-Policy", playgroundPolicy)
	return p.show(w, r, http.StatusOK, "playground", struct {
		site

		Built   bool
		Example string
	}{v.site("Playground"), missing == nil, string(example)})
}

// PlaygroundFile serves a part of the playground.
func (p *Pages) PlaygroundFile(w http.ResponseWriter, r *http.Request, name string) error {
	unknown := &NotFoundError{What: "the playground has no file " + name}
	stored := name
	switch {
	case name == converter:
		stored = playground.Converter
	case path.Ext(name) != ".js":
		return unknown
	}
	f, err := playground.Files().Open(stored)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return unknown
	}
	if err != nil {
		return err
	}
	defer f.Close()
	data, ok := f.(io.ReadSeeker)
	if !ok {
		return unknown // a folder
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache")
	if name == converter {
		h.Set("Content-Type", "application/wasm")
		h.Set("Vary", "Accept-Encoding")
		if !takesGzip(r) {
			return unpacked(w, r, data)
		}
		h.Set("Content-Encoding", "gzip")
	}
	tag, err := p.tagOf(name, data)
	if err != nil {
		return err
	}
	h.Set("ETag", tag)
	http.ServeContent(w, r, "", time.Time{}, data)
	return nil
}

// tagOf returns the entity tag of a part of the playground, which is worked out
// once: the converter is large.
func (p *Pages) tagOf(name string, data io.Reader) (string, error) {
	if tag, ok := p.tags.Load(name); ok {
		return tag.(string), nil //nolint:forcetypeassert // nothing else is stored
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, data); err != nil {
		return "", err
	}
	tag := `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
	p.tags.Store(name, tag)
	return tag, nil
}

// unpacked serves the few clients that cannot unpack themselves.
func unpacked(w http.ResponseWriter, r *http.Request, data io.Reader) error {
	if r.Method == http.MethodHead {
		return nil
	}
	zip, err := gzip.NewReader(data)
	if err != nil {
		return err
	}
	_, _ = io.Copy(w, zip) // a client that is gone needs no answer
	return nil
}
