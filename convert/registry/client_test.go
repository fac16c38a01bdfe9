package registry_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	served "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gantry/convert/registry"
	"gantry/convert/rules"
)

// config is what the images of the tests say of themselves.
func config() v1.Config {
	return v1.Config{
		ExposedPorts: map[string]struct{}{"8080/tcp": {}, "53/udp": {}}, Volumes: map[string]struct{}{"/var/lib/b": {}, "/var/lib/a": {}},
		User: "999:998", Entrypoint: []string{"/entry"}, Cmd: []string{"serve"},
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/ok"}, Interval: 1500 * time.Millisecond, Retries: 5},
	}
}

func wantFacts() rules.Image {
	return rules.Image{
		Ports: []string{"53/udp", "8080"}, Volumes: []string{"/var/lib/a", "/var/lib/b"}, User: "999:998",
		Entrypoint: []string{"/entry"}, Command: []string{"serve"},
		HealthCheck: &types.HealthCheckConfig{Test: []string{"CMD", "/ok"}, Interval: new(types.Duration(2 * time.Second)), Retries: new(uint64(5))},
	}
}

// randomImage returns an image for a platform.
func randomImage(t *testing.T, c v1.Config, architecture string) v1.Image {
	t.Helper()
	image, err := random.Image(64, 1)
	if err != nil {
		t.Fatal(err)
	}
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: "linux", Architecture: architecture, Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// serve starts a registry and returns its address.
func serve(t *testing.T, wrap func(http.Handler) http.Handler) string {
	t.Helper()
	server := httptest.NewServer(wrap(served.New(served.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)))))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func plainly(h http.Handler) http.Handler { return h }

// push stores an image or an index and returns its digest.
func push(t *testing.T, ref string, content remote.Taggable, options ...remote.Option) string {
	t.Helper()
	to, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	switch c := content.(type) {
	case v1.Image:
		err = remote.Write(to, c, options...)
	case v1.ImageIndex:
		err = remote.WriteIndex(to, c, options...)
	}
	if err != nil {
		t.Fatal(err)
	}
	head, err := remote.Head(to, options...)
	if err != nil {
		t.Fatal(err)
	}
	return head.Digest.String()
}

func TestFactsAndDigests(t *testing.T) {
	host := serve(t, plainly)
	single, several, other := host+"/team/single:1", host+"/several", host+"/other:1"
	digests := map[string]string{
		single:  push(t, single, randomImage(t, config(), "amd64")),
		several: push(t, several, indexOf(t, "arm64", "amd64")),
		other:   push(t, other, indexOf(t, "riscv64")),
	}
	for ref, digest := range digests {
		c := &registry.Client{Pin: true}
		if diff := cmp.Diff(rules.Image{Digest: digest}, c.LookUp(t.Context(), []string{ref})[ref]); diff != "" {
			t.Errorf("%s, pinned (-want +got):\n%s", ref, diff)
		}
		c = &registry.Client{Inspect: true}
		if diff := cmp.Diff(wantFacts(), c.LookUp(t.Context(), []string{ref})[ref]); diff != "" {
			t.Errorf("%s, inspected (-want +got):\n%s", ref, diff)
		}
		c = &registry.Client{Pin: true, Inspect: true}
		want := wantFacts()
		want.Digest = digest
		if diff := cmp.Diff(want, c.LookUp(t.Context(), []string{ref})[ref]); diff != "" {
			t.Errorf("%s, both (-want +got):\n%s", ref, diff)
		}
	}
}

// TestNonsense reads an image that says what no image can mean.
func TestNonsense(t *testing.T) {
	host := serve(t, plainly)
	ref := host + "/odd:1"
	push(t, ref, randomImage(t, v1.Config{
		ExposedPorts: map[string]struct{}{"": {}, "0": {}, "65536/tcp": {}, "80-90": {}, "a/tcp": {}, "70/icmp": {}, "65535/sctp": {}, "-1": {}},
		Volumes:      map[string]struct{}{"": {}, "/": {}, "a": {}, "/a:b": {}, "/../..": {}, "/a/": {}, "/a": {}, "/b c": {}, "//": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"NONE"}},
	}, "amd64"))
	c := &registry.Client{Inspect: true}
	want := rules.Image{Ports: []string{"65535/sctp"}, Volumes: []string{"/a"}}
	if diff := cmp.Diff(want, c.LookUp(t.Context(), []string{ref})[ref]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// indexOf is an image for several platforms. Only that of linux/amd64, or else
// the first, says something of itself.
func indexOf(t *testing.T, architectures ...string) v1.ImageIndex {
	t.Helper()
	var index v1.ImageIndex = empty.Index
	for i, a := range architectures {
		c := v1.Config{}
		if a == "amd64" || len(architectures) == 1 && i == 0 {
			c = config()
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: randomImage(t, c, a), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: a}},
		})
	}
	return index
}

// TestWithoutHead asks a registry that answers to GET only.
func TestWithoutHead(t *testing.T) {
	var refuse atomic.Bool
	host := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if refuse.Load() && r.Method == http.MethodHead {
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	ref := host + "/app:1"
	digest := push(t, ref, randomImage(t, config(), "amd64"))
	refuse.Store(true)
	c := &registry.Client{Pin: true}
	if got := c.LookUp(t.Context(), []string{ref})[ref]; got.Digest != digest {
		t.Errorf("got %+v, want the digest %s", got, digest)
	}
}

// TestEachImageOnce asks for many images, twice.
func TestEachImageOnce(t *testing.T) {
	var asked atomic.Int32
	host := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodHead && strings.Contains(r.URL.Path, "/manifests/") {
				asked.Add(1)
			}
			h.ServeHTTP(w, r)
		})
	})
	image := randomImage(t, config(), "amd64")
	var refs []string
	for i := range 20 {
		refs = append(refs, fmt.Sprintf("%s/app:%d", host, i))
		push(t, refs[i], image)
	}
	asked.Store(0)
	last := 0
	c := &registry.Client{Pin: true, Progress: func(done, total int) {
		if done != last+1 || total != len(refs) {
			t.Errorf("told of %d of %d after %d of %d", done, total, last, len(refs))
		}
		last = done
	}}
	for range 2 {
		for ref, image := range c.LookUp(t.Context(), refs) {
			if image.Digest == "" {
				t.Errorf("%s has no digest: %+v", ref, image.Failure)
			}
		}
	}
	if n := int(asked.Load()); n != len(refs) || last != len(refs) {
		t.Errorf("asked %d times and told of %d, want %d", n, last, len(refs))
	}
}

func TestCredentials(t *testing.T) {
	var locked atomic.Bool
	host := serve(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); locked.Load() && (user != "me" || password != "geheim") {
				w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	ref := host + "/app:1"
	digest := push(t, ref, randomImage(t, config(), "amd64"))
	locked.Store(true)
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	c := &registry.Client{Pin: true}
	got := c.LookUp(t.Context(), []string{ref})[ref]
	if got.Failure == nil || got.Failure.Code != rules.CodeImageDenied || got.Failure.Hint != "docker login "+host {
		t.Errorf("without credentials: %+v", got.Failure)
	}
	auth := fmt.Sprintf(`{"auths":{%q:{"username":"me","password":"geheim"}}}`, host)
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(auth), 0o600); err != nil {
		t.Fatal(err)
	}
	c = &registry.Client{Pin: true}
	if got := c.LookUp(t.Context(), []string{ref})[ref]; got.Digest != digest {
		t.Errorf("with docker's credentials: %+v", got.Failure)
	}
}

// TestPrivateAuthority asks a registry with a certificate of its own.
func TestPrivateAuthority(t *testing.T) {
	server := httptest.NewUnstartedServer(served.New(served.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.StartTLS()
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "https://")
	ref := host + "/app:1"
	digest := push(t, ref, randomImage(t, config(), "amd64"), remote.WithTransport(server.Client().Transport))
	certs := t.TempDir()
	if err := os.Mkdir(filepath.Join(certs, host), 0o700); err != nil {
		t.Fatal(err)
	}
	c := &registry.Client{Pin: true, CertsDir: certs, Keychain: authn.NewMultiKeychain()}
	if got := c.LookUp(t.Context(), []string{ref})[ref]; got.Failure == nil {
		t.Errorf("the certificate was trusted: %+v", got)
	}
	file := filepath.Join(certs, host, "ca.crt")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	c = &registry.Client{Pin: true, CertsDir: certs, Keychain: authn.NewMultiKeychain()}
	if got := c.LookUp(t.Context(), []string{ref})[ref]; got.Digest != digest {
		t.Errorf("the certificate was not trusted: %+v", got.Failure)
	}
	if err := os.WriteFile(file, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	c = &registry.Client{Pin: true, CertsDir: certs, Keychain: authn.NewMultiKeychain()}
	if got := c.LookUp(t.Context(), []string{ref})[ref]; got.Failure == nil || !strings.Contains(got.Failure.Summary, "is no certificate") {
		t.Errorf("nonsense was read as a certificate: %+v", got)
	}
}

func TestFailures(t *testing.T) {
	answers := func(status int, body string) string {
		return serve(t, func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/v2/" {
					return
				}
				w.WriteHeader(status)
				_, _ = io.WriteString(w, body)
			})
		})
	}
	hangs := serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	})
	closed, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, ref, code, summary string }{
		{"no such image", serve(t, plainly) + "/app:1", rules.CodeImageNotFound, "is not at 127.0.0.1"},
		{"forbidden", answers(http.StatusForbidden, "") + "/app:1", rules.CodeImageDenied, "shows it to others only"},
		{"too many", answers(http.StatusTooManyRequests, "") + "/app:1", rules.CodeImageUnreachable, "too many requests"},
		{"teapot", answers(http.StatusTeapot, "") + "/app:1", rules.CodeImageUnreachable, "answered 418"},
		{"hangs", hangs + "/app:1", rules.CodeImageUnreachable, "did not answer within 200ms"},
		{"closed", closed.Addr().String() + "/app:1", rules.CodeImageUnreachable, "connection refused"},
		{"endless", answers(http.StatusOK, strings.Repeat("x", 5<<20)) + "/app:1", rules.CodeImageUnreachable, "too large"},
		{"nonsense", answers(http.StatusOK, "{}") + "/app:1", rules.CodeImageUnreachable, "could not be looked up"},
		{"no name", "Not An Image", rules.CodeImageName, "no registry knows"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &registry.Client{Pin: true, Inspect: true, Keychain: authn.NewMultiKeychain()}
			if test.ref == hangs+"/app:1" {
				c.Timeout = 200 * time.Millisecond // the others answer, however busy the machine is
			}
			got := c.LookUp(t.Context(), []string{test.ref})[test.ref].Failure
			if got == nil || got.Code != test.code || !strings.Contains(got.Summary, test.summary) || got.Hint == "" {
				t.Errorf("got %+v, want %s: …%s…", got, test.code, test.summary)
			}
		})
	}
}

// TestPlainHTTPStaysHere follows a registry that redirects to plain HTTP.
func TestPlainHTTPStaysHere(t *testing.T) {
	host := serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v2/" {
				http.Redirect(w, r, "http://registry.invalid"+r.URL.Path, http.StatusTemporaryRedirect)
			}
		})
	})
	ref := host + "/app:1"
	c := &registry.Client{Pin: true, Inspect: true, Keychain: authn.NewMultiKeychain()}
	if got := c.LookUp(t.Context(), []string{ref})[ref].Failure; got == nil || !strings.Contains(got.Summary, "plain HTTP") {
		t.Errorf("got %+v", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := &registry.Client{Pin: true}
	if got := c.LookUp(ctx, []string{"127.0.0.1:1/app"})["127.0.0.1:1/app"]; got.Failure == nil {
		t.Errorf("got %+v after the context has ended", got)
	}
}
