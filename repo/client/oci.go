package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"

	"gantry/repo"
)

// The media types under which Helm keeps charts in a registry.
const (
	chartLayer      = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	provenanceLayer = "application/vnd.cncf.helm.chart.provenance.v1.prov"
)

// maxManifest bounds a manifest; registries refuse larger ones.
const maxManifest = 4 << 20

// artifact is a chart in a registry, found but not fetched.
type artifact struct {
	repository *remote.Repository
	layer      ocispec.Descriptor
	provenance *ocispec.Descriptor
}

func (c *Client) ociRepository(ref string) (*remote.Repository, registry.Reference, error) {
	parsed, err := registry.ParseReference(strings.TrimPrefix(ref, "oci://"))
	if err != nil {
		return nil, parsed, &ReferenceError{ref}
	}
	store, err := c.credentials()
	if err != nil {
		return nil, parsed, err
	}
	r := &remote.Repository{Reference: parsed, PlainHTTP: c.plainHTTP}
	client := &auth.Client{Client: c.registryHTTP(retry.NewTransport(c.registries)), Cache: auth.NewCache(), Credential: credentials.Credential(store)}
	client.SetUserAgent(c.userAgent)
	r.Client = client
	return r, parsed, nil
}

// findOCI finds a chart in a registry. A tag or a digest in the reference means
// exactly that; otherwise the constraint chooses among the tags.
func (c *Client) findOCI(ctx context.Context, ref, constraint string) (Chart, error) {
	r, parsed, err := c.ociRepository(ref)
	if err != nil {
		return Chart{}, err
	}
	name := chartName(parsed)
	tag := parsed.Reference
	if tag == "" {
		if tag, err = c.chooseTag(ctx, r, name, constraint); err != nil {
			return Chart{}, err
		}
	} else if constraint != "" && !strings.Contains(tag, ":") && versionOf(tag) != constraint {
		return Chart{}, fmt.Errorf("%s names version %s, and version %s was asked for", ref, versionOf(tag), constraint)
	}
	manifest, err := c.manifest(ctx, r, tag)
	if err != nil {
		return Chart{}, ociError(err, r, name, versionOf(tag))
	}
	found := findLayers(manifest)
	found.repository = r
	if found.layer.Digest == "" {
		return Chart{}, fmt.Errorf("%s is not a Helm chart: its layers have other types", ref)
	}
	if found.layer.Digest.Algorithm() != "sha256" || found.layer.Digest.Validate() != nil {
		return Chart{}, fmt.Errorf("%s has a digest that is not known: %q", ref, found.layer.Digest)
	}
	version := versionOf(tag)
	if said := manifest.Annotations[ocispec.AnnotationVersion]; repo.CheckVersion(version) != nil && repo.CheckVersion(said) == nil {
		version = said // of a digest, or of a tag such as latest
	}
	return Chart{Name: name, Version: version, Digest: found.layer.Digest.Encoded(), URL: "oci://" + parsed.String(), oci: found}, nil
}

// chartName is what the chart in a repository of a registry is called.
func chartName(ref registry.Reference) string { return path.Base(ref.Repository) }

// versionOf undoes what Helm does to a version to make it a tag.
func versionOf(tag string) string { return strings.ReplaceAll(tag, "_", "+") }

func tagOf(version string) string { return strings.ReplaceAll(version, "+", "_") }

func (c *Client) chooseTag(ctx context.Context, r *remote.Repository, name, constraint string) (string, error) {
	versions, err := tagsOf(ctx, r)
	if err != nil {
		return "", ociError(err, r, name, constraint)
	}
	i, err := repo.Choose(versions, constraint)
	if err != nil {
		return "", err
	}
	if i < 0 {
		return "", &repo.UnknownVersionError{
			Name: name, Constraint: constraint,
			Newest:          versions[:min(5, len(versions))],
			OnlyPreReleases: constraint == "" && len(versions) > 0,
		}
	}
	return tagOf(versions[i]), nil
}

// tagsOf returns the tags that are versions, newest first.
func tagsOf(ctx context.Context, r *remote.Repository) ([]string, error) {
	r.TagListMaxPages = maxTagPages
	var versions []string
	err := r.Tags(ctx, "", func(tags []string) error {
		for _, tag := range tags {
			if repo.CheckVersion(versionOf(tag)) == nil {
				versions = append(versions, versionOf(tag))
			}
		}
		if len(versions) > maxTags {
			return fmt.Errorf("%w: more than %d tags", ErrTooLarge, maxTags)
		}
		return nil
	})
	slices.SortFunc(versions, func(a, b string) int { return repo.CompareVersions(b, a) })
	return slices.Compact(versions), err
}

func (c *Client) manifest(ctx context.Context, r *remote.Repository, tag string) (*ocispec.Manifest, error) {
	desc, body, err := r.Manifests().FetchReference(ctx, tag)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	if desc.Size > maxManifest {
		return nil, fmt.Errorf("the manifest: %w", ErrTooLarge)
	}
	data, err := content.ReadAll(body, desc)
	if err != nil {
		return nil, err
	}
	m := &ocispec.Manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fmt.Errorf("the manifest: %w", err)
	}
	return m, nil
}

// downloadOCI fetches the archive of a chart as any other: a layer has a URL.
func (c *Client) downloadOCI(ctx context.Context, chart Chart, target string) error {
	r := chart.oci.repository
	s, err := c.registrySession(r)
	if err != nil {
		return err
	}
	chart.URL = s.repo.URL + "/blobs/" + chart.oci.layer.Digest.String()
	return s.download(auth.AppendRepositoryScope(ctx, r.Reference, auth.ActionPull), chart, target)
}

// registrySession is a session with a repository of a registry, which logs in as
// the registry's client does, and tries again as sessions do.
func (c *Client) registrySession(r *remote.Repository) (*session, error) {
	known, ok := r.Client.(*auth.Client)
	if !ok {
		return nil, errors.New("the registry has a client that is not known")
	}
	scheme := "https"
	if r.PlainHTTP {
		scheme = "http"
	}
	direct := *known
	direct.Client = c.registryHTTP(c.registries)
	return &session{
		client: c, http: &direct,
		repo: Repository{URL: scheme + "://" + r.Reference.Host() + "/v2/" + r.Reference.Repository},
	}, nil
}

// registryHTTP is the HTTP client for registries. Whom passwords go to is the affair of
// the client above it, which leaves them out when another origin is asked.
func (c *Client) registryHTTP(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: checkDowngrade}
}

func (c *Client) provenanceOCI(ctx context.Context, chart Chart, archive string) (string, error) {
	layer := chart.oci.provenance
	if layer == nil {
		return "", &StatusError{Method: http.MethodGet, URL: chart.URL, Status: http.StatusNotFound, Message: "the chart is not signed"}
	}
	if layer.Size > maxProvenance {
		return "", fmt.Errorf("the signature: %w", ErrTooLarge)
	}
	text, err := content.FetchAll(ctx, chart.oci.repository.Blobs(), *layer)
	if err != nil {
		return "", ociError(err, chart.oci.repository, chart.Name, chart.Version)
	}
	return archive + ".prov", writeFile(archive+".prov", text, 0o644)
}

// ociError turns what the registry's client says into the errors of this
// package.
func ociError(err error, r *remote.Repository, name, version string) error {
	where := "oci://" + r.Reference.Registry + "/" + r.Reference.Repository
	if e := refusal(err, where); e != nil {
		return e
	}
	if errors.Is(err, errdef.ErrNotFound) {
		return fmt.Errorf("%s: %w", where, &repo.UnknownVersionError{Name: name, Constraint: version})
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return &UnreachableError{Method: http.MethodGet, URL: where, Err: err}
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return &UnreachableError{Method: http.MethodGet, URL: where, Err: err}
	}
	return fmt.Errorf("%s: %w", where, err)
}

// refusal is what a registry, or who hands out its tokens, has against a request; it is
// nil where an error is about something else.
func refusal(err error, where string) *StatusError {
	if answer, ok := errors.AsType[*errcode.ErrorResponse](err); ok {
		e := &StatusError{Method: answer.Method, URL: answer.URL.Redacted(), Status: answer.StatusCode}
		if len(answer.Errors) > 0 {
			e.Code, e.Message = printable(answer.Errors[0].Code), printable(answer.Errors[0].Message)
		}
		return e
	}
	if errors.Is(err, auth.ErrBasicCredentialNotFound) {
		// It asked for a password, and there is none to be sent.
		return &StatusError{Method: http.MethodGet, URL: where, Status: http.StatusUnauthorized}
	}
	return nil
}
