package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"gantry/charts/diag"
	"gantry/repo/blob"
)

// ociFolder keeps what a registry holds beside charts, a record for each
// repository. A chart that is pushed is a version of the chart and of nothing
// else; its tag follows from the version.
const ociFolder = ownFolder + "oci/"

// maxArtifacts is how many manifests and tags a repository may have beside its
// charts.
const maxArtifacts = 10_000

const (
	// maxAnnotations is how large those of a manifest that refers to another may be, for
	// lists of referrers repeat them, and maxAllAnnotations those of all together.
	maxAnnotations    = 64 << 10
	maxAllAnnotations = 8 << 20
)

// artifacts is the record of one repository: manifests that are not charts, such
// as signatures, and the tags that name them.
type artifacts struct {
	Name      string            `json:"name"`
	Manifests []artifact        `json:"manifests"`
	Tags      map[string]string `json:"tags"`
}

// artifact is a manifest as a list of referrers shows it.
type artifact struct {
	Digest       string            `json:"digest"`
	MediaType    string            `json:"mediaType"`
	Size         int64             `json:"size"`
	Subject      string            `json:"subject,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
	Annotations  map[string]string `json:"annotations,omitempty"`
}

// artifactsKey has no folders in it, so that one list finds all records.
func artifactsKey(name string) string {
	return ociFolder + strings.ReplaceAll(name, "/", "~") + shardExt
}

func repositoryOf(key string) string {
	return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(key, ociFolder), shardExt), "~", "/")
}

// readArtifacts returns the record of a repository and its tag. Where there is
// none both are empty.
func (c *catalog) readArtifacts(ctx context.Context, name string) (artifacts, string, error) {
	data, etag, err := c.store.Get(ctx, artifactsKey(name))
	if errors.Is(err, blob.ErrNotFound) {
		return artifacts{Name: name}, "", nil
	}
	if err != nil {
		return artifacts{}, "", storageProblem(err)
	}
	var a artifacts
	if err := json.Unmarshal(data, &a); err != nil {
		return artifacts{}, "", fmt.Errorf("%s: %w", artifactsKey(name), err)
	}
	return a, etag, nil
}

// changeArtifacts applies a change to the record of a repository, again when
// somebody else has changed it meanwhile.
func (c *catalog) changeArtifacts(ctx context.Context, name string, change func(*artifacts) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	defer c.queue(artifactsKey(name))()
	for {
		a, etag, err := c.readArtifacts(ctx, name)
		if err != nil {
			return err
		}
		if err := change(&a); err != nil {
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		data, err := json.Marshal(a)
		if err != nil {
			return err
		}
		if etag == "" {
			_, err = c.store.PutIfAbsent(ctx, artifactsKey(name), bytes.NewReader(data))
		} else {
			_, err = c.store.PutIfMatch(ctx, artifactsKey(name), etag, bytes.NewReader(data))
		}
		if !errors.Is(err, blob.ErrExists) && !errors.Is(err, blob.ErrMismatch) {
			return err
		}
	}
}

// forgetReferrers takes manifests of a chart that are gone out of the list of what
// refers to others, where most are not.
func (c *catalog) forgetReferrers(ctx context.Context, name string, gone []string) error {
	if len(gone) == 0 {
		return nil
	}
	return c.changeArtifacts(ctx, name, func(a *artifacts) error {
		changed := false
		for _, digest := range gone {
			if _, refers := a.find(digest); refers {
				changed = a.remove(digest) == nil || changed
			}
		}
		if !changed {
			return errUnchanged
		}
		return nil
	})
}

// put adds a manifest, and the tag if there is one.
func (a *artifacts) put(m artifact, tag string) error {
	i := slices.IndexFunc(a.Manifests, func(have artifact) bool { return have.Digest == m.Digest })
	if i >= 0 && (tag == "" || a.Tags[tag] == m.Digest) {
		return errUnchanged
	}
	if len(a.Manifests)+len(a.Tags) >= maxArtifacts {
		return ociProblem(http.StatusInsufficientStorage, "DENIED", fmt.Sprintf("a repository has no more than %d manifests and tags", maxArtifacts))
	}
	if i < 0 {
		size := annotationSize(m.Annotations)
		for _, have := range a.Manifests {
			size += annotationSize(have.Annotations)
		}
		if size > maxAllAnnotations {
			return ociProblem(http.StatusInsufficientStorage, "DENIED", "the annotations of a repository's manifests are no larger than "+diag.Size(maxAllAnnotations))
		}
		a.Manifests = append(a.Manifests, m)
	}
	if tag != "" {
		if a.Tags == nil {
			a.Tags = map[string]string{}
		}
		a.Tags[tag] = m.Digest
	}
	return nil
}

// find returns the manifest that a tag or a digest means.
func (a *artifacts) find(reference string) (artifact, bool) {
	digest, ok := a.Tags[reference]
	if !ok {
		digest = reference
	}
	i := slices.IndexFunc(a.Manifests, func(have artifact) bool { return have.Digest == digest })
	if i < 0 {
		return artifact{}, false
	}
	return a.Manifests[i], true
}

// remove takes out a tag, or a manifest with the tags that name it.
func (a *artifacts) remove(reference string) error {
	if _, ok := a.Tags[reference]; ok {
		delete(a.Tags, reference)
		return nil
	}
	before := len(a.Manifests)
	a.Manifests = slices.DeleteFunc(a.Manifests, func(have artifact) bool { return have.Digest == reference })
	if len(a.Manifests) == before {
		return manifestUnknown(reference)
	}
	maps.DeleteFunc(a.Tags, func(_, digest string) bool { return digest == reference })
	return nil
}

func manifestUnknown(reference string) *problem {
	return ociProblem(http.StatusNotFound, "MANIFEST_UNKNOWN", "there is no manifest "+reference)
}

func annotationSize(annotations map[string]string) int64 {
	size := 0
	for key, value := range annotations {
		size += len(key) + len(value)
	}
	return int64(size)
}

// describeArtifact reads what a list of referrers tells of a manifest.
func describeArtifact(m ocispec.Manifest, mediaType, digest string, size int) artifact {
	a := artifact{
		Digest: digest, MediaType: mediaType, Size: int64(size),
		ArtifactType: m.ArtifactType,
	}
	if a.ArtifactType == "" {
		a.ArtifactType = m.Config.MediaType
	}
	if m.Subject != nil {
		a.Subject, a.Annotations = m.Subject.Digest.String(), m.Annotations
	}
	return a
}
