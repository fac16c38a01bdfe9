package server

import (
	"cmp"
	"context"
	"net/http"
)

// health is for clients of ChartMuseum. It says that the process answers.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]bool{"healthy": true})
	return nil
}

func (s *Server) live(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

// ready asks the store, for without it the server can promise nothing. That the
// index was read once is given: New does not return before.
func (s *Server) ready(w http.ResponseWriter, r *http.Request) error {
	if s.stopping.Load() {
		return &problem{
			Status: http.StatusServiceUnavailable, Code: "stopping", Message: "the server is about to end",
			Hint: "ask another server of the repository",
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	for _, err := range s.catalog.store.List(ctx, shardFolder, "~") {
		if err != nil {
			return readProblem(err)
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	return nil
}

func (s *Server) info(w http.ResponseWriter, _ *http.Request) error {
	charts, versions := s.catalog.current().count()
	writeJSON(w, http.StatusOK, map[string]any{
		"version":  cmp.Or(s.options.Version, "unknown"),
		"charts":   charts,
		"versions": versions,
	})
	return nil
}
