package rules

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// findOwn names the services that are the application itself, and not what it needs to
// run: those that are built, or else those that are nothing that every project has, or
// else those that look at others or stand before them.
func (a *app) findOwn(units []*unit) {
	nearest := distance(nil)
	for _, u := range units {
		nearest = min(nearest, distance(u))
	}
	for _, u := range units {
		if distance(u) == nearest {
			a.out.Own = append(a.out.Own, u.name)
		}
	}
}

// distance is how far a service is from what the application itself is; none is the
// farthest. A project that is called as an image is about that.
func distance(u *unit) int {
	switch {
	case u == nil:
		return 3
	case imageName(u.in.Image) == u.project.Name:
		return 1
	case isDatastore(u.given()), keepsDatabase(u.in):
		return 3
	case isHelper(u.given()):
		return 2
	case u.in.Build == nil:
		return 1
	default:
		return 0
	}
}

// given is what the image of a service is called, or the service where it is only built.
func (u *unit) given() string { return cmp.Or(u.in.Image, u.name) }

// keepsDatabase reports whether a service keeps its state where a datastore does.
func keepsDatabase(in *types.ServiceConfig) bool {
	return slices.ContainsFunc(in.Volumes, func(m types.ServiceVolumeConfig) bool { return slices.Contains(dataFolders(), path.Clean(m.Target)) })
}

// helpers are images of proxies, of what watches and of tools, which many applications
// have beside them.
func helpers() []string {
	return []string{
		"nginx", "nginx-unprivileged", "nginx-proxy", "acme-companion", "openresty", "nginx-proxy-manager", "swag", "caddy", "traefik", "haproxy", "envoy", "httpd", "squid",
		"kong", "varnish", "oauth2-proxy", "cloudflared", "certbot", "tailscale", "gluetun", "wireguard", "pgbouncer", "pgcat", "pgpool", "proxysql", "socket-proxy",
		"docker-socket-proxy", "memcached", "dragonfly", "vault", "mailhog", "mailpit", "mailcatcher", "maildev", "smtp4dev", "postfix", "adminer", "phpmyadmin", "pgadmin4",
		"mongo-express", "redis-commander", "redisinsight", "kafka-ui", "akhq", "kafdrop", "cp-schema-registry", "dbgate", "portainer", "portainer-ce", "watchtower", "autoheal",
		"ofelia", "prometheus", "alertmanager", "grafana", "loki", "promtail", "tempo", "alloy", "jaeger", "all-in-one", "opentelemetry-collector",
		"opentelemetry-collector-contrib", "fluentd", "fluent-bit", "vector", "cadvisor", "statsd", "mc", "localstack", "azurite", "wiremock", "selenium", "chrome", "browserless",
		"gotenberg", "tika", "docker", "dind", "alpine", "busybox", "bash", "curl", "debian", "ubuntu", "dockerize", "wait-for-it",
		"eclipse-mosquitto", //nolint:misspell // so the image is called
	}
}

// isHelper reports whether the image is one of a helper, by the last part of its name.
func isHelper(image string) bool {
	name := imageName(image)
	return slices.Contains(helpers(), name) || strings.HasSuffix(name, "-exporter") || strings.HasSuffix(name, "_exporter")
}
