package cli_test

import (
	"log/slog"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
)

// images starts an image registry, and sets a variable to its address. It has
// the image team/web:1.0, which exposes port 8080, checks its health and runs as
// user 101, and team/postgres:17, which exposes 5432 and declares a volume:
//
//	images REGISTRY
func images(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: images VARIABLE")
	}
	server := httptest.NewServer(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	ts.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for ref, config := range map[string]v1.Config{
		"/team/web:1.0": {
			ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "/ok"}}, User: "101",
		},
		"/team/postgres:17": {
			ExposedPorts: map[string]struct{}{"5432/tcp": {}}, Volumes: map[string]struct{}{"/var/lib/postgresql/data": {}},
		},
	} {
		to, err := name.ParseReference(host + ref)
		ts.Check(err)
		image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: "linux", Architecture: "amd64", Config: config})
		ts.Check(err)
		ts.Check(remote.Write(to, image))
	}
	ts.Setenv(args[0], host)
}
