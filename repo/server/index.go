package server

import (
	"net/http"
	"strconv"
	"strings"

	"gantry/repo"
	"gantry/repo/codings"
)

// index serves index.yaml. Its body is JSON, which is YAML as well and which
// Helm reads five times faster; ?format=yaml or an Accept header that names YAML
// brings the other form.
func (s *Server) index(w http.ResponseWriter, r *http.Request) error {
	asYAML, err := wantsYAML(r)
	if err != nil {
		return err
	}
	snap := s.shown(r.Context())
	tag, form, contentType := snap.tag(), snap.json, "application/json"
	if asYAML {
		tag, form, contentType = tag+"-yaml", snap.yaml, "application/yaml"
	}
	coding := chooseCoding(r.Header)
	if coding != "" {
		tag += "-" + coding
	}
	h := w.Header()
	h.Set("Etag", `"`+tag+`"`)
	h.Add("Vary", "Accept, Accept-Encoding")
	h.Set(repo.ChartListHeader, repo.ChartListFile)
	h.Set("Cache-Control", s.cacheControl("no-cache"))
	if matches(r.Header.Get("If-None-Match"), h.Get("Etag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	s.sendBody(w, r, form(), coding)
	return nil
}

// sendBody writes a body in a coding. A client that is gone needs no answer.
func (s *Server) sendBody(w http.ResponseWriter, r *http.Request, b *body, coding string) {
	size, write, files := b.form(coding)
	w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
	if r.Method == http.MethodHead {
		return
	}
	// With TLS everything passes through memory anyway.
	if r.TLS == nil {
		if f := files.open(s.options.TempDir, size, write); f != nil {
			files.hand(w, f, size)
			return
		}
	}
	_ = joined(r.Context(), size, func() error { return write(w) })
}

func (s *Server) cacheControl(rest string) string {
	if s.private() {
		return "private, " + rest
	}
	return "public, " + rest
}

func wantsYAML(r *http.Request) (bool, error) {
	format := ""
	if r.URL.RawQuery != "" {
		format = r.URL.Query().Get("format")
	}
	switch format {
	case "yaml":
		return true, nil
	case "json":
		return false, nil
	case "":
	default:
		return false, badRequest("format-unknown", "there is no format "+strconv.Quote(format), "use ?format=json or ?format=yaml")
	}
	for part := range strings.SplitSeq(r.Header.Get("Accept"), ",") {
		kind, _, _ := strings.Cut(part, ";")
		switch strings.ToLower(strings.TrimSpace(kind)) {
		case "application/json":
			return false, nil
		case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml":
			return true, nil
		}
	}
	return false, nil
}

// chooseCoding returns the coding that a client likes best, the smaller one when
// it likes both as much, and nothing when it wants the body as it is.
func chooseCoding(h http.Header) string {
	lines := h["Accept-Encoding"]
	best, weight := "", 0.0
	for _, name := range []string{codings.Zstd, codings.Gzip} {
		if w := codings.Weight(lines, name); w > weight {
			best, weight = name, w
		}
	}
	return best
}

// matches reports whether an If-None-Match header names the tag.
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}
