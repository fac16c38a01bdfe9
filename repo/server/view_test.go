package server_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/repo"
	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestViews(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0-rc.1", "1.2.0", "2.0.0-rc.1"} {
		s.publish(chartArchive(t, "web", version, ""))
	}
	s.publish(chartArchive(t, "web-admin", "0.1.0", ""))
	s.publish(chartArchive(t, "early", "0.1.0-rc.1", ""))
	for path, want := range map[string][]string{
		"/@chart/web":                        {"web-2.0.0-rc.1", "web-1.2.0", "web-1.2.0-rc.1", "web-1.1.0", "web-1.0.0"},
		"/@chart/none":                       nil,
		"/@prefix/web":                       {"web-2.0.0-rc.1", "web-1.2.0", "web-1.2.0-rc.1", "web-1.1.0", "web-1.0.0", "web-admin-0.1.0"},
		"/@prefix/web-":                      {"web-admin-0.1.0"},
		"/@latest/2":                         {"early-0.1.0-rc.1", "web-2.0.0-rc.1", "web-1.2.0", "web-admin-0.1.0"},
		"/@stable":                           {"web-1.2.0", "web-1.1.0", "web-1.0.0", "web-admin-0.1.0"},
		"/@stable/@latest/1":                 {"web-1.2.0", "web-admin-0.1.0"},
		"/@latest/1/@stable":                 {"web-1.2.0", "web-admin-0.1.0"},
		"/@prefix/web/@chart/web/@latest/1/": {"web-2.0.0-rc.1"},
	} {
		path = strings.TrimSuffix(path, "/")
		r := s.get(path + "/index.yaml")
		x, list, err := repo.Parse(path, r.body)
		if err != nil || len(list) > 0 {
			t.Fatalf("%s: %v %v", path, err, list)
		}
		var got []string
		for _, name := range x.Names() {
			for _, e := range x.Entries[name] {
				got = append(got, e.Name+"-"+e.Version)
				if r := s.get(path + "/" + e.URLs[0]); r.status != http.StatusOK {
					t.Errorf("%s lists %s, and it cannot be downloaded there: %d", path, e.URLs[0], r.status)
				}
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if r := s.get(path+"/index.yaml", "If-None-Match: "+r.header.Get("ETag")); r.status != http.StatusNotModified {
			t.Errorf("%s: with the tag: %d", path, r.status)
		}
	}
	for _, path := range []string{
		"/@none/index.yaml", "/@latest/0/index.yaml", "/@latest/x/index.yaml", "/@latest/100000/index.yaml", "/@chart//index.yaml", "/@chart/web", "/@stable",
		"/@stable/livez", "/@",
	} {
		r := s.get(path)
		if r.status != http.StatusNotFound && r.status != http.StatusBadRequest {
			t.Errorf("%s: %d", path, r.status)
		}
	}
	if r := s.get("/@stable/charts/web-2.0.0-rc.1.tgz"); r.status != http.StatusNotFound {
		t.Errorf("a view shows what it leaves out: %d", r.status)
	}
	r := s.do(http.MethodPost, "/@stable/api/charts", bytes.NewReader(chartArchive(t, "web", "9.0.0", "")))
	if code, _, _ := r.problem(t); code != "view-unknown" {
		t.Errorf("an upload to a view: %d %s", r.status, r.body)
	}
}

// TestViewsFollow wants a view to show an upload, and many views to be served
// beyond those that are kept.
func TestViewsFollow(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	tag := func(path string) string { return s.get(path + "index.yaml").header.Get("ETag") }
	before := tag("/@latest/1/")
	s.publish(chartArchive(t, "web", "1.1.0", ""))
	if tag("/@latest/1/") == before {
		t.Error("an upload does not show in a view")
	}
	want := tag("/@latest/2/")
	for n := range 100 {
		if got := tag(fmt.Sprintf("/@latest/%d/", n+2)); got != want {
			t.Errorf("the same charts have another tag in view %d", n+2)
		}
	}
}

// TestManyViews asks for more views than are kept, and for the first ones again.
func TestManyViews(t *testing.T) {
	t.Parallel()
	s := serve(t, &blob.Memory{}, server.Options{})
	s.publish(chartArchive(t, "web", "1.0.0", ""))
	s.publish(chartArchive(t, "api", "1.0.0-rc.1", ""))
	stable, one := s.get("/@stable/index.yaml"), s.get("/@chart/web/index.yaml")
	for i := range 100 {
		if r := s.get(fmt.Sprintf("/@prefix/none-%d/index.yaml", i)); r.status != http.StatusOK || bytes.Contains(r.body, []byte("web")) {
			t.Fatalf("%d %s", r.status, r.body)
		}
	}
	for path, want := range map[string]reply{"/@stable/index.yaml": stable, "/@chart/web/index.yaml": one} {
		if got := s.get(path); !bytes.Equal(got.body, want.body) || got.header.Get("ETag") != want.header.Get("ETag") || !bytes.Contains(got.body, []byte("web")) {
			t.Errorf("%s was %s, and is %s", path, want.body, got.body)
		}
	}
	for _, path := range []string{"/@chart/WEB/index.yaml", "/@chart/nothing/index.yaml"} {
		if r := s.get(path); bytes.Contains(r.body, []byte("charts/")) {
			t.Errorf("%s: %s", path, r.body)
		}
	}
}
