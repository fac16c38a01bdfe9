package server

import (
	"net/http"
	"strings"
)

// endpoint is a handler that may fail; its error becomes the answer.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// routes is everything that the server answers to. GET includes HEAD.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	read := func(pattern string, h endpoint) { mux.Handle(pattern, s.answer(s.reading(s.fresh(h)))) }
	write := func(pattern string, h endpoint) { mux.Handle(pattern, s.answer(s.writing(h))) }
	open := func(pattern string, h endpoint) { mux.Handle(pattern, s.answer(h)) }

	read("GET /index.yaml", s.index)
	read("GET /charts/{file}", s.download)

	read("GET /{$}", s.page(s.pages.Home))
	read("GET /chart/{name}", s.page(s.chartPage))
	read("GET /chart/{name}/compare", s.page(s.comparePage))
	read("GET /chart/{name}/{version}", s.page(s.chartPage))
	read("GET /chart/{name}/{version}/{view}", s.page(s.chartPage))
	open("GET /assets/{file}", s.page(s.asset))
	open("GET /playground", s.page(s.pages.Playground))
	open("GET /playground/{file}", s.page(s.playgroundFile))

	read("GET /api/charts", s.apiCharts)
	read("GET /api/charts/{name}", s.apiChart)
	read("GET /api/charts/{name}/{version}", s.apiVersion)
	write("POST /api/charts", s.upload)
	write("POST /api/prov", s.fresh(s.uploadProvenance))
	write("DELETE /api/charts/{name}/{version}", s.fresh(s.remove))

	mux.Handle(ociPath, s.oci())

	open("GET /health", s.health)
	open("GET /livez", s.live)
	open("GET /readyz", s.ready)
	open("GET /info", s.info)

	open("/", s.unknown(mux))
	return s.logged(s.viewed(mux))
}

// unknown answers what no route takes: with the methods that would have been
// right, or with where to look.
func (s *Server) unknown(mux *http.ServeMux) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := mux.Handler(other); pattern != "/" {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			return &problem{
				Status: http.StatusMethodNotAllowed, Code: "method-not-allowed",
				Message: r.Method + " is not a method of " + r.URL.Path,
				Hint:    "use " + strings.Join(allowed, " or "),
			}
		}
		return &problem{
			Status: http.StatusNotFound, Code: "not-found",
			Message: "there is nothing at " + r.URL.Path,
			Hint:    "the index is at /index.yaml, the archives are below /charts/, the API is at /api/charts",
		}
	}
}
