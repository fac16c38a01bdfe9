package client_test

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/helmpath"

	"gantry/repo"
	"gantry/repo/client"
	"gantry/repo/server"
)

func TestPathsAreHelms(t *testing.T) {
	for _, env := range []map[string]string{
		{},
		{"XDG_CONFIG_HOME": "/xdg/config", "XDG_CACHE_HOME": "/xdg/cache"},
		{"XDG_CONFIG_HOME": "/xdg/config", "HELM_CONFIG_HOME": "/helm/config", "HELM_CACHE_HOME": "/helm/cache"},
	} {
		for _, name := range []string{"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_REPOSITORY_CONFIG", "HELM_REPOSITORY_CACHE", "HELM_REGISTRY_CONFIG"} {
			t.Setenv(name, env[name])
		}
		want := client.Paths{
			Config:   helmpath.ConfigPath("repositories.yaml"),
			Cache:    helmpath.CachePath("repository"),
			Registry: helmpath.ConfigPath("registry/config.json"),
		}
		if diff := cmp.Diff(want, client.FindPaths(runtime.GOOS, os.Getenv)); diff != "" {
			t.Errorf("%v (-helm +gantry):\n%s", env, diff)
		}
	}
	env := map[string]string{"HELM_REPOSITORY_CONFIG": "a", "HELM_REPOSITORY_CACHE": "b", "HELM_REGISTRY_CONFIG": "c", "HELM_CONFIG_HOME": "x"}
	got := client.FindPaths("linux", func(name string) string { return env[name] })
	if want := (client.Paths{Config: "a", Cache: "b", Registry: "c"}); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestConfigure(t *testing.T) {
	t.Parallel()
	h := newHome(t)
	if all, err := h.Repositories(); err != nil || len(all) > 0 {
		t.Errorf("nothing is configured: %v, %v", all, err)
	}
	var group sync.WaitGroup
	for _, name := range []string{"a", "b", "c", "d", "e", "f"} {
		group.Go(func() { h.add(t, client.Repository{Name: name, URL: "https://" + name, Password: "s3cret"}) })
	}
	group.Wait()
	all, err := h.Repositories()
	if err != nil || len(all) != 6 {
		t.Errorf("of six written at once: %v, %v", all, err)
	}
	if info, err := os.Stat(h.paths.Config); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the passwords: %v %v", info, err)
	}
	if _, err := h.Repository("aa"); err == nil || err.Error() != `no repository "aa" is configured: did you mean a?` {
		t.Errorf("got %v", err)
	}
	text, err := os.ReadFile(h.paths.Config)
	if err != nil || !strings.Contains(string(text), "insecure_skip_tls_verify: false") || !strings.HasPrefix(string(text), "apiVersion: v1\n") {
		t.Errorf("Helm would not know this: %s", text)
	}
	for _, name := range []string{"", "a/b", "..", ".x", "a b", `a\b`} {
		if client.CheckName(name) == nil {
			t.Errorf("a repository may be called %q", name)
		}
	}
}

func TestUpdateAsksOnlyWhatChanged(t *testing.T) {
	t.Parallel()
	var statuses []int
	s := serve(t, server.Options{}, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			rec := &status{ResponseWriter: w}
			next.ServeHTTP(rec, r)
			if r.Method == http.MethodGet {
				statuses = append(statuses, rec.code)
			}
		})
	})
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL + "/"}
	update := func(wantChanged bool) {
		t.Helper()
		_, changed, err := h.Update(t.Context(), r)
		if err != nil || changed != wantChanged {
			t.Errorf("changed %v, %v, want %v", changed, err, wantChanged)
		}
	}
	update(true)
	update(false)
	h.push(t, r, chartArchive(t, "1.0.0", ""))
	update(true)
	index, list, err := h.Cached("local")
	if err != nil || len(list) > 0 || len(index.Entries["web"]) != 1 {
		t.Errorf("cached: %v %v %v", index, list, err)
	}
	if names, err := os.ReadFile(filepath.Join(h.paths.Cache, "local-charts.txt")); err != nil || string(names) != "web\n" {
		t.Errorf("the list for completion: %q %v", names, err)
	}

	t.Log("another tool wrote the cache")
	if err := os.WriteFile(filepath.Join(h.paths.Cache, "local-index.yaml"), []byte("apiVersion: v1\nentries: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	update(true)
	if diff := cmp.Diff([]int{200, 304, 200, 200, 200}, statuses); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if err := h.Forget("local"); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(h.paths.Cache); err != nil || len(left) > 0 {
		t.Errorf("left over: %v %v", left, err)
	}
}

type status struct {
	http.ResponseWriter
	code int
}

func (s *status) WriteHeader(code int) { s.code = code; s.ResponseWriter.WriteHeader(code) }
func (s *status) Write(p []byte) (int, error) {
	if s.code == 0 {
		s.code = http.StatusOK
	}
	return s.ResponseWriter.Write(p)
}

func TestFindAndDownload(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL}
	h.add(t, r)
	first := chartArchive(t, "1.0.0", "")
	h.push(t, r, first)
	dir := t.TempDir()
	download := func(ref, version string) string {
		t.Helper()
		found, err := h.Find(t.Context(), ref, version)
		if err != nil {
			t.Fatal(err)
		}
		path, err := h.Download(t.Context(), found, dir)
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := download("local/web", "")
	if got, err := os.ReadFile(path); err != nil || filepath.Base(path) != "web-1.0.0.tgz" || !bytes.Equal(got, first) {
		t.Errorf("%s: %v", path, err)
	}
	h.push(t, r, chartArchive(t, "1.1.0", ""))
	if got := filepath.Base(download("local/web", "")); got != "web-1.0.0.tgz" {
		t.Errorf("without an update, got %s", got)
	}
	if got := filepath.Base(download("local/web", "1.1.0")); got != "web-1.1.0.tgz" {
		t.Errorf("a version newer than the cache: got %s", got)
	}
	if got := filepath.Base(download(s.URL+"/charts/web-1.0.0.tgz", "")); got != "web-1.0.0.tgz" {
		t.Errorf("by URL: got %s", got)
	}
	found, err := h.Find(t.Context(), "local/web", "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := h.Download(t.Context(), found, dir); err != nil {
		t.Errorf("what is there already was asked for again: %v", err)
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Download(t.Context(), found, dir); err == nil {
		t.Error("a damaged file passes for the chart")
	}
}

func TestFindFails(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL}
	h.add(t, r)
	h.push(t, r, chartArchive(t, "1.0.0", ""))
	for ref, want := range map[string]string{
		"local/wbe":            `no chart "wbe": did you mean web?`,
		"lokal/web":            `no repository "lokal" is configured: did you mean local?`,
		"web":                  `"web" is not a chart`,
		"/etc/passwd":          `"/etc/passwd" is not a chart`,
		"./web":                `"./web" is not a chart`,
		"ftp://host/web-1.tgz": `is not a chart`,
		"https://host/web.zip": `is not a chart`,
		"oci://":               `is not a chart`,
	} {
		if _, err := h.Find(t.Context(), ref, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", ref, err, want)
		}
	}
	_, err := h.Find(t.Context(), "local/web", "^2")
	if _, ok := errors.AsType[*repo.UnknownVersionError](err); !ok {
		t.Errorf("got %v", err)
	}
}

// index publishes one chart at a URL with a digest.
func indexOf(url, digest string) string {
	return `{"apiVersion":"v1","entries":{"web":[{"name":"web","version":"1.0.0","urls":["` + url + `"],"digest":"` + digest + `"}]}}`
}

func TestDownloadChecksWhatItGets(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", "")
	var truncated atomic.Bool
	mux := http.NewServeMux()
	for name, digest := range map[string]string{"right": "sha256:" + digestOf(t, archive), "wrong": strings.Repeat("0", 64), "none": ""} {
		mux.HandleFunc("/"+name+"/index.yaml", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(indexOf("web.tgz?x=1", digest))) })
		mux.HandleFunc("/"+name+"/web.tgz", func(w http.ResponseWriter, _ *http.Request) {
			if truncated.Swap(false) {
				w.Header().Set("Content-Length", "1000000")
				_, _ = w.Write(archive[:10])
				return
			}
			_, _ = w.Write(archive)
		})
	}
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	fetch := func(name string, options ...client.Option) (dir string, h *home, err error) {
		t.Helper()
		h = newHome(t, options...)
		h.add(t, client.Repository{Name: name, URL: s.URL + "/" + name})
		found, err := h.Find(t.Context(), name+"/web", "")
		if err != nil {
			t.Fatal(err)
		}
		dir = t.TempDir()
		_, err = h.Download(t.Context(), found, dir)
		return dir, h, err
	}
	for _, name := range []string{"right", "none"} {
		if _, _, err := fetch(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	empty := func(dir string) {
		t.Helper()
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left over: %v %v", left, err)
		}
	}
	dir, _, err := fetch("wrong")
	if !errors.Is(err, client.ErrDigest) {
		t.Errorf("a wrong digest: %v", err)
	}
	empty(dir)
	dir, _, err = fetch("right", client.WithLimits(client.Limits{Index: 1 << 20, Archive: 100}))
	if !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("a large archive: %v", err)
	}
	empty(dir)
	truncated.Store(true)
	if _, h, err := fetch("right"); err != nil || len(h.pauses) != 1 {
		t.Errorf("an answer that breaks off once: %v, %d more tries", err, len(h.pauses))
	}
}

func TestIndexIsLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	h := newHome(t, client.WithLimits(client.Limits{Index: 10}))
	if _, _, err := h.Update(t.Context(), client.Repository{Name: "local", URL: s.URL}); !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answers []int
		after   string
		pauses  []time.Duration
		status  int
	}{
		"once is enough":       {nil, "", nil, 0},
		"comes back":           {[]int{503, 502}, "", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, 0},
		"stays away":           {[]int{503, 503, 503}, "", []time.Duration{200 * time.Millisecond, 400 * time.Millisecond}, 503},
		"asks for patience":    {[]int{429}, "3", []time.Duration{3 * time.Second}, 0},
		"asks for an age":      {[]int{503}, "86400", []time.Duration{10 * time.Second}, 0},
		"is not there":         {[]int{404}, "", nil, 404},
		"does not let us in":   {[]int{401}, "", nil, 401},
		"has not got the verb": {[]int{501}, "", nil, 501},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answers := tc.answers
			s := serve(t, server.Options{}, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if len(answers) == 0 {
						next.ServeHTTP(w, r)
						return
					}
					if tc.after != "" {
						w.Header().Set("Retry-After", tc.after)
					}
					w.WriteHeader(answers[0])
					answers = answers[1:]
				})
			})
			h := newHome(t)
			_, _, err := h.Update(t.Context(), client.Repository{Name: "local", URL: s.URL})
			if diff := cmp.Diff(tc.pauses, h.pauses); diff != "" {
				t.Errorf("pauses (-want +got):\n%s", diff)
			}
			got, ok := errors.AsType[*client.StatusError](err)
			switch {
			case tc.status == 0 && err != nil:
				t.Error(err)
			case tc.status != 0 && (!ok || got.Status != tc.status):
				t.Errorf("got %v, want %d", err, tc.status)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	h := newHome(t)
	_, _, err = h.Update(t.Context(), client.Repository{Name: "gone", URL: "http://user:s3cret@" + address})
	if _, ok := errors.AsType[*client.UnreachableError](err); !ok {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), address) || strings.Count(err.Error(), address) > 2 {
		t.Errorf("the message tells too much or too little: %v", err)
	}
}

func TestNotARepository(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>Sign in</html>")) }))
	t.Cleanup(s.Close)
	h := newHome(t)
	if _, _, err := h.Update(t.Context(), client.Repository{Name: "page", URL: s.URL}); !errors.Is(err, repo.ErrNotIndex) {
		t.Errorf("got %v", err)
	}
	if _, _, err := h.Cached("page"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was cached all the same: %v", err)
	}
	for _, url := range []string{"", "host", "ftp://host", "http://", "http://[::1"} {
		if _, _, err := h.Update(t.Context(), client.Repository{Name: "bad", URL: url}); err == nil {
			t.Errorf("%q passes for a URL", url)
		}
	}
}

// TestCredentialsStayAtHome has a repository whose charts and redirects are on
// another port of the same host, which is another origin.
func TestCredentialsStayAtHome(t *testing.T) {
	t.Parallel()
	archive := chartArchive(t, "1.0.0", "")
	var atHome, elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
		_, _ = w.Write(archive)
	}))
	t.Cleanup(other.Close)
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		atHome = append(atHome, r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/direct/index.yaml":
			_, _ = w.Write([]byte(indexOf(other.URL+"/web-1.0.0.tgz", digestOf(t, archive))))
		case "/redirect/index.yaml":
			_, _ = w.Write([]byte(indexOf(s.URL+"/away", digestOf(t, archive))))
		default:
			http.Redirect(w, r, other.URL+"/web-1.0.0.tgz", http.StatusFound)
		}
	}))
	t.Cleanup(s.Close)
	for _, name := range []string{"direct", "redirect"} {
		for _, all := range []bool{false, true} {
			atHome, elsewhere = nil, nil
			h := newHome(t)
			h.add(t, client.Repository{Name: name, URL: s.URL + "/" + name, Username: "ci", Password: "s3cret", PassCredentialsAll: all})
			found, err := h.Find(t.Context(), name+"/web", "")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Download(t.Context(), found, t.TempDir()); err != nil {
				t.Fatal(err)
			}
			for _, header := range atHome {
				if header == "" {
					t.Errorf("%s: the repository was asked without credentials", name)
				}
			}
			if len(elsewhere) != 1 || (elsewhere[0] != "") != all {
				t.Errorf("%s, to all hosts %v: the other host got %q", name, all, elsewhere)
			}
		}
	}
}

func TestPush(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret", AnonymousRead: true}}, nil)
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL, Username: "ci", Password: "s3cret"}
	h.push(t, r, chartArchive(t, "1.0.0", "a: 1"))

	err := h.Push(t.Context(), r, write(t, "web.tgz", chartArchive(t, "1.0.0", "a: 2")), true)
	conflict, ok := errors.AsType[*client.StatusError](err)
	if !ok || conflict.Status != http.StatusConflict || conflict.Code != "version-exists" || conflict.Hint == "" {
		t.Errorf("another content: %v", err)
	}
	r.Password = "gu3ss"
	err = h.Push(t.Context(), r, write(t, "web.tgz", chartArchive(t, "2.0.0", "")), false)
	denied, ok := errors.AsType[*client.StatusError](err)
	if !ok || denied.Status != http.StatusUnauthorized || strings.Contains(err.Error(), "gu3ss") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := h.Push(t.Context(), r, filepath.Join(t.TempDir(), "none.tgz"), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no such file: %v", err)
	}
}

func TestPushWithSignature(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	h := newHome(t)
	r := client.Repository{Name: "local", URL: s.URL}
	h.add(t, r)
	data := chartArchive(t, "1.0.0", "")
	archive := write(t, "web-1.0.0.tgz", data)
	signature := "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nname: web\nversion: 1.0.0\n\n...\nfiles:\n  web-1.0.0.tgz: sha256:" +
		digestOf(t, data) + "\n-----BEGIN PGP SIGNATURE-----\n\nwsBcBAEBCgAQBQJdy0ReCRCEO7+YH8GHYgAAfhUIADx3pHHLLINv0MFkiEYpX/Kd\n=Szm4\n-----END PGP SIGNATURE-----\n"
	if err := os.WriteFile(archive+".prov", []byte(signature), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.Push(t.Context(), r, archive, false); err != nil {
		t.Fatal(err)
	}
	found, err := h.Find(t.Context(), "local/web", "")
	if err != nil {
		t.Fatal(err)
	}
	path, err := h.Download(t.Context(), found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	prov, err := h.DownloadProvenance(t.Context(), found, path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(prov); err != nil || string(got) != signature {
		t.Errorf("the signature came back as %q, %v", got, err)
	}
}

// TestProgress wants every byte of an index to be told of, under the repository's name.
func TestProgress(t *testing.T) {
	t.Parallel()
	s := serve(t, server.Options{}, nil)
	var last client.Progress
	h := newHome(t, client.WithProgress(func(p client.Progress) { last = p }))
	r := client.Repository{Name: "up", URL: s.URL}
	h.push(t, r, chartArchive(t, "1.0.0", ""))
	if _, _, err := h.Update(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if last.Repository != "up" || last.Received == 0 {
		t.Errorf("%+v", last)
	}
}
