package server

import (
	"context"
	"errors"
	"io"
	"net/http"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/repo"
)

// Signatures judges who has signed a chart. It is declared here because whose
// keys are trusted is not the repository's affair.
type Signatures interface {
	// Verify says why a signature does not make an archive of this name
	// trustworthy.
	Verify(file string, archive, signature []byte) error
}

// checkSignature refuses what is not signed by a key of the operator's, where
// that is asked for. The archive has passed all limits before, so it may be read
// as a whole.
func (s *Server) checkSignature(ctx context.Context, meta *chart.Metadata, archived io.ReadSeeker, signature []byte) error {
	policy := s.options.Signatures
	if policy == nil {
		return nil
	}
	if signature == nil {
		return &problem{
			Status: http.StatusForbidden, Code: "signature-missing",
			Message: "the repository takes signed charts alone, and " + repo.FileName(meta.Name, meta.Version) + " came without its signature",
			Hint:    "sign it with: gantry chart sign ARCHIVE; then push both: gantry chart push ARCHIVE REPOSITORY",
		}
	}
	err := s.whole(ctx, archived, func(data []byte) error {
		return policy.Verify(repo.FileName(meta.Name, meta.Version), data, signature)
	})
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	return &problem{
		Status: http.StatusForbidden, Code: "signature-untrusted",
		Message: "the repository does not trust the signature of " + repo.FileName(meta.Name, meta.Version) + ": " + err.Error(),
		Hint:    "sign it with a key that the operator of the repository trusts",
	}
}

// checkStoredSignature judges the signature of an archive in the store.
func (s *Server) checkStoredSignature(ctx context.Context, meta *chart.Metadata, key string, text []byte) error {
	if s.options.Signatures == nil {
		return nil
	}
	o, err := s.catalog.store.Open(ctx, key)
	if err != nil {
		return storageProblem(err)
	}
	defer o.Close()
	return s.checkSignature(ctx, meta, o, text)
}

// whole reads an archive into memory, which only a few may do at once.
func (s *Server) whole(ctx context.Context, archived io.ReadSeeker, use func(data []byte) error) error {
	done, err := s.load(ctx)
	if err != nil {
		return receiveProblem(err)
	}
	defer done()
	if _, err := archived.Seek(0, io.SeekStart); err != nil {
		return storageProblem(err)
	}
	data, err := io.ReadAll(archived)
	if err != nil {
		return storageProblem(err)
	}
	return use(data)
}
