package archive_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"gantry/charts"
	"gantry/charts/archive"
)

const shop = `
-- Chart.yaml --
# the shop
apiVersion: v2
name: shop
version: 1.2.3 # bumped by hand
appVersion: 'latest'
-- values.yaml --
replicas: 2
-- templates/web.yaml --
kind: Deployment
-- templates/z/db.yaml --
kind: StatefulSet
-- crds/b.yaml --
kind: B
-- crds/a.yaml --
kind: A
-- .helmignore --
*.bak
drafts/
-- notes.bak --
ignored
-- drafts/idea.md --
ignored
-- charts/cache/Chart.yaml --
apiVersion: v2
name: cache
version: 0.1.0
-- charts/cache/templates/cache.yaml --
kind: Service
`

func writeFiles(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustLoad(t *testing.T, name string) *chart.Chart {
	t.Helper()
	c, err := archive.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pack(t *testing.T, c *chart.Chart) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := archive.Pack(&b, c); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func names(files []*chart.File) []string {
	var out []string
	for _, f := range files {
		out = append(out, f.Name)
	}
	return out
}

func TestPackedChartIsTheFolder(t *testing.T) {
	c := mustLoad(t, writeFiles(t, shop))
	want := []string{
		"Chart.yaml", ".helmignore", "charts/cache/Chart.yaml", "charts/cache/templates/cache.yaml",
		"crds/a.yaml", "crds/b.yaml", "templates/web.yaml", "templates/z/db.yaml", "values.yaml",
	}
	data := pack(t, c)
	back, err := archive.Unpack(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, names(back.Raw)); diff != "" {
		t.Errorf("files of the packed chart (-want +got):\n%s", diff)
	}
	if got := len(back.Dependencies()); got != 1 {
		t.Errorf("%d charts within, want 1", got)
	}
	if !strings.HasPrefix(string(back.Raw[0].Data), "# the shop\n") {
		t.Errorf("the comments of Chart.yaml are gone:\n%s", back.Raw[0].Data)
	}
	if got, want := archive.FileName(back.Metadata), "shop-1.2.3.tgz"; got != want {
		t.Errorf("file name %s, want %s", got, want)
	}
}

func TestHelmReadsWhatIsPacked(t *testing.T) {
	c := mustLoad(t, writeFiles(t, shop))
	byHelm, err := loader.LoadArchive(bytes.NewReader(pack(t, c)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Metadata, byHelm.Metadata); diff != "" {
		t.Errorf("metadata (-gantry +helm):\n%s", diff)
	}
	if diff := cmp.Diff(names(c.Templates), names(byHelm.Templates)); diff != "" {
		t.Errorf("templates (-gantry +helm):\n%s", diff)
	}
	if diff := cmp.Diff(names(c.Files), names(byHelm.Files)); diff != "" {
		// Only the order of the files may differ between a folder and helm's reading.
		t.Errorf("files (-gantry +helm):\n%s", diff)
	}
	if diff := cmp.Diff(names(c.Dependencies()[0].Templates), names(byHelm.Dependencies()[0].Templates)); diff != "" {
		t.Errorf("templates of the sub-chart (-gantry +helm):\n%s", diff)
	}
}

// The tar stream is pinned, not the compressed one: another release of Go may
// compress otherwise, but nothing may change what is compressed.
func TestPackIsReproducible(t *testing.T) {
	one, other := writeFiles(t, shop), writeFiles(t, shop)
	if err := os.Chmod(filepath.Join(other, "values.yaml"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Another mode, another time, and the order in which the files were made.
	again := filepath.Join(other, "Chart.yaml")
	text, err := os.ReadFile(again)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Remove(again), os.WriteFile(again, text, 0o600), os.Chtimes(again, time.Time{}, time.Unix(1, 0))); err != nil {
		t.Fatal(err)
	}
	a, b := pack(t, mustLoad(t, one)), pack(t, mustLoad(t, other))
	if archive.Digest(a) != archive.Digest(b) {
		t.Errorf("two folders with the same files pack to different bytes")
	}
	zr, err := gzip.NewReader(bytes.NewReader(a))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	const want = "3f6070e05800d9e9d3938fc8524ce1aeedc3bfb73e234ed1084274f6d64181b7"
	if got := archive.Digest(stream); got != want {
		t.Errorf("the tar stream has digest %s, want %s", got, want)
	}
}

// TestPackedIsWhatIsThere packs folders with random files, which were written in another
// order, with other modes and times: the bytes are the same, and hold all files.
func TestPackedIsWhatIsThere(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	names := []string{"values.yaml", "templates/a.yaml", "templates/a/b.tpl", "templates/NOTES.txt", "files/ä ö.txt", "files/.hidden", "crds/x.yaml", "README.md", "a-b", "a/b", "a.b", "ci/deep/er/still.yaml"}
	for range 50 {
		files := map[string][]byte{"Chart.yaml": []byte("apiVersion: v2\nname: shop\nversion: 1.0.0\n")}
		for _, name := range names {
			if random.IntN(2) == 0 {
				data := make([]byte, random.IntN(300))
				for i := range data {
					data[i] = byte(' ' + random.IntN(90))
				}
				if strings.HasSuffix(name, "values.yaml") {
					data = fmt.Appendf(nil, "a: %d\r\n", random.IntN(9))
				}
				files[name] = data
			}
		}
		var digests []string
		for range 2 {
			dir := t.TempDir()
			for name, data := range files { // in any order
				at := filepath.Join(dir, filepath.FromSlash(name))
				when := time.Unix(random.Int64N(1<<31), 0)
				if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o755), os.WriteFile(at, data, 0o600), os.Chmod(at, 0o600|os.FileMode(random.IntN(0o200))), os.Chtimes(at, when, when)); err != nil {
					t.Fatal(err)
				}
			}
			packed := pack(t, mustLoad(t, dir))
			digests = append(digests, archive.Digest(packed))
			back, err := archive.Unpack(bytes.NewReader(packed))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]byte{}
			for _, f := range back.Raw {
				got[f.Name] = f.Data
			}
			if diff := cmp.Diff(files, got); diff != "" {
				t.Fatalf("(-folder +archive):\n%s", diff)
			}
		}
		if digests[0] != digests[1] {
			t.Fatalf("the same files pack to different bytes: %v", slices.Sorted(maps.Keys(files)))
		}
	}
}

func TestSetVersion(t *testing.T) {
	tests := []struct{ name, in, version, app, want string }{
		{"keeps comments", "name: a\nversion: 1.0.0 # why\n", "2.0.0", "", "name: a\nversion: 2.0.0 # why\n"},
		{"replaces quoted", "name: a\nversion: '1.0.0'\nappVersion: \"x\"\n", "", "y \"z\"", "name: a\nversion: '1.0.0'\nappVersion: \"y \\\"z\\\"\"\n"},
		{"adds what is not there", "name: a\nversion: 1.0.0", "", "7", "name: a\nversion: 1.0.0\nappVersion: \"7\"\n"},
		{"counts characters", "{name: a, description: größe, version: 1.0.0}\n", "1.1.0", "", "{name: a, description: größe, version: 1.1.0}\n"},
		{"writes block scalars anew", "name: a\nversion: >-\n  1.0.0\n", "1.1.0", "", "name: a\nversion: 1.1.0\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := archive.FromFiles([]charts.File{{Name: "Chart.yaml", Data: []byte("apiVersion: v2\nname: a\nversion: 1.0.0\n")}})
			if err != nil {
				t.Fatal(err)
			}
			c.Raw[0].Data = []byte(test.in)
			if err := archive.SetVersion(c, test.version, test.app); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(c.Raw[0].Data)); diff != "" {
				t.Errorf("Chart.yaml (-want +got):\n%s", diff)
			}
			if test.version != "" && c.Metadata.Version != test.version {
				t.Errorf("metadata has version %s", c.Metadata.Version)
			}
		})
	}
	c := mustLoad(t, writeFiles(t, shop))
	if err := archive.SetVersion(c, "1.2", ""); err == nil {
		t.Error("version 1.2 was accepted")
	}
}

func TestBadFolders(t *testing.T) {
	const meta = "-- Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\n"
	tests := []struct{ name, text, file, want string }{
		{"no Chart.yaml", "-- values.yaml --\na: 1\n", "", "no Chart.yaml"},
		{"broken Chart.yaml", "-- Chart.yaml --\nname: a\n  version: [\n", "Chart.yaml", "line 2: mapping values are not allowed in this context"},
		{"wrong type", "-- Chart.yaml --\nname: a\nversion: 1.0.0\nkeywords: yes\n", "Chart.yaml", "keywords"},
		{"no version", "-- Chart.yaml --\napiVersion: v2\nname: a\n", "Chart.yaml", "version is required"},
		{"broken values", meta + "-- values.yaml --\na: {\n", "values.yaml", "line"},
		{"values no mapping", meta + "-- values.yaml --\n- a\n", "values.yaml", "cannot unmarshal array"},
		{"broken sub-chart", meta + "-- charts/b/Chart.yaml --\nname: b\n", "charts/b/Chart.yaml", "version is required"},
		{"stray file in charts", meta + "-- charts/README.md --\nhello\n", "charts/README.md", "neither the folder of a chart"},
		{"bad name", "-- Chart.yaml --\napiVersion: v2\nname: a b\nversion: 1.0.0\n", "Chart.yaml", "letters, digits"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := writeFiles(t, test.text)
			_, err := archive.Load(dir)
			at, ok := errors.AsType[*archive.Error](err)
			if !ok {
				t.Fatalf("error %v (%T), want *archive.Error", err, err)
			}
			if at.Chart != dir || at.File != test.file || !strings.Contains(at.Err.Error(), test.want) {
				t.Errorf("got %+v, want file %q and %q", at, test.file, test.want)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	outside := writeFiles(t, "-- secret --\nx\n")
	const meta = "-- Chart.yaml --\napiVersion: v2\nname: a\nversion: 1.0.0\n-- files/real.txt --\nreal\n"
	tests := []struct {
		name, link, target string
		want               error // nil when it loads
	}{
		{"inside", "link.txt", "files/real.txt", nil},
		{"folder inside", "link", "files", nil},
		{"outside", "link.txt", filepath.Join(outside, "secret"), archive.ErrEscape},
		{"up and out", "link.txt", "../../etc/hostname", archive.ErrEscape},
		{"circle", "files/again", "../files", archive.ErrLimit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := writeFiles(t, meta)
			if err := os.Symlink(test.target, filepath.Join(dir, filepath.FromSlash(test.link))); err != nil {
				t.Fatal(err)
			}
			c, err := archive.Load(dir)
			if !errors.Is(err, test.want) {
				t.Fatalf("error %v, want %v", err, test.want)
			}
			if err == nil && len(c.Raw) != 3 {
				t.Errorf("files %v, want the real one and the linked one", names(c.Raw))
			}
		})
	}
}

// A link that .helmignore names is nobody's business.
func TestIgnoredLink(t *testing.T) {
	dir := writeFiles(t, shop)
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "x.bak")); err != nil {
		t.Fatal(err)
	}
	mustLoad(t, dir)
}

type entry struct {
	name, data string
	typ        byte
}

func tgz(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	tw := tar.NewWriter(zw)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: 0o644, Size: int64(len(e.data)), Typeflag: e.typ}
		if e.typ == tar.TypeSymlink {
			header.Linkname, header.Size = "/etc/passwd", 0
		}
		if err := tw.WriteHeader(header); err != nil {
			tb.Fatal(err)
		}
		if _, err := tw.Write([]byte(e.data)[:header.Size]); err != nil {
			tb.Fatal(err)
		}
	}
	if err := errors.Join(tw.Close(), zw.Close()); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

const meta = "apiVersion: v2\nname: a\nversion: 1.0.0\n"

func TestBadArchives(t *testing.T) {
	chartYAML := entry{name: "a/Chart.yaml", data: meta}
	big := strings.Repeat("x", archive.MaxFileBytes+1)
	nest := tgz(t, chartYAML)
	for range archive.MaxChartDepth {
		nest = tgz(t, chartYAML, entry{name: "a/charts/a.tgz", data: string(nest)})
	}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"not gzip", []byte("hello"), "not a gzipped archive"},
		{"not tar", gz(t, strings.Repeat("x", 1024)), "read the archive"},
		{"cut off", tgz(t, chartYAML)[:60], "read the archive"},
		{"empty", tgz(t), "without files"},
		{"no folder", tgz(t, entry{name: "Chart.yaml", data: meta}), "not in a folder"},
		{"up", tgz(t, chartYAML, entry{name: "a/../../x", data: "x"}), "leaves the chart"},
		{"root is up", tgz(t, chartYAML, entry{name: "../x", data: "x"}), "leaves the chart"},
		{"absolute", tgz(t, chartYAML, entry{name: "a//etc/passwd", data: "x"}), "leaves the chart"},
		{"absolute root", tgz(t, chartYAML, entry{name: "/etc/passwd", data: "x"}), "leaves the chart"},
		{"drive", tgz(t, chartYAML, entry{name: "a/c:/x", data: "x"}), "leaves the chart"},
		{"backslashes up", tgz(t, chartYAML, entry{name: `a\..\..\x`, data: "x"}), "leaves the chart"},
		{"twice", tgz(t, chartYAML, chartYAML), "comes twice"},
		{"link", tgz(t, chartYAML, entry{name: "a/x", typ: tar.TypeSymlink}), "plain files"},
		{"device", tgz(t, chartYAML, entry{name: "a/x", typ: tar.TypeChar}), "plain files"},
		{"large file", tgz(t, chartYAML, entry{name: "a/x", data: big}), "a file may have"},
		{"nested", nest, "charts inside each other"},
		{"deep path", tgz(t, chartYAML, entry{name: "a/" + strings.Repeat("d/", archive.MaxPathDepth) + "x"}), "folders deep"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := archive.Unpack(bytes.NewReader(test.data))
			if _, ok := errors.AsType[*archive.Error](err); !ok || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v (%T), want %q", err, err, test.want)
			}
		})
	}
}

func gz(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	zw := gzip.NewWriter(&b)
	if _, err := zw.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A stream of zeros is a thousand times smaller packed; reading it ends at the
// limit, not at the end of the stream.
func TestBomb(t *testing.T) {
	// A gzip stream may have several members: what repeats is compressed once.
	var b bytes.Buffer
	file := gz(t, string(make([]byte, archive.MaxFileBytes)))
	for i := range archive.MaxBytes/archive.MaxFileBytes + 1 {
		b.Write(gz(t, tarHeader(t, "a/f"+string(rune('a'+i)), archive.MaxFileBytes)))
		b.Write(file)
	}
	if _, err := archive.Unpack(&b); !errors.Is(err, archive.ErrLimit) {
		t.Errorf("error %v, want %v", err, archive.ErrLimit)
	}
}

// Files without content are counted, too: reading a million of them ends at the
// limit.
func TestMillionFiles(t *testing.T) {
	var names strings.Builder
	for i := range archive.MaxFiles + 1 {
		names.WriteString(tarHeader(t, fmt.Sprintf("a/%d", i), 0))
	}
	b := bytes.NewBuffer(gz(t, names.String()))
	b.WriteString("what comes after it is not read")
	if _, err := archive.Unpack(b); !errors.Is(err, archive.ErrLimit) {
		t.Errorf("error %v, want %v", err, archive.ErrLimit)
	}
}

// tarHeader returns what stands in front of a file in a tar stream.
func tarHeader(t *testing.T, name string, size int64) string {
	t.Helper()
	var b bytes.Buffer
	if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestArchivesAsOthersMakeThem(t *testing.T) {
	tests := []struct {
		name    string
		entries []entry
	}{
		{"backslashes", []entry{{name: `a\Chart.yaml`, data: meta}, {name: `a\templates\x.yaml`, data: "x"}}},
		{"dot in front", []entry{{name: "./a/Chart.yaml", data: meta}, {name: "./a/templates/x.yaml", data: "x"}}},
		{"folders listed", []entry{{name: "a/", typ: tar.TypeDir}, {name: "a/Chart.yaml", data: meta}, {name: "a/templates/", typ: tar.TypeDir}, {name: "a/templates/x.yaml", data: "x"}}},
		{"byte order mark", []entry{{name: "a/Chart.yaml", data: "\xEF\xBB\xBF" + meta}, {name: "a/templates/x.yaml", data: "x"}}},
		{"packed sub-chart", []entry{{name: "a/Chart.yaml", data: meta}, {name: "a/templates/x.yaml", data: "x"}, {name: "a/charts/b.tgz", data: string(tgz(t, entry{name: "b/Chart.yaml", data: meta}))}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := archive.Unpack(bytes.NewReader(tgz(t, test.entries...)))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"templates/x.yaml"}, names(c.Templates)); diff != "" {
				t.Errorf("templates (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMissingDependencies(t *testing.T) {
	c, err := archive.FromFiles([]charts.File{
		{Name: "Chart.yaml", Data: []byte(meta + "dependencies: [{name: b, version: 1.0.0, repository: x}, {name: c, version: 1.0.0, repository: x}]\n")},
		{Name: "charts/b/Chart.yaml", Data: []byte("apiVersion: v2\nname: b\nversion: 1.0.0\n")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"c"}, archive.MissingDependencies(c)); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestFromFilesChecksNames(t *testing.T) {
	for _, name := range []string{"../x", "/x", "", "a/../b", "a//b", `a\b`, "c:/x"} {
		_, err := archive.FromFiles([]charts.File{{Name: "Chart.yaml", Data: []byte(meta)}, {Name: name}})
		if _, ok := errors.AsType[*archive.Error](err); !ok {
			t.Errorf("%q: error %v, want *archive.Error", name, err)
		}
	}
}

// FuzzUnpack: what loads is within the limits, and packs to bytes that load to
// the same files and pack to the same bytes again.
func FuzzUnpack(f *testing.F) {
	f.Add(tgz(f, entry{name: "a/Chart.yaml", data: meta}, entry{name: "a/values.yaml", data: "a: 1\n"}))
	f.Add(tgz(f, entry{name: "a/Chart.yaml", data: meta}, entry{name: "a/charts/b/Chart.yaml", data: meta}))
	f.Add(tgz(f, entry{name: "a/../x", data: meta}))
	f.Add(tgz(f, entry{name: `a\Chart.yaml`, data: meta}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := archive.Unpack(bytes.NewReader(data))
		if err != nil {
			if _, ok := errors.AsType[*archive.Error](err); !ok {
				t.Fatalf("error %v (%T), want *archive.Error", err, err)
			}
			return
		}
		total := 0
		for _, file := range c.Raw {
			total += len(file.Data)
			if len(file.Data) > archive.MaxFileBytes {
				t.Errorf("%s has %d bytes", file.Name, len(file.Data))
			}
			if !filepath.IsLocal(file.Name) {
				t.Errorf("%q leaves the chart", file.Name)
			}
		}
		if total > archive.MaxBytes || len(c.Raw) > archive.MaxFiles {
			t.Errorf("%d files with %d bytes", len(c.Raw), total)
		}
		packed := pack(t, c)
		back, err := archive.Unpack(bytes.NewReader(packed))
		if err != nil {
			t.Fatalf("load what was packed: %v", err)
		}
		if diff := cmp.Diff(contents(c), contents(back)); diff != "" {
			t.Errorf("packed and loaded (-before +after):\n%s", diff)
		}
		if !bytes.Equal(packed, pack(t, back)) {
			t.Error("packing again gives other bytes")
		}
	})
}

func contents(c *chart.Chart) map[string]string {
	m := map[string]string{}
	for _, f := range c.Raw {
		m[f.Name] = string(f.Data)
	}
	return m
}
