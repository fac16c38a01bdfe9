package server

import (
	"net/http"
	"strings"

	"gantry/repo"
)

// endpoint is a handler that may fail; its error becomes the answer.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// routes is everything that the server answers to. GET includes HEAD.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, h endpoint) { mux.Handle(pattern, route(pattern, s.answer(h))) }
	read := func(pattern string, h endpoint) { handle(pattern, s.reading(s.limited(s.fresh(h)))) }
	write := func(pattern string, h endpoint) { handle(pattern, s.writing(s.limited(h))) }
	open := handle

	read("GET /index.yaml", s.index)
	read("GET /"+repo.ChartListFile, s.chartList)
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

	mux.Handle(ociPath, route(ociPath, s.oci()))

	open("GET /health", s.health)
	open("GET /livez", s.live)
	open("GET /readyz", s.ready)
	open("GET /info", s.info)
	handle("GET /metrics", s.reading(s.showMetrics))

	open("/", s.unknown(mux))
	// From the outside in: what a request is called, what is counted, and which
	// part of the repository it means. Who asks, and how often, is found out
	// behind the route, which says what it takes.
	return s.logged(s.measured(s.viewed(mux)))
}

// route notes which route took a request. Its name has no method, for that is
// noted beside it.
func route(pattern string, next http.Handler) http.Handler {
	name := pattern[strings.Index(pattern, "/"):]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		noteOf(r.Context()).route = name
		next.ServeHTTP(w, r)
	})
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
