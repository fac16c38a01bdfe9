package server

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/repo/blob"
)

const (
	// artifactHubFile says to Artifact Hub whose a repository is. Its operator puts it
	// beside the charts.
	artifactHubFile = "artifacthub-repo.yml"
	// maxArtifactHub is its size.
	maxArtifactHub = 256 << 10
)

// mayReadIn reports whether a repository with this path may have a chart that the
// principal may read, be there one below it or not.
func (p principal) mayReadIn(path string) bool {
	return slices.ContainsFunc(p.patterns(VerbRead), func(pattern string) bool {
		literal, _, star := strings.Cut(pattern, "*")
		rest, below := strings.CutPrefix(literal, path)
		return below && !strings.Contains(rest, "/") || star && strings.HasPrefix(path, literal)
	})
}

// artifactHub sends that file to who may read something of the repository.
func (s *Server) artifactHub(w http.ResponseWriter, r *http.Request) error {
	missing := &problem{
		Status: http.StatusNotFound, Code: "not-found", Message: "the repository has no " + artifactHubFile,
		Hint: "its operator puts one into the folder or the bucket of the charts",
	}
	if !who(r.Context()).mayReadIn(s.path) {
		return missing
	}
	info, err := s.catalog.store.Stat(r.Context(), artifactHubFile)
	switch {
	case errors.Is(err, blob.ErrNotFound):
		return missing
	case err != nil:
		return readProblem(err)
	case info.Size > maxArtifactHub:
		return &problem{
			Status: http.StatusInternalServerError, Code: "file-too-large",
			Message: artifactHubFile + " is larger than " + diag.Size(maxArtifactHub), Hint: "its operator must make it smaller",
		}
	}
	return s.send(w, r, content{key: artifactHubFile, kind: "application/yaml", size: info.Size, modified: info.ModTime})
}
