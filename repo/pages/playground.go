package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
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
	data, err := fs.ReadFile(playground.Files(), stored)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return unknown
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache")
	h.Set("ETag", `"`+p.tagOf(name, data)+`"`)
	if name == converter {
		h.Set("Content-Type", "application/wasm")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			return unpacked(w, data)
		}
		h.Set("Content-Encoding", "gzip")
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

// tagOf returns the entity tag of a part of the playground, which is worked out
// once: the converter is large.
func (p *Pages) tagOf(name string, data []byte) string {
	if tag, ok := p.tags.Load(name); ok {
		return tag.(string) //nolint:forcetypeassert // nothing else is stored
	}
	sum := sha256.Sum256(data)
	tag := hex.EncodeToString(sum[:16])
	p.tags.Store(name, tag)
	return tag
}

// unpacked serves the few clients that cannot unpack themselves.
func unpacked(w http.ResponseWriter, data []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	_, _ = io.Copy(w, r) // a client that is gone needs no answer
	return nil
}
