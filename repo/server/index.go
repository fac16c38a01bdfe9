package server

import (
	"net/http"
	"strconv"
	"strings"
)

// index serves index.yaml. Its body is JSON, which is YAML as well and which
// Helm reads five times faster; ?format=yaml or an Accept header that names YAML
// brings the other form.
func (s *Server) index(w http.ResponseWriter, r *http.Request) error {
	asYAML, err := wantsYAML(r)
	if err != nil {
		return err
	}
	snap := s.catalog.current()
	tag, body, contentType := snap.tag(), snap.jsonBody, "application/json"
	zipped := acceptsGzip(r.Header)
	switch {
	case asYAML && zipped:
		tag, body, contentType = tag+"-yaml-gzip", snap.yamlGzip, "application/yaml"
	case asYAML:
		tag, body, contentType = tag+"-yaml", snap.yamlBody, "application/yaml"
	case zipped:
		tag, body = tag+"-gzip", snap.gzipBody
	}
	h := w.Header()
	h.Set("ETag", `"`+tag+`"`)
	h.Set("Vary", "Accept, Accept-Encoding")
	h.Set("Cache-Control", s.cacheControl("no-cache"))
	if matches(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	content := body()
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // a client that is gone needs no answer
	return nil
}

func (s *Server) cacheControl(rest string) string {
	if s.private() {
		return "private, " + rest
	}
	return "public, " + rest
}

func wantsYAML(r *http.Request) (bool, error) {
	switch format := r.URL.Query().Get("format"); format {
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

// acceptsGzip reads Accept-Encoding as RFC 9110 has it, as far as gzip goes.
func acceptsGzip(h http.Header) bool {
	for part := range strings.SplitSeq(strings.Join(h.Values("Accept-Encoding"), ","), ",") {
		coding, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !ok || err == nil && weight > 0
	}
	return false
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
