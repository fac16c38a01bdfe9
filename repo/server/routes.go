package server

import (
	"net/http"
	"strings"

	"gantry/repo"
)

// endpoint is a handler that may fail; its error becomes the answer.
type endpoint func(w http.ResponseWriter, r *http.Request) error

// table gathers routes. A read is open to who may read, a write to who may do
// something else, and what is open to everybody.
type table struct {
	*http.ServeMux

	server *Server
}

func (t table) open(pattern string, h endpoint) {
	t.Handle(pattern, route(pattern, t.server.answer(h)))
}

func (t table) read(pattern string, h endpoint) {
	t.open(pattern, t.server.reading(t.server.limited(t.server.fresh(h))))
}

// show is a read that pages of other sites may be let in to.
func (t table) show(pattern string, h endpoint) {
	s := t.server
	t.Handle(pattern, route(pattern, s.shared(s.answer(s.reading(s.limited(s.fresh(h)))))))
}

func (t table) write(pattern string, h endpoint) {
	t.open(pattern, t.server.writing(t.server.limited(h)))
}

// repository is everything that a repository answers to, be it the only one or one
// of many. GET includes HEAD.
func (s *Server) repository() table {
	t := table{http.NewServeMux(), s}

	t.show("GET /index.yaml", s.index)
	t.show("GET /"+repo.ChartListFile, s.chartList)
	t.show("GET /charts/{file}", s.download)
	t.show("GET /"+artifactHubFile, s.artifactHub)

	t.show("GET /api/charts", s.apiCharts)
	t.show("GET /api/charts/{name}", s.apiChart)
	t.show("GET /api/charts/{name}/{version}", s.apiVersion)
	t.show("GET /api/charts/{name}/{version}/values", s.apiValues)
	t.show("GET /api/charts/{name}/{version}/templates", s.apiTemplates)
	t.write("POST /api/charts", s.upload)
	t.write("POST /api/prov", s.fresh(s.uploadProvenance))
	t.write("DELETE /api/charts/{name}/{version}", s.fresh(s.remove))

	t.Handle(ociPath, route(ociPath, s.oci()))

	t.read("GET /{$}", s.page(s.pages.Home))
	t.read("GET /chart/{name}", s.page(s.chartPage))
	t.read("GET /chart/{name}/compare", s.page(s.comparePage))
	t.read("GET /chart/{name}/{version}", s.page(s.chartPage))
	t.read("GET /chart/{name}/{version}/{view}", s.page(s.chartPage))

	t.open("/", s.unknown(t.ServeMux))
	return t
}

// routes is what a server answers to besides: what pages are made of, and what
// operators ask.
func (s *Server) routes() http.Handler {
	t := s.repository()

	t.open("GET /assets/{file}", s.page(s.asset))
	t.open("GET /playground", s.limited(s.page(s.pages.Playground)))
	t.open("GET /playground/{file}", s.limited(s.page(s.playgroundFile)))

	t.open("GET /gantry/tokens", s.administering(s.tokensPage))
	t.open("POST /gantry/tokens", s.administering(s.createToken))
	t.open("POST /gantry/tokens/{id}/revoke", s.administering(s.revokeToken))
	t.open("GET /gantry/audit", s.administering(s.auditPage))

	t.open("GET /health", s.health)
	t.open("GET /livez", s.live)
	t.open("GET /readyz", s.ready)
	t.open("GET /info", s.info)
	t.open("GET /metrics", s.reading(s.showMetrics))
	return t
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
