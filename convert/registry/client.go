package registry

import (
	"cmp"
	"context"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"gantry/charts/pattern"
	"gantry/convert/rules"
)

const (
	// DefaultTimeout is how long a registry may take to tell of one image.
	DefaultTimeout = 30 * time.Second
	// workers is how many images are asked about at once.
	workers = 8
	// maxResponse is the most that a registry may send at once. Manifests and
	// configurations have some kilobytes.
	maxResponse = 4 << 20
	// maxFacts is how many ports or volumes of an image are read.
	maxFacts = 1000
)

// Client asks registries about images. It asks about each image once.
type Client struct {
	// Pin asks for digests, and Inspect for what an image exposes and runs.
	Pin, Inspect bool
	// Timeout is how long to wait for each image; default [DefaultTimeout].
	Timeout time.Duration
	// Keychain has the credentials; default: those of docker.
	Keychain authn.Keychain
	// CertsDir has a folder for each registry with an authority of its own;
	// default: docker's, /etc/docker/certs.d.
	CertsDir string
	// UserAgent is what requests are signed with.
	UserAgent string
	// Progress is told how many of the images are done; default: nobody is.
	Progress func(done, total int)

	known map[string]rules.Image
}

// LookUp asks about images, several at once, and returns an answer for each. It
// is not to be called twice at a time.
func (c *Client) LookUp(ctx context.Context, refs []string) map[string]rules.Image {
	if c.known == nil {
		c.known = map[string]rules.Image{}
	}
	ask := slices.DeleteFunc(slices.Clone(refs), func(ref string) bool { _, known := c.known[ref]; return known })
	keychain := c.Keychain
	if keychain == nil {
		keychain = authn.DefaultKeychain
	}
	options := []remote.Option{
		remote.WithAuthFromKeychain(keychain),
		remote.WithTransport(newTransport(cmp.Or(c.CertsDir, defaultCertsDir))),
		remote.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"}),
		remote.WithUserAgent(c.UserAgent),
		remote.WithRetryStatusCodes(http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout),
	}
	var (
		mu    sync.Mutex
		group errgroup.Group
		done  int
	)
	group.SetLimit(workers)
	for _, ref := range ask {
		group.Go(func() error {
			image := c.ask(ctx, ref, options)
			mu.Lock()
			defer mu.Unlock()
			c.known[ref] = image
			done++
			if c.Progress != nil {
				c.Progress(done, len(ask))
			}
			return nil
		})
	}
	_ = group.Wait() // each answer says itself what went wrong
	answers := make(map[string]rules.Image, len(refs))
	for _, ref := range refs {
		answers[ref] = c.known[ref]
	}
	return answers
}

// ask asks about one image.
func (c *Client) ask(ctx context.Context, text string, options []remote.Option) rules.Image {
	ref, err := name.ParseReference(text)
	if err != nil {
		return rules.Image{Failure: &rules.ImageFailure{
			Code: rules.CodeImageName, Summary: "has a name that no registry knows", Hint: "write [REGISTRY/]NAME[:TAG]",
		}}
	}
	timeout := cmp.Or(c.Timeout, DefaultTimeout)
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	options = append(slices.Clip(options), remote.WithContext(ctx))
	image, err := c.fetch(ref, options)
	if err != nil {
		return rules.Image{Failure: failure(ref.Context().RegistryStr(), err, timeout)}
	}
	return image
}

// fetch reads what was asked for. The digest alone takes one request, which
// public registries do not count.
func (c *Client) fetch(ref name.Reference, options []remote.Option) (rules.Image, error) {
	if !c.Inspect {
		if head, err := remote.Head(ref, options...); err == nil {
			return rules.Image{Digest: head.Digest.String()}, nil
		} // some registries do not answer to HEAD, and none says why
	}
	found, err := remote.Get(ref, options...)
	if err != nil {
		return rules.Image{}, err
	}
	var image rules.Image
	if c.Inspect {
		if image, err = inspect(found); err != nil {
			return rules.Image{}, err
		}
	}
	if c.Pin {
		image.Digest = found.Digest.String()
	}
	return image, nil
}

// inspect reads the configuration of an image. Of an image for several platforms
// it is that for linux/amd64, or else the first for Linux: what is read here
// rarely depends on the platform.
func inspect(found *remote.Descriptor) (rules.Image, error) {
	image, err := found.Image()
	if err != nil && found.MediaType.IsIndex() {
		image, err = anyLinux(found, err)
	}
	if err != nil {
		return rules.Image{}, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return rules.Image{}, err
	}
	c := file.Config
	return rules.Image{
		Ports: ports(c.ExposedPorts), Volumes: volumes(c.Volumes), User: c.User,
		Entrypoint: c.Entrypoint, Command: c.Cmd, HealthCheck: healthCheck(c.Healthcheck),
	}, nil
}

func anyLinux(found *remote.Descriptor, otherwise error) (v1.Image, error) {
	index, err := found.ImageIndex()
	if err != nil {
		return nil, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.MediaType.IsImage() && m.Platform != nil && m.Platform.OS == "linux" {
			return index.Image(m.Digest)
		}
	}
	return nil, otherwise
}

// sorted returns the members of a set in order, up to the limit.
func sorted(set map[string]struct{}) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names[:min(len(names), maxFacts)]
}

// exposed is a port of an image: a number and its protocol.
var exposed = pattern.Lazy(`^([1-9][0-9]{0,4})(?:/(tcp|udp|sctp))?$`)

// ports writes exposed ports as Compose does: without the protocol that is meant
// anyway. What is no port is left out: nothing that an image says may make a
// conversion fail.
func ports(set map[string]struct{}) []string {
	var out []string
	for _, port := range sorted(set) {
		parts := exposed().FindStringSubmatch(port)
		if parts == nil {
			continue
		}
		if n, err := strconv.ParseUint(parts[1], 10, 16); err == nil && n > 0 {
			out = append(out, strings.TrimSuffix(port, "/tcp"))
		}
	}
	return out
}

// folder is a path that a volume can be mounted at.
var folder = pattern.Lazy(`^(/[A-Za-z0-9._@+-]+)+/?$`)

// volumes are the folders that an image declares, but for what is none.
func volumes(set map[string]struct{}) []string {
	var out []string
	for _, name := range sorted(set) {
		if clean := path.Clean(name); folder().MatchString(name) && !slices.Contains(out, clean) && clean != "/" {
			out = append(out, clean)
		}
	}
	return out
}

// healthCheck returns the health check of an image as Compose has it. Kubernetes
// counts whole seconds.
func healthCheck(h *v1.HealthConfig) *types.HealthCheckConfig {
	if h == nil || len(h.Test) == 0 || h.Test[0] == "NONE" {
		return nil
	}
	check := &types.HealthCheckConfig{
		Test: h.Test, Interval: duration(h.Interval), Timeout: duration(h.Timeout), StartPeriod: duration(h.StartPeriod),
	}
	if h.Retries > 0 {
		check.Retries = new(uint64(h.Retries))
	}
	return check
}

func duration(d time.Duration) *types.Duration {
	if d <= 0 {
		return nil
	}
	return new(types.Duration((d + time.Second - 1).Truncate(time.Second)))
}
