package server

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// maxPage is how many names a page has at most.
const maxPage = 10_000

// page cuts a sorted list as the client wants it, and says where the next page
// is.
func ociPage(w http.ResponseWriter, r *http.Request, all []string) ([]string, error) {
	query := r.URL.Query()
	n := maxPage
	if text := query.Get("n"); text != "" {
		asked, err := strconv.Atoi(text)
		if err != nil || asked < 0 {
			return nil, ociProblem(http.StatusBadRequest, "UNSUPPORTED", "?n="+text+" is not a number of names")
		}
		n = min(asked, maxPage)
	}
	if last := query.Get("last"); last != "" {
		i, there := slices.BinarySearch(all, last)
		if there {
			i++
		}
		all = all[i:]
	}
	if n > 0 && len(all) > n {
		next := url.Values{"n": {strconv.Itoa(n)}, "last": {all[n-1]}}
		w.Header().Set("Link", "<"+r.URL.Path+"?"+next.Encode()+`>; rel="next"`)
	}
	return append([]string{}, all[:min(n, len(all))]...), nil
}

// ociTags lists the tags of a repository in order: versions of the chart, and
// tags of whatever else is there.
func (s *Server) ociTags(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	a, etag, err := s.catalog.readArtifacts(r.Context(), q.name)
	if err != nil {
		return err
	}
	if etag == "" && !s.hasChart(q.name) {
		return nameUnknown(q.full)
	}
	tags := slices.Collect(maps.Keys(a.Tags))
	if s.hasChart(q.name) {
		for _, version := range s.catalog.current().find(q.name).shard.Versions {
			tags = append(tags, versionTag(version.Version))
		}
	}
	slices.Sort(tags)
	page, err := ociPage(w, r, slices.Compact(tags))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"name": q.full, "tags": page})
	return nil
}

// ociCatalog lists the repositories in order, those of all tenants.
func (s *Server) ociCatalog(w http.ResponseWriter, r *http.Request) error {
	all, err := s.everyTenant(r.Context())
	if err != nil {
		return err
	}
	var names []string
	for _, t := range all {
		if names, err = t.appendOCINames(r.Context(), names); err != nil {
			return err
		}
	}
	slices.Sort(names)
	page, err := ociPage(w, r, slices.Compact(names))
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string][]string{"repositories": page})
	return nil
}

// appendOCINames adds what somebody may read of a repository of charts.
func (s *Server) appendOCINames(ctx context.Context, names []string) ([]string, error) {
	for _, name := range s.shown(ctx).names() {
		if ociName().MatchString(name) {
			names = append(names, s.path+name)
		}
	}
	for info, err := range s.catalog.store.List(ctx, ociFolder, "") {
		if err != nil {
			return nil, storageProblem(err)
		}
		if name := s.path + repositoryOf(info.Key); who(ctx).may(VerbRead, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// ociReferrers lists what refers to a manifest, as an index. That nothing does,
// or that there is no such manifest, is an empty one.
func (s *Server) ociReferrers(w http.ResponseWriter, r *http.Request, q ociRequest) error {
	if err := checkSyntax(q.reference); err != nil {
		return err
	}
	artifactType := r.URL.Query().Get("artifactType")
	descriptors, err := s.referrers(r.Context(), q, artifactType)
	if err != nil {
		return err
	}
	if descriptors, err = referrersPage(w, r, descriptors); err != nil {
		return err
	}
	body, err := json.Marshal(ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: descriptors,
	})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", ocispec.MediaTypeImageIndex)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if artifactType != "" {
		h.Set(headerFilters, "artifactType")
	}
	_, _ = w.Write(body) // a client that is gone needs no answer
	return nil
}

// maxReferrersPage is how large the descriptors of a page are: clients read no more than
// 4 MiB, as of a manifest.
const maxReferrersPage = 2 << 20

// referrersPage cuts a list that is too long for one index, and says where it goes on.
func referrersPage(w http.ResponseWriter, r *http.Request, all []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	slices.SortFunc(all, func(a, b ocispec.Descriptor) int { return strings.Compare(a.Digest.String(), b.Digest.String()) })
	query := r.URL.Query()
	if last := query.Get("last"); last != "" {
		all = slices.DeleteFunc(all, func(d ocispec.Descriptor) bool { return d.Digest.String() <= last })
	}
	size := 0
	for i, d := range all {
		text, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		if size += len(text); i > 0 && size > maxReferrersPage {
			query.Set("last", all[i-1].Digest.String())
			w.Header().Set("Link", "<"+r.URL.Path+"?"+query.Encode()+`>; rel="next"`)
			return all[:i], nil
		}
	}
	return all, nil
}

func (s *Server) referrers(ctx context.Context, q ociRequest, artifactType string) ([]ocispec.Descriptor, error) {
	a, _, err := s.catalog.readArtifacts(ctx, q.name)
	if err != nil {
		return nil, err
	}
	found := []ocispec.Descriptor{}
	for _, m := range a.Manifests {
		if m.Subject != q.reference || artifactType != "" && m.ArtifactType != artifactType {
			continue
		}
		found = append(found, ocispec.Descriptor{
			MediaType: m.MediaType, Digest: digest.Digest(m.Digest), Size: m.Size,
			ArtifactType: m.ArtifactType, Annotations: m.Annotations,
		})
	}
	return found, nil
}
