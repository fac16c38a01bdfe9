package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"gantry/charts/pattern"
	"gantry/repo/blob"
)

// ociPath is where the routes of the OCI Distribution Specification begin.
const ociPath = "/v2/"

const (
	headerDigest  = "Docker-Content-Digest"
	headerSubject = "OCI-Subject"
	headerFilters = "OCI-Filters-Applied"
	headerSession = "Docker-Upload-UUID"
	headerChunk   = "OCI-Chunk-Min-Length"
)

var (
	ociName = pattern.Lazy(`^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*$`)
	ociTag  = pattern.Lazy(`^[a-zA-Z0-9_][a-zA-Z0-9._-]*$`) // and not longer than maxOCITag
)

// maxOCIName is the longest name of a repository: its record is a file in a folder,
// whose name has 255 bytes.
const maxOCIName = 255 - len(shardExt)

// maxOCITag is the longest tag.
const maxOCITag = 128

// ociRequest is what a path below /v2/ means.
type ociRequest struct {
	// name is the repository; kind is what of it is meant: blobs, uploads,
	// manifests, tags or referrers.
	name, kind string
	// full is the name with the path of the repository of charts before it, as
	// the client has it.
	full string
	// reference is a digest, a tag or the id of a session.
	reference string
}

// parseOCI reads a path. Names have slashes in them, so it is read from the end.
func parseOCI(path string) (ociRequest, error) {
	rest := strings.TrimPrefix(path, ociPath)
	var q ociRequest
	if name, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		q = ociRequest{name: name, kind: "tags"}
	} else if name, id, ok := cutLast(rest, "/blobs/uploads/"); ok {
		q = ociRequest{name: name, kind: "uploads", reference: id}
	} else if name, ok := strings.CutSuffix(rest, "/blobs/uploads"); ok {
		q = ociRequest{name: name, kind: "uploads"}
	} else {
		for _, kind := range []string{"blobs", "manifests", "referrers"} {
			if name, reference, ok := cutLast(rest, "/"+kind+"/"); ok && reference != "" {
				q = ociRequest{name: name, kind: kind, reference: reference}
			}
		}
	}
	switch {
	case q.kind == "":
		return q, ociProblem(http.StatusNotFound, "UNSUPPORTED", "there is nothing at "+path)
	case !ociName().MatchString(q.name) || len(q.name) > maxOCIName:
		return q, ociProblem(http.StatusBadRequest, "NAME_INVALID", fmt.Sprintf("%q is not the name of a repository", q.name))
	}
	return q, nil
}

// cutLast cuts off the last part of a path, which stands behind sep. Before it there may
// be anything: a repository can have the name of a kind.
func cutLast(path, sep string) (before, last string, ok bool) {
	i := strings.LastIndex(path, sep)
	if i < 0 || strings.Contains(path[i+len(sep):], "/") {
		return "", "", false
	}
	return path[:i], path[i+len(sep):], true
}

// oci answers to everything below /v2/.
func (s *Server) oci() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := s.writing(s.limited(s.ociRoute))
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			h = s.reading(s.limited(s.fresh(s.ociRoute)))
		}
		if err := h(w, r); err != nil {
			p := problemOf(r, err)
			noteError(r.Context(), p)
			p.announce(w)
			writeOCIProblem(w, p.forRegistry())
		}
	})
}

func (s *Server) ociRoute(w http.ResponseWriter, r *http.Request) error {
	get := r.Method == http.MethodGet || r.Method == http.MethodHead
	switch {
	case r.URL.Path == ociPath && get:
		// This is where clients try a password when somebody logs in.
		if s.options.Auth != nil && s.identify(r).err != nil {
			return s.identify(r).err
		}
		writeJSON(w, http.StatusOK, struct{}{})
		return nil
	case r.URL.Path == ociPath+"_catalog" && get:
		return s.ociCatalog(w, r)
	}
	q, err := parseOCI(r.URL.Path)
	if err != nil {
		return err
	}
	q.full, q.name = q.name, strings.TrimPrefix(q.name, s.path)
	noteOf(r.Context()).route = ociPath + "{name}/" + q.kind
	type route struct{ method, kind string }
	h, ok := map[route]func(http.ResponseWriter, *http.Request, ociRequest) error{
		{http.MethodGet, "blobs"}:        s.ociBlob,
		{http.MethodPost, "uploads"}:     s.ociStartUpload,
		{http.MethodGet, "uploads"}:      s.ociUploadStatus,
		{http.MethodPatch, "uploads"}:    s.ociUploadChunk,
		{http.MethodPut, "uploads"}:      s.ociFinishUpload,
		{http.MethodDelete, "uploads"}:   s.ociCancelUpload,
		{http.MethodGet, "manifests"}:    s.ociManifest,
		{http.MethodPut, "manifests"}:    s.ociPutManifest,
		{http.MethodDelete, "manifests"}: s.ociDeleteManifest,
		{http.MethodGet, "tags"}:         s.ociTags,
		{http.MethodGet, "referrers"}:    s.ociReferrers,
	}[route{strings.Replace(r.Method, http.MethodHead, http.MethodGet, 1), q.kind}]
	if !ok {
		return ociProblem(http.StatusMethodNotAllowed, "UNSUPPORTED", r.Method+" is not a method of "+q.kind+" here")
	}
	verb := q.verb(r.Method)
	if err := s.authorize(r.Context(), verb, q.name); err != nil {
		// The state of an upload is read by who pushes: whoever reads without a word
		// is asked for one.
		if verb != VerbRead && noteOf(r.Context()).user == "" {
			return s.unauthorized(w, r)
		}
		return err
	}
	return h(w, r, q)
}

// verb is what a request wants to do to a repository.
func (q ociRequest) verb(method string) Verb {
	switch {
	case q.kind == "uploads":
		return VerbPush
	case method == http.MethodDelete:
		return VerbDelete
	case method == http.MethodPut:
		return VerbPush
	default:
		return VerbRead
	}
}

// ociProblem is a problem whose code is one of the specification's.
func ociProblem(status int, code, message string) *problem {
	return &problem{Status: status, Code: code, Message: message}
}

// writeOCIProblem gives a problem the form of the specification. What other parts
// of the server say has codes of its own, which clients of registries do not
// know.
func writeOCIProblem(w http.ResponseWriter, p *problem) {
	type said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Detail  any    `json:"detail,omitempty"`
	}
	e := said{Code: p.Code, Message: p.Message}
	if p.Code != strings.ToUpper(p.Code) {
		e.Code = ociCode(p.Status)
		e.Detail = map[string]string{"code": p.Code}
	}
	if p.Hint != "" {
		e.Message += "; " + p.Hint
	}
	writeJSON(w, p.Status, map[string][]said{"errors": {e}})
}

// forRegistry says to clients of registries how they log in.
func (p *problem) forRegistry() *problem {
	if p.Status != http.StatusUnauthorized {
		return p
	}
	next := *p
	next.Hint = "give them with: gantry registry login HOST --username USER, or with: helm registry login HOST"
	return &next
}

func ociCode(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UNAUTHORIZED"
	case http.StatusForbidden, http.StatusConflict:
		return "DENIED"
	case http.StatusNotFound:
		return "MANIFEST_UNKNOWN"
	case http.StatusRequestEntityTooLarge:
		return "SIZE_INVALID"
	case http.StatusBadRequest:
		return "MANIFEST_INVALID"
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return "TOOMANYREQUESTS"
	default:
		return "UNSUPPORTED"
	}
}

// ociBlob serves content by its digest.
func (s *Server) ociBlob(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	if err := checkDigest(q.reference); err != nil {
		if checkSyntax(q.reference) == nil {
			return blobUnknown(q.reference)
		}
		return err
	}
	key := digestKey(q.reference)
	version, ofChart := s.archiveVersion(q)
	if _, err := s.catalog.store.Stat(r.Context(), key); errors.Is(err, blob.ErrNotFound) {
		// An archive that was adopted lies where it was found.
		if !ofChart {
			return blobUnknown(q.reference)
		}
		key = version.Archive
	} else if err != nil {
		return storageProblem(err)
	}
	w.Header().Set(headerDigest, q.reference)
	c := content{key: key, tag: q.reference, kind: "application/octet-stream", fixed: true}
	if ofChart {
		c.size = version.Size
		return s.sendArchive(w, r, archiveOf{q.name, version.Version, "oci"}, c)
	}
	return s.send(w, r, c)
}

func blobUnknown(digest string) *problem {
	return ociProblem(http.StatusNotFound, "BLOB_UNKNOWN", "there is no blob "+digest)
}

// archiveVersion finds the version of the repository's chart whose archive has the
// digest that is asked for.
func (s *Server) archiveVersion(q ociRequest) (record, bool) {
	seg := s.catalog.current().find(q.name)
	sum, ok := strings.CutPrefix(q.reference, sha256Prefix)
	if seg == nil || !ok {
		return record{}, false
	}
	i := slices.IndexFunc(seg.shard.Versions, func(r record) bool { return r.Digest == sum })
	if i < 0 {
		return record{}, false
	}
	return seg.shard.Versions[i], true
}
