package rules

import "testing"

func TestLabelRoute(t *testing.T) {
	for _, c := range []struct {
		name        string
		labels      map[string]string
		label, want string
		before      string
	}{
		{name: "none", labels: map[string]string{"traefik.enable": "true", "com.example": "x"}, want: "host: HOST"},
		{
			name: "a rule with a path and a port",
			labels: map[string]string{
				"traefik.http.routers.a.entrypoints": "websecure", "traefik.http.routers.a.rule": "Host(`a.example.org`) && PathPrefix(`/api`)",
				"traefik.http.services.a.loadbalancer.server.port": "3000",
			},
			label: "traefik.http.routers.a.rule", want: "host: a.example.org, path: /api, port: 3000",
		},
		{
			name:   "several hosts, the first router alone",
			labels: map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.org`, `b.example.org`)", "traefik.http.routers.b.rule": "Host(`c.example.org`)"},
			label:  "traefik.http.routers.a.rule", want: "hosts: [a.example.org, b.example.org]",
		},
		{name: "no host that an Ingress could have", labels: map[string]string{"traefik.http.routers.a.rule": "HostRegexp(`.+`)"}, label: "traefik.http.routers.a.rule", want: "host: HOST"},
		{name: "caddy", labels: map[string]string{"caddy": "a.example.org, b.example.org"}, label: "caddy", want: "hosts: [a.example.org, b.example.org]"},
		{
			name:   "a port that nothing else declares",
			labels: map[string]string{"traefik.http.routers.a.rule": "Host(`a.example.org`)", "traefik.http.services.a.loadbalancer.server.port": "80"},
			label:  "traefik.http.routers.a.rule", want: "host: a.example.org, port: 80", before: `expose: ["80"], and `,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			route, label := labelRoute(c.labels)
			hint := route.hint([]port{{target: 3000}})
			if want := "give the service " + c.before + "an Ingress: x-kubernetes: {ingress: {" + c.want + "}}"; label != c.label || hint != want {
				t.Errorf("got %q, %q\nwant %q, %q", label, hint, c.label, want)
			}
		})
	}
}
