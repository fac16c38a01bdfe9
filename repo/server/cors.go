package server

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
)

// anyOrigin stands for the pages of all sites.
const anyOrigin = "*"

// CheckOrigin says why a text is not the origin of pages, as browsers send it, or *.
func CheckOrigin(text string) error {
	u, err := url.Parse(text)
	if text == anyOrigin || err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https") && text == u.Scheme+"://"+u.Host {
		return nil
	}
	return fmt.Errorf("%q is not an origin such as https://charts.example.org, or * for all", text)
}

// shared lets pages of other sites read an answer, be it an error, where the operator
// wants that. They read as anybody does who has no password: the browser is not allowed
// to send one along, and requests with headers of their own are not answered.
func (s *Server) shared(next http.Handler) http.Handler {
	origins := s.options.Origins
	if len(origins) == 0 {
		return next
	}
	all := slices.Contains(origins, anyOrigin)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		allowed := anyOrigin
		if !all {
			h.Add("Vary", "Origin")
			allowed = r.Header.Get("Origin")
		}
		if all || slices.Contains(origins, allowed) {
			h.Set("Access-Control-Allow-Origin", allowed)
			h.Set("Access-Control-Expose-Headers", "ETag")
		}
		next.ServeHTTP(w, r)
	})
}
