package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gantry/repo"
	"gantry/repo/blob"
)

// download serves an archive or its signature.
func (s *Server) download(w http.ResponseWriter, r *http.Request) error {
	file := r.PathValue("file")
	stem, provenance := strings.CutSuffix(file, repo.ProvenanceExt)
	if !provenance {
		var ok bool
		if stem, ok = strings.CutSuffix(file, repo.ArchiveExt); !ok {
			return chartNotFound("there is no file "+file, "archives are named NAME-VERSION.tgz")
		}
	}
	rec, name, ok := s.shown(r.Context()).byFile(stem)
	if !ok {
		return chartNotFound("there is no chart "+file, "the index at /index.yaml lists what there is")
	}
	rec, err := s.ensure(r.Context(), name, rec)
	switch {
	case err != nil:
		return err
	case provenance && rec.Provenance == "":
		return chartNotFound(stem+repo.ArchiveExt+" is not signed", "pull it without --verify, or upload its .prov file to /api/prov")
	case provenance:
		return s.send(w, r, content{key: rec.Provenance, kind: "application/pgp-signature", modified: rec.Created})
	}
	return s.sendArchive(w, r, archiveOf{name, rec.Version, "http"},
		content{key: rec.Archive, tag: rec.Digest, size: rec.Size, kind: "application/gzip", modified: rec.Created})
}

// byFile finds the version that a file name without its ending means. Both names
// and versions hold dashes, so every dash is tried; [repo.CheckName] sees to it
// that only one of them fits.
func (s *snapshot) byFile(stem string) (r record, chart string, ok bool) {
	for i, c := range stem {
		if c != '-' {
			continue
		}
		seg := s.find(stem[:i])
		if seg == nil || seg.shard.Chart != stem[:i] {
			continue
		}
		if place, ok := seg.shard.find(stem[i+1:]); ok {
			return seg.shard.Versions[place], seg.shard.Chart, true
		}
	}
	return record{}, "", false
}

type content struct {
	key, kind string
	// tag is the digest of the content, and size its size, when they are known.
	tag      string
	size     int64
	modified time.Time
	// fixed content is another one under another name.
	fixed bool
}

// send serves content with everything that HTTP offers for it: ranges,
// conditions, HEAD. A version cannot change, so it may be kept for a year,
// unless this server lets versions be replaced.
func (s *Server) send(w http.ResponseWriter, r *http.Request, c content) error {
	o, err := s.catalog.store.Open(r.Context(), c.key)
	if errors.Is(err, blob.ErrNotFound) {
		p := chartNotFound("the content of "+r.URL.Path+" is gone from the storage", "its operator must put it back or delete the version")
		p.cause = err
		return p
	}
	if err != nil {
		return readProblem(err)
	}
	defer o.Close()
	if c.size > 0 && o.Size != c.size {
		return &problem{
			Status: http.StatusInternalServerError, Code: "content-damaged",
			Message: fmt.Sprintf("the content of %s is damaged: the storage has %d bytes of %d", r.URL.Path, o.Size, c.size),
			Hint:    "its operator must put it back, or delete the version and publish it again; gantry repo fsck finds all that is damaged",
		}
	}
	h := w.Header()
	h.Set("Content-Type", c.kind)
	h.Set("X-Content-Type-Options", "nosniff")
	if c.tag != "" {
		h.Set("ETag", fmt.Sprintf("%q", c.tag))
	}
	if !c.fixed && (s.options.Overwrite || c.tag == "") {
		h.Set("Cache-Control", s.cacheControl("no-cache"))
	} else {
		h.Set("Cache-Control", s.cacheControl("max-age=31536000, immutable"))
	}
	http.ServeContent(w, r, "", c.modified, o)
	return nil
}
