package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"gantry/charts/pattern"
	"gantry/repo/blob"
)

// uploadFolder keeps the sessions of uploads in parts: an empty object ID.start,
// and an object ID.OFFSET for each part. So a session is not bound to the server
// that began it, and outlives it.
const uploadFolder = ownFolder + "uploads/"

const (
	startSuffix = ".start"
	// maxParts is how many parts an upload may have. Clients are told how large parts
	// must be for the largest upload; those of others may be smaller.
	maxParts = 1000
	// sessionAge is when a session that nobody has finished is removed.
	sessionAge = 24 * time.Hour
)

var sessionID = pattern.Lazy(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// session is an upload in parts.
type session struct {
	id    string
	parts []blob.Info
	size  int64
}

func (s *Server) ociStartUpload(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	if q.reference != "" {
		return ociProblem(http.StatusMethodNotAllowed, "UNSUPPORTED", "an upload is begun without an id")
	}
	query := r.URL.Query()
	if digest := query.Get("digest"); digest != "" {
		return s.ociTake(w, r, q, digest, nil)
	}
	if mount := query.Get("mount"); mount != "" && checkDigest(mount) == nil {
		// Blobs are kept by digest for all repositories at once.
		if _, err := s.catalog.store.Stat(r.Context(), digestKey(mount)); err == nil {
			created(w, ociPath+q.full+"/blobs/"+mount, mount)
			return nil
		}
	}
	id := uuid.NewString() // which the specification wants in the location of an upload
	if _, err := s.catalog.store.PutIfAbsent(r.Context(), uploadFolder+id+startSuffix, strings.NewReader("")); err != nil {
		return storageProblem(err)
	}
	sessionHeaders(w, q, id, 0)
	w.Header().Set(headerChunk, strconv.FormatInt((s.options.Limits.Archive+maxParts-1)/maxParts, 10))
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func created(w http.ResponseWriter, location, digest string) {
	w.Header().Set("Location", location)
	w.Header().Set(headerDigest, digest)
	w.WriteHeader(http.StatusCreated)
}

// sessionHeaders say where an upload goes on. The range of an empty one is that
// of one byte: the specification has no other way to write it.
func sessionHeaders(w http.ResponseWriter, q ociRequest, id string, size int64) {
	h := w.Header()
	h.Set("Location", ociPath+q.full+"/blobs/uploads/"+id)
	h.Set("Range", fmt.Sprintf("0-%d", max(size-1, 0)))
	h.Set(headerSession, id)
	h.Set("Content-Length", "0")
}

// findSession reads what a session has so far.
func (s *Server) findSession(ctx context.Context, id string) (session, error) {
	unknown := ociProblem(http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "there is no upload "+strconv.Quote(id))
	if !sessionID().MatchString(id) {
		return session{}, unknown
	}
	u := session{id: id}
	begun := false
	for info, err := range s.catalog.store.List(ctx, uploadFolder, uploadFolder+id) {
		if err != nil {
			return u, storageProblem(err)
		}
		suffix, ok := strings.CutPrefix(info.Key, uploadFolder+id)
		if !ok {
			break
		}
		if suffix == startSuffix {
			begun = true
			continue
		}
		u.parts = append(u.parts, info)
		u.size += info.Size
	}
	if !begun {
		return u, unknown
	}
	return u, nil
}

func (s *Server) ociUploadStatus(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	u, err := s.findSession(r.Context(), q.reference)
	if err != nil {
		return err
	}
	sessionHeaders(w, q, u.id, u.size)
	w.Header().Del("Content-Length")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// ociUploadChunk keeps a part. Parts come in order; one that does not begin where
// the last one ended is refused.
func (s *Server) ociUploadChunk(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	u, err := s.findSession(r.Context(), q.reference)
	if err != nil {
		return err
	}
	length, err := u.follows(r)
	if err != nil {
		sessionHeaders(w, q, u.id, u.size)
		return err
	}
	if len(u.parts) >= maxParts {
		return ociProblem(http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Sprintf("an upload has no more than %d parts before its end", maxParts))
	}
	left := s.options.Limits.Archive - u.size
	if err := announced(r, left); err != nil {
		return err
	}
	in, err := s.spoolBlob(w, r, left)
	if err != nil {
		return err
	}
	defer in.close()
	if length >= 0 && in.size != length {
		sessionHeaders(w, q, u.id, u.size)
		return partLength()
	}
	if in.size > 0 {
		key := fmt.Sprintf("%s%s.%020d", uploadFolder, u.id, u.size)
		if _, err := s.catalog.store.PutIfAbsent(r.Context(), key, in.archive); errors.Is(err, blob.ErrExists) {
			return rangeProblem("another part was uploaded meanwhile")
		} else if err != nil {
			return storageProblem(err)
		}
	}
	sessionHeaders(w, q, u.id, u.size+in.size)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func rangeProblem(message string) *problem {
	return ociProblem(http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID", message)
}

func partLength() *problem {
	return ociProblem(http.StatusBadRequest, "SIZE_INVALID", "the part is not as long as its range")
}

// follows says why a part cannot be appended, and how long it is by its range. Without
// one it is as long as it is, and the length is negative.
func (u session) follows(r *http.Request) (length int64, err error) {
	text := r.Header.Get("Content-Range")
	if text == "" {
		return -1, nil
	}
	first, last, ok := strings.Cut(strings.TrimPrefix(text, "bytes="), "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	switch length = to - from + 1; {
	case !ok || err1 != nil || err2 != nil || to < from:
		return 0, rangeProblem(strconv.Quote(text) + " is not a range such as 0-1023")
	case from != u.size:
		return 0, rangeProblem(fmt.Sprintf("the part begins at %d, and the upload is at %d", from, u.size))
	case length <= 0 || r.ContentLength >= 0 && r.ContentLength != length:
		return 0, partLength()
	}
	return length, nil
}

func (s *Server) ociFinishUpload(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	digest := r.URL.Query().Get("digest")
	if digest == "" {
		return ociProblem(http.StatusBadRequest, "DIGEST_INVALID", "the digest of the blob is missing: ?digest=sha256:…")
	}
	u, err := s.findSession(r.Context(), q.reference)
	if err != nil {
		return err
	}
	if _, err := u.follows(r); err != nil {
		sessionHeaders(w, q, u.id, u.size)
		return err
	}
	return s.ociTake(w, r, q, digest, &u)
}

// ociTake stores a blob: the parts of a session, if there is one, and then the
// body.
func (s *Server) ociTake(w http.ResponseWriter, r *http.Request, q ociRequest, digest string, u *session) error {
	if err := checkDigest(digest); err != nil {
		return err
	}
	left := s.options.Limits.Archive
	if u != nil {
		left -= u.size
	}
	if err := announced(r, left); err != nil {
		return err
	}
	body := io.Reader(r.Body)
	if u != nil {
		parts := &partsReader{ctx: r.Context, store: s.catalog.store, parts: u.parts}
		defer parts.close()
		body = io.MultiReader(parts, r.Body)
	}
	r.Body = io.NopCloser(body)
	in, err := s.spoolBlob(w, r, s.options.Limits.Archive)
	if err != nil {
		return err
	}
	defer in.close()
	if err := in.is(digest); err != nil {
		return err
	}
	if err := s.putBlob(r.Context(), digestKey(digest), in.archive); err != nil {
		return err
	}
	if u != nil {
		s.dropSession(r.Context(), *u)
	}
	created(w, ociPath+q.full+"/blobs/"+digest, digest)
	return nil
}

// is says why content does not have a digest. It stands at its start afterwards.
func (in *incoming) is(digest string) error {
	got := sha256Prefix + in.digest
	if !strings.HasPrefix(digest, sha256Prefix) {
		var err error
		if got, err = digestLike(digest, in.archive); err == nil {
			_, err = in.archive.Seek(0, io.SeekStart)
		}
		if err != nil {
			return storageProblem(err)
		}
	}
	if got != digest {
		return ociProblem(http.StatusBadRequest, "DIGEST_INVALID", "the content is "+got+", and was said to be "+digest)
	}
	return nil
}

// spoolBlob reads a body to its end.
func (s *Server) spoolBlob(w http.ResponseWriter, r *http.Request, limit int64) (*incoming, error) {
	in := &incoming{}
	if err := s.spool(in, http.MaxBytesReader(w, r.Body, limit)); err != nil {
		in.close()
		return nil, receiveProblem(err)
	}
	return in, nil
}

func (s *Server) ociCancelUpload(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	u, err := s.findSession(r.Context(), q.reference)
	if err != nil {
		return err
	}
	s.dropSession(r.Context(), u)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// dropSession removes the parts of a session. Those that stay are removed when
// they are old.
func (s *Server) dropSession(ctx context.Context, u session) {
	_ = s.catalog.store.Delete(ctx, uploadFolder+u.id+startSuffix)
	for _, part := range u.parts {
		_ = s.catalog.store.Delete(ctx, part.Key)
	}
}

// sweepSessions removes the parts of uploads that nobody will finish.
func (s *Server) sweepSessions(ctx context.Context) error {
	for info, err := range s.catalog.store.List(ctx, uploadFolder, "") {
		if err != nil {
			return err
		}
		if !info.ModTime.IsZero() && s.options.Now().Sub(info.ModTime) > sessionAge {
			if err := s.catalog.store.Delete(ctx, info.Key); err != nil && !isReadOnly(err) {
				return err
			}
		}
	}
	return nil
}

// partsReader reads the parts of a session one after another.
type partsReader struct {
	ctx   func() context.Context
	store blob.Store
	parts []blob.Info
	open  io.ReadCloser
}

func (p *partsReader) Read(buf []byte) (int, error) {
	for {
		if p.open == nil {
			if len(p.parts) == 0 {
				return 0, io.EOF
			}
			o, err := p.store.Open(p.ctx(), p.parts[0].Key)
			if err != nil {
				return 0, storageProblem(err)
			}
			p.open, p.parts = o, p.parts[1:]
		}
		n, err := p.open.Read(buf)
		if errors.Is(err, io.EOF) {
			p.close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

func (p *partsReader) close() {
	if p.open != nil {
		_ = p.open.Close() // it was only read
		p.open = nil
	}
}
