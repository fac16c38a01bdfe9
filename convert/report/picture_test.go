package report_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"gantry/charts/picture"
	"gantry/convert/report"
)

func TestDraw(t *testing.T) {
	result := convertFiles(t, []txtar.File{{Name: "compose.yaml", Data: []byte(`
services:
  proxy:
    image: nginx
    ports: ["127.0.0.1:8080:80", "443:443/udp"]
    expose: ["80", "9000"]
    volumes: ["./conf:/conf:ro", "shared:/shared"]
    links: ["app:backend"]
    depends_on: [app]
  app:
    build: .
    scale: 2
    volumes: ["shared:/shared"]
    networks: [one, two]
    depends_on:
      setup_db: {condition: service_completed_successfully}
  sidecar:
    image: busybox
    network_mode: service:proxy
  setup_db:
    image: busybox
    restart: "no"
volumes: {shared: {}}
networks: {one: {}, two: {}}
`)}})
	got := report.Draw(result)
	if diff := cmp.Diff([]string{"default", "one", "two"}, got.Networks); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	boxes := map[string]*picture.Box{}
	var names []string
	for _, b := range got.Boxes {
		boxes[b.Name] = b
		names = append(names, string(b.Kind)+" "+b.Name)
	}
	if diff := cmp.Diff([]string{"service app", "service proxy", "service setup_db", "service sidecar", "volume shared"}, names); diff != "" {
		t.Fatalf("boxes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]picture.Port{{Published: "8080", Target: "80", Loopback: true}, {Published: "443", Target: "443", Protocol: "udp"}, {Target: "9000"}}, boxes["proxy"].Ports); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(picture.Mount{Kind: "bind", Source: "./conf", Target: "/conf"}, boxes["proxy"].Mounts[0]); diff != "" {
		t.Errorf("mount (-want +got):\n%s", diff)
	}
	if boxes["app"].Scale != "×2" || boxes["app"].Image != "built here" {
		t.Errorf("app is %+v", boxes["app"])
	}
	if boxes["sidecar"].Pod != "proxy" {
		t.Errorf("sidecar runs in the pod of %q", boxes["sidecar"].Pod)
	}
	if diff := cmp.Diff([]picture.Object{{Kind: "PersistentVolumeClaim", Name: "shared"}}, boxes["shared"].Objects); diff != "" {
		t.Errorf("objects of the volume (-want +got):\n%s", diff)
	}
	if boxes["shared"].Problems != 1 {
		t.Errorf("there are %d problems with the volume", boxes["shared"].Problems)
	}
	var arrows []string
	for _, a := range got.Arrows {
		arrows = append(arrows, string(a.Kind)+": "+a.Why)
	}
	want := []string{
		"completes: app needs setup_db to have completed",
		"mounts: app mounts shared",
		"depends: proxy needs app",
		"mounts: proxy mounts shared",
		"shares: sidecar shares the pod of proxy",
	}
	if diff := cmp.Diff(want, arrows); diff != "" {
		t.Errorf("arrows (-want +got):\n%s", diff)
	}
}
