package rules

import "testing"

func TestLabelRoute(t *testing.T) {
	for _, c := range []struct {
		name        string
		labels      map[string]string
		label, want string
	}{
		{"none", map[string]string{"traefik.enable": "true", "com.example": "x"}, "", "host: HOST"},
		{
			"a rule with a path and a port",
			map[string]string{
				"traefik.http.routers.a.entrypoints": "websecure", "traefik.http.routers.a.rule": "Host(`a.example.org`) && PathPrefix(`/api`)",
				"traefik.http.services.a.loadbalancer.server.port": "3000",
			},
			"traefik.http.routers.a.rule", "host: a.example.org, path: /api, port: 3000",
		},
		{
			"several hosts, the first router alone",
			map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.org`, `b.example.org`)", "traefik.http.routers.b.rule": "Host(`c.example.org`)"},
			"traefik.http.routers.a.rule", "hosts: [a.example.org, b.example.org]",
		},
		{"no host that an Ingress could have", map[string]string{"traefik.http.routers.a.rule": "HostRegexp(`.+`)"}, "traefik.http.routers.a.rule", "host: HOST"},
		{"caddy", map[string]string{"caddy": "a.example.org, b.example.org"}, "caddy", "hosts: [a.example.org, b.example.org]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			route, label := labelRoute(c.labels)
			if want := "give the service an Ingress: x-kubernetes: {ingress: {" + c.want + "}}"; label != c.label || route.hint() != want {
				t.Errorf("got %q, %q\nwant %q, %q", label, route.hint(), c.label, want)
			}
		})
	}
}
