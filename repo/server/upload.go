package server

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/repo"
	"gantry/repo/blob"
)

// incoming is an upload that was read to its end but is not published.
type incoming struct {
	archive    io.ReadSeeker // nil when only a signature was sent
	digest     string
	size       int64
	provenance []byte
	// created is when it was published elsewhere before.
	created time.Time
	// release gives back what the archive takes, and is nil where that is not ours.
	release func()
}

func (in *incoming) close() {
	if in.release != nil {
		in.release()
		in.release = nil
	}
}

// formOverhead is what a multipart form adds to its parts.
const formOverhead = 64 << 10

// upload publishes a version: the archive as the body, or a form with the fields
// chart and prov. A form with prov alone adds a signature to what is published.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	in, err := s.receive(w, r)
	if err != nil {
		return err
	}
	defer in.close()
	switch {
	case in.archive == nil && in.provenance != nil:
		return s.fresh(func(w http.ResponseWriter, r *http.Request) error { return s.addProvenance(w, r, in.provenance) })(w, r)
	case in.archive == nil:
		return badRequest("chart-missing", "the upload has no chart", "send the archive as the body, or as the field chart of a form")
	}
	meta, err := s.inspectUpload(r.Context(), in.archive, in.size)
	if err != nil {
		return err
	}
	if in.provenance != nil {
		if err := checkProvenance(in.provenance, meta.Name, meta.Version, in.digest); err != nil {
			return badRequest("provenance-invalid", err.Error(), "sign the archive again and upload both files")
		}
	}
	overwrite := s.options.Overwrite && forced(r)
	err = s.authorize(r.Context(), VerbPush, meta.Name)
	if err == nil {
		err = s.checkSignature(r.Context(), meta, in.archive, in.provenance)
	}
	if err == nil {
		err = s.publish(r.Context(), in, meta, overwrite)
	}
	s.audit(r, deed{action: auditPublish, name: meta.Name, version: meta.Version, digest: "sha256:" + in.digest}, err)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/"+s.path+"charts/"+repo.FileName(meta.Name, meta.Version))
	writeJSON(w, http.StatusCreated, map[string]bool{"saved": true})
	return nil
}

// inspectUpload takes what Helm could install: first the archive is read without
// being kept, under all limits; only what passes is loaded as a whole.
func (s *Server) inspectUpload(ctx context.Context, archived io.ReadSeeker, size int64) (*chart.Metadata, error) {
	meta, err := inspect(archived, size, s.options.Limits)
	if err == nil {
		err = repo.CheckVersion(meta.Version)
	}
	if err == nil {
		err = s.loads(ctx, archived)
	}
	switch {
	case err == nil:
		return meta, nil
	case errors.Is(err, errLimit), errors.Is(err, archive.ErrLimit):
		return nil, tooLarge(err.Error())
	case ctx.Err() != nil:
		return nil, receiveProblem(err)
	default:
		return nil, badRequest("chart-invalid", err.Error(), "build the archive with: gantry package FOLDER")
	}
}

// loads reports why a chart cannot be loaded, such as a values.yaml that is no
// YAML. It takes memory, so only a few are loaded at once.
func (s *Server) loads(ctx context.Context, f io.ReadSeeker) error {
	done, err := s.load(ctx)
	if err != nil {
		return err
	}
	defer done()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return storageProblem(err)
	}
	_, err = archive.Unpack(f)
	return err
}

// load waits for a place among the charts that are in memory as a whole.
func (s *Server) load(ctx context.Context) (done func(), err error) {
	select {
	case s.loading <- struct{}{}:
		return func() { <-s.loading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func forced(r *http.Request) bool {
	q := r.URL.Query()
	return q.Has("force") && q.Get("force") != "false"
}

// publish stores the content and then commits it to the record of the chart.
func (s *Server) publish(ctx context.Context, in *incoming, meta *chart.Metadata, overwrite bool) error {
	if err := s.foresee(ctx, meta, in.digest, overwrite); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	r, err := s.storeContent(ctx, in)
	if err != nil {
		return err
	}
	if err := s.describe(&r, meta); err != nil {
		return err
	}
	return s.commitVersion(ctx, meta, r, overwrite)
}

// foresee sees most conflicts before anything is written; the commit decides the
// others. What is remembered may have been deleted by another server since, so a
// conflict must be one with what the store has.
func (s *Server) foresee(ctx context.Context, meta *chart.Metadata, digest string, overwrite bool) error {
	seg := s.catalog.current().find(meta.Name)
	if seg == nil || conflict(seg.shard, meta, digest, overwrite) == nil {
		return nil
	}
	if !seg.unwritten() {
		if err := s.catalog.loadOne(ctx, shardKey(meta.Name)); err != nil {
			return storageProblem(err)
		}
		if seg = s.catalog.current().find(meta.Name); seg == nil {
			return nil
		}
	}
	return conflict(seg.shard, meta, digest, overwrite)
}

// commitVersion makes a version visible whose content is stored. Where the same
// content is published already, what is new beside it is added: a signature, a
// manifest.
func (s *Server) commitVersion(ctx context.Context, meta *chart.Metadata, r record, overwrite bool) error {
	return s.catalog.commit(ctx, meta.Name, func(sh shard) (shard, error) {
		if err := conflict(sh, meta, r.Digest, overwrite); err != nil {
			return sh, err
		}
		sh.Chart = meta.Name
		i, ok := sh.find(r.Version)
		if !ok || sh.Versions[i].Digest != r.Digest {
			return sh.with(r), nil
		}
		have := sh.Versions[i]
		next := have
		if have.remote() {
			next.Size, next.Archive = r.Size, r.Archive
		}
		if r.Provenance != "" {
			next.Provenance = r.Provenance
		}
		if r.Manifest != "" {
			next = next.withManifest(r.Manifest)
		}
		if next.Provenance == have.Provenance && next.Manifest == have.Manifest && !have.remote() {
			return sh, errUnchanged
		}
		return sh.with(next), nil
	})
}

// conflict says why a version cannot be published. The same content once more is
// no conflict: a client that lost the answer may ask again.
func conflict(sh shard, meta *chart.Metadata, digest string, overwrite bool) error {
	if sh.Chart != meta.Name && len(sh.Versions) > 0 {
		return &problem{
			Status: http.StatusConflict, Code: "name-collides",
			Message: fmt.Sprintf("the repository has a chart %q, and %q differs from it in case alone", sh.Chart, meta.Name),
			Hint:    "give one of them another name",
		}
	}
	i, ok := sh.find(meta.Version)
	if !ok || sh.Versions[i].Digest == digest || overwrite {
		return nil
	}
	return &problem{
		Status: http.StatusConflict, Code: "version-exists",
		Message: fmt.Sprintf("%s %s is published with other content (sha256:%s)", meta.Name, meta.Version, sh.Versions[i].Digest),
		Hint:    "publish the change as a new version; a server started with --allow-overwrite takes ?force",
	}
}

// storeContent writes the archive and the signature under their digests. What is
// there already is the same.
func (s *Server) storeContent(ctx context.Context, in *incoming) (record, error) {
	r := record{Digest: in.digest, Size: in.size, Archive: blobKey(in.digest), Created: in.created.UTC()}
	if _, err := in.archive.Seek(0, io.SeekStart); err != nil {
		return record{}, storageProblem(err)
	}
	if err := s.putBlob(ctx, r.Archive, in.archive); err != nil {
		return record{}, err
	}
	if in.provenance == nil {
		return r, nil
	}
	var err error
	r.Provenance, err = s.putProvenance(ctx, in.provenance)
	return r, err
}

func (s *Server) putProvenance(ctx context.Context, text []byte) (key string, err error) {
	sum, err := s.putBytes(ctx, text)
	return blobKey(sum), err
}

// putBytes stores a small content under its digest and returns the digest.
func (s *Server) putBytes(ctx context.Context, data []byte) (sum string, err error) {
	sum = sumOf(data)
	return sum, s.putBlob(ctx, blobKey(sum), bytes.NewReader(data))
}

func sumOf(data []byte) string { return hex.EncodeToString(hashed(string(data))) }

// putBlob stores a content unless it is there.
func (s *Server) putBlob(ctx context.Context, key string, body io.ReadSeeker) error {
	if err := s.keep(ctx, key); err != nil {
		return err
	}
	_, err := s.catalog.store.PutIfAbsent(ctx, key, body)
	if err != nil && !errors.Is(err, blob.ErrExists) {
		return storageProblem(err)
	}
	return nil
}

// describe fills in what the index says of the version.
func (s *Server) describe(r *record, meta *chart.Metadata) error {
	if r.Created.IsZero() {
		r.Created = s.options.Now().UTC()
	}
	r.Version = meta.Version
	entry, err := json.Marshal(&repo.Entry{
		Metadata: *meta,
		URLs:     []string{"charts/" + repo.FileName(meta.Name, meta.Version)},
		Created:  r.Created,
		Digest:   r.Digest,
	})
	r.Entry = entry
	return err
}

// receive reads an upload to its end.
func (s *Server) receive(w http.ResponseWriter, r *http.Request) (*incoming, error) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	isForm := kind == "multipart/form-data"
	limit := s.options.Limits.Archive
	if isForm {
		limit += s.options.Limits.Provenance + formOverhead
	}
	if err := announced(r, limit); err != nil {
		return nil, err
	}
	in := &incoming{}
	var err error
	if isForm {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		err = s.receiveForm(r, in)
	} else {
		err = s.spool(in, r.Body)
	}
	if err != nil {
		in.close()
		return nil, receiveProblem(err)
	}
	return in, nil
}

// announced refuses a body that is too large by its own word, before any of it is
// read.
func announced(r *http.Request, limit int64) error {
	if r.ContentLength > limit {
		return tooLarge(fmt.Sprintf("the upload is %s, and the repository takes %s", diag.Size(r.ContentLength), diag.Size(max(limit, 0))))
	}
	return nil
}

func (s *Server) receiveForm(r *http.Request, in *incoming) error {
	form, err := r.MultipartReader()
	if err != nil {
		return err
	}
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch part.FormName() {
		case "chart":
			err = s.spool(in, part)
		case "prov":
			in.provenance, err = s.readProvenance(part)
		default:
			err = badRequest("field-unknown", fmt.Sprintf("there is no field %q", part.FormName()), "the fields are chart and prov")
		}
		if err != nil {
			return err
		}
	}
}

func (s *Server) readProvenance(body io.Reader) ([]byte, error) {
	limit := s.options.Limits.Provenance
	text, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(text)) > limit {
		return nil, tooLarge("the signature is larger than " + diag.Size(limit))
	}
	return text, err
}

func tooLarge(message string) *problem {
	return &problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too-large", Message: message,
		Hint: "leave out what the chart does not need, with a .helmignore file",
	}
}

// receiveProblem tells a body that is too large or broken off from a disk that
// failed under it.
func receiveProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge("the upload is larger than the repository takes")
	}
	if _, ok := errors.AsType[*os.PathError](err); ok {
		return storageProblem(err)
	}
	p := badRequest("upload-incomplete", "the upload broke off or cannot be read", "nothing was published; upload again")
	p.cause = err
	return p
}

// uploadProvenance adds the signature of a version that is published.
func (s *Server) uploadProvenance(w http.ResponseWriter, r *http.Request) error {
	if err := announced(r, s.options.Limits.Provenance+formOverhead); err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.options.Limits.Provenance+formOverhead)
	text, err := s.receiveProvenance(r)
	if err != nil {
		return receiveProblem(err)
	}
	return s.addProvenance(w, r, text)
}

// addProvenance adds a signature that was received.
func (s *Server) addProvenance(w http.ResponseWriter, r *http.Request, text []byte) error {
	signed, err := readSigned(text)
	if err != nil {
		return err
	}
	// First of all: what there is is told to nobody who may not sign it.
	d := deed{action: auditSign, name: signed.Name, version: signed.Version}
	if err := s.authorize(r.Context(), VerbPush, signed.Name); err != nil {
		s.audit(r, d, err)
		return err
	}
	rec, err := s.signedVersion(signed, text)
	if err != nil {
		return err
	}
	err = s.checkStoredSignature(r.Context(), &chart.Metadata{Name: signed.Name, Version: signed.Version}, rec.Archive, text)
	if err == nil {
		err = s.sign(r.Context(), signed, rec.Digest, text)
	}
	d.digest = sha256Prefix + rec.Digest
	s.audit(r, d, err)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]bool{"saved": true})
	return nil
}

// readSigned reads a signature that comes without its chart.
func readSigned(text []byte) (signedText, error) {
	signed, err := readProvenance(text)
	if err != nil {
		return signed, badRequest("provenance-invalid", err.Error(), "a .prov file is what signing a chart writes")
	}
	if err := errors.Join(repo.CheckName(signed.Name), repo.CheckVersion(signed.Version)); err != nil {
		return signed, badRequest("provenance-invalid", "the signed Chart.yaml: "+err.Error(), "sign an archive that gantry package or helm package has made")
	}
	return signed, nil
}

// signedVersion finds the published version that a signature is for.
func (s *Server) signedVersion(signed signedText, text []byte) (record, error) {
	seg, i, err := lookup(s.catalog.current(), signed.Name, signed.Version)
	if err != nil {
		return record{}, err
	}
	r := seg.shard.Versions[i]
	if err := checkProvenance(text, signed.Name, signed.Version, r.Digest); err != nil {
		return r, badRequest("provenance-invalid", err.Error(), "sign the published archive itself")
	}
	return r, nil
}

// sign adds a signature to the version that it was checked against.
func (s *Server) sign(ctx context.Context, signed signedText, digest string, text []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	key, err := s.putProvenance(ctx, text)
	if err != nil {
		return err
	}
	return s.catalog.commit(ctx, signed.Name, func(sh shard) (shard, error) {
		i, ok := sh.find(signed.Version)
		if !ok || sh.Versions[i].Digest != digest {
			return sh, chartNotFound("the version was removed or replaced meanwhile", "upload the chart and its signature together")
		}
		next := sh.Versions[i]
		if next.Provenance != key {
			// The manifest names the signature; the next one will.
			next = next.withManifest("")
		}
		next.Provenance = key
		return sh.with(next), nil
	})
}

func (s *Server) receiveProvenance(r *http.Request) ([]byte, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return s.readProvenance(r.Body)
	}
	in := &incoming{}
	defer in.close()
	if err := s.receiveForm(r, in); err != nil {
		return nil, err
	}
	if in.provenance == nil {
		return nil, badRequest("provenance-missing", "the form has no field prov", "send the .prov file as the field prov")
	}
	return in.provenance, nil
}
