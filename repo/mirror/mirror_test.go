package mirror_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/repo/blob"
	"gantry/repo/client"
	"gantry/repo/mirror"
	"gantry/repo/server"
)

func newServer(t *testing.T) *server.Server {
	t.Helper()
	s, err := server.New(t.Context(), &blob.Memory{}, server.Options{Now: time.Now, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// upload publishes a chart as a client does.
func upload(t *testing.T, s *server.Server, name, version, description string) {
	t.Helper()
	var b bytes.Buffer
	meta := &chart.Metadata{APIVersion: "v2", Name: name, Version: version, Description: description}
	text := fmt.Sprintf("apiVersion: v2\nname: %s\nversion: %s\ndescription: %q\n", name, version, description)
	c := &chart.Chart{Metadata: meta, Raw: []*chart.File{{Name: "Chart.yaml", Data: []byte(text)}}}
	if err := archive.Pack(&b, c); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/charts", &b))
	if w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// upstream serves a repository whose archives pass a hook.
func upstream(t *testing.T, s *server.Server, hook func(w http.ResponseWriter, r *http.Request) (done bool)) (*client.Client, client.Repository) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/charts/") || !hook(w, r) {
			s.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	dir := t.TempDir()
	c := client.New(client.Paths{Config: dir + "/repositories.yaml", Cache: dir, Registry: dir + "/registry.json"}, time.Now)
	return c, client.Repository{Name: "upstream", URL: web.URL}
}

func done(steps []mirror.Step) map[string]int {
	count := map[string]int{}
	for _, s := range steps {
		count[s.Done]++
	}
	return count
}

// TestSyncGoesOn breaks off in the middle, meets an upstream that lies, and goes on.
func TestSyncGoesOn(t *testing.T) {
	t.Parallel()
	from, to := newServer(t), newServer(t)
	for i := range 12 {
		upload(t, from, "web", fmt.Sprintf("1.%d.0", i), "")
	}
	upload(t, from, "db", "1.0.0", "theirs")
	upload(t, to, "db", "1.0.0", "ours")
	var answers atomic.Int32
	var broken, fetched atomic.Int32
	broken.Store(1)
	c, r := upstream(t, from, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, ".prov") {
			return false
		}
		fetched.Add(1)
		if broken.Load() == 1 && answers.Add(1) > 5 {
			_, _ = io.WriteString(w, "this is not what the index says")
			return true
		}
		return false
	})
	steps, err := mirror.Sync(t.Context(), c, r, to, mirror.Options{Parallel: 4})
	if err != nil {
		t.Fatal(err)
	}
	if got := done(steps); got[mirror.Copied] != 5 || got[mirror.Failed] != 8 {
		t.Fatalf("%v", steps)
	}
	broken.Store(0)
	fetched.Store(0)
	if steps, err = mirror.Sync(t.Context(), c, r, to, mirror.Options{}); err != nil {
		t.Fatal(err)
	}
	if got := done(steps); got[mirror.Copied] != 7 || got[mirror.Present] != 5 || got[mirror.Failed] != 1 || fetched.Load() != 7 {
		t.Errorf("%d fetched: %v", fetched.Load(), steps)
	}
	if _, there := to.Published("web", "1.11.0"); !there {
		t.Error("the last version is not there")
	}
}

func TestSelection(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, version := range []string{"1.0.0", "1.1.0", "2.0.0-rc.1", "2.0.0"} {
		upload(t, s, "web", version, "")
	}
	upload(t, s, "db", "0.1.0", "")
	for want, choose := range map[string]mirror.Selection{
		"db-0.1.0 web-2.0.0 web-2.0.0-rc.1 web-1.1.0 web-1.0.0": {},
		"web-2.0.0 web-2.0.0-rc.1":                              {Charts: []string{"w*"}, Latest: 2},
		"web-2.0.0 web-1.1.0":                                   {Versions: ">=1.1", Stable: true},
		"":                                                      {Charts: []string{"x"}},
	} {
		chosen, err := choose.Choose(s.Index())
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, e := range chosen {
			names = append(names, e.Name+"-"+e.Version)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%+v: %s, want %s", choose, got, want)
		}
	}
	for _, bad := range []mirror.Selection{{Versions: "new"}, {Charts: []string{"["}}} {
		if _, err := bad.Choose(s.Index()); err == nil {
			t.Errorf("%+v passes", bad)
		}
	}
}

// TestImportOfAFolder imports what tar makes of a folder: the signature of an archive
// comes where its name has it, and some come later.
func TestImportOfAFolder(t *testing.T) {
	t.Parallel()
	from := newServer(t)
	upload(t, from, "web", "1.0.0", "")
	stored, _, err := from.Fetch(t.Context(), "web", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(stored)
	if err != nil {
		t.Fatal(err)
	}
	sum, _ := from.Published("web", "1.0.0")
	signature := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: web\nversion: 1.0.0\n\n...\nfiles:\n  web-1.0.0.tgz: sha256:" + sum +
		"\n-----BEGIN PGP SIGNATURE-----\n\nwsBcBAEBCgAQBQJdy0ReCRCEO7+YH8GHYgAAfhUIADx3pHHLLINv0MFkiEYpX/Kd\n=Szm4\n-----END PGP SIGNATURE-----\n"
	other := strings.ReplaceAll(signature, "  web-1.0.0.tgz", "  web-2.0.0.tgz")
	for name, tc := range map[string]struct {
		files  []string
		signed string
		failed int
	}{
		"before":             {[]string{"web-1.0.0.tgz.prov", signature, "web-1.0.0.tgz", string(data)}, signature, 0},
		"after":              {[]string{"web-1.0.0.tgz", string(data), "web-1.0.0.tgz.prov", signature}, signature, 0},
		"later":              {[]string{"web-1.0.0.tgz", string(data), "web-1.0.0.tgz", string(data), "web-1.0.0.tgz.prov", signature}, signature, 0},
		"of another":         {[]string{"web-1.0.0.tgz", string(data), "web-1.0.0.tgz.prov", other}, "", 1},
		"of what is refused": {[]string{"web-1.0.0.tgz", "none", "web-1.0.0.tgz.prov", signature}, "", 1},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for i := 0; i < len(tc.files); i += 2 {
			if err := w.WriteHeader(&tar.Header{Name: "./" + tc.files[i], Mode: 0o644, Size: int64(len(tc.files[i+1]))}); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, tc.files[i+1]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		to := newServer(t)
		steps, err := mirror.Import(t.Context(), &b, to, nil)
		_, got, _ := to.Fetch(t.Context(), "web", "1.0.0")
		if err != nil || string(got) != tc.signed || done(steps)[mirror.Failed] != tc.failed {
			t.Errorf("%s: %v, %v, signed %q", name, steps, err, got)
		}
	}
}

func TestImportIsHostile(t *testing.T) {
	t.Parallel()
	pack := func(h tar.Header, text string) io.Reader {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		h.Size = max(h.Size, int64(len(text)))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
		return &b
	}
	for name, tc := range map[string]struct {
		file  io.Reader
		fails bool
		steps int
	}{
		"an archive that is none":   {pack(tar.Header{Name: "../../web-1.0.0.tgz"}, strings.Repeat("x", 1024)), false, 1},
		"a link":                    {pack(tar.Header{Name: "web-1.0.0.tgz", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}, ""), false, 0},
		"an archive of a terabyte":  {pack(tar.Header{Name: "web-1.0.0.tgz", Size: 1 << 40}, "x"), true, 0},
		"a signature of a terabyte": {pack(tar.Header{Name: "web-1.0.0.tgz.prov", Size: 1 << 40}, "x"), true, 0},
		"half an archive":           {pack(tar.Header{Name: "web-1.0.0.tgz", Size: 4096}, "x"), true, 0},
		"no tar at all":             {strings.NewReader(strings.Repeat("x", 2048)), true, 0},
	} {
		steps, err := mirror.Import(t.Context(), tc.file, newServer(t), nil)
		if (err != nil) != tc.fails || len(steps) != tc.steps {
			t.Errorf("%s: %v %v", name, steps, err)
		}
		for _, s := range steps {
			if s.Done != mirror.Failed {
				t.Errorf("%s: %v", name, s)
			}
		}
	}
}

// TestPublishRefuses is the same as for uploads.
func TestPublishRefuses(t *testing.T) {
	t.Parallel()
	from := newServer(t)
	upload(t, from, "web", "1.0.0", "")
	var b bytes.Buffer
	if n, err := mirror.Export(t.Context(), from, mirror.Selection{}, &b); err != nil || n != 1 {
		t.Fatalf("%d %v", n, err)
	}
	to := newServer(t)
	upload(t, to, "web", "1.0.0", "another one")
	steps, err := mirror.Import(t.Context(), &b, to, nil)
	if err != nil || len(steps) != 1 || !strings.Contains(steps[0].Error, "other content") {
		t.Errorf("%v %v", steps, err)
	}
	if _, _, err := from.Fetch(t.Context(), "web", "2.0.0"); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("got %v", err)
	}
}
