package compose_test

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

// TestHostileFiles loads what would fill the memory, the stack or the day. Each is
// refused, with the file, before compose-go sees it.
func TestHostileFiles(t *testing.T) {
	const web = "services: {web: {image: nginx}}\n"
	for name, c := range map[string]struct{ text, code string }{
		"aliases":                 {bomb(), "limit"},
		"alias to itself":         {"services: &s {web: {image: nginx, x-a: *s}}\n", "limit"},
		"merge of itself":         {"x-a: &a {<<: *a}\nservices: {web: {image: nginx, <<: *a}}\n", "yaml-syntax"},
		"merge in a circle":       {"x-a: &a {b: &b {<<: *a}, <<: *b}\n" + web, "yaml-syntax"},
		"deep lists":              {web + "x-a: " + strings.Repeat("[", 10000) + strings.Repeat("]", 10000), "limit"},
		"deep mappings":           {web + "x-a: " + strings.Repeat("{a: ", 10000) + strings.Repeat("}", 10000), "limit"},
		"variables in each other": {web + "x-a: " + strings.Repeat("${a:-", 1e5) + strings.Repeat("}", 1e5), "limit"},
		"variables in a row":      {web + "x-a: " + strings.Repeat("${a:-x}", 1e5), "limit"},
		"large":                   {web + "#" + strings.Repeat("x", 17<<20), "limit"},
		"binary":                  {"\x00\x01\x02", "yaml-syntax"},
		"UTF-16":                  {"\xff\xfes\x00e\x00r\x00", "yaml-syntax"},
		"Latin-1":                 {"services: {web: {image: nginx, labels: {a: caf\xe9}}}\n", "yaml-syntax"},
		"tabs":                    {"services:\n\tweb:\n\t\timage: nginx\n", "yaml-syntax"},
		"a pipe":                  {"include: [pipe]\n" + web, "file-unreadable"},
		"a device":                {"include: [/dev/zero]\n" + web, "file-outside"},
		"variables of a device":   {"include: [{path: other.yaml, env_file: /dev/zero}]\n" + web, "file-outside"},
		"a folder":                {"include: [.]\n" + web, "file-unreadable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "compose.yaml"), []byte(c.text))
			write(t, filepath.Join(dir, "other.yaml"), []byte("services: {db: {image: postgres}}\n"))
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
				t.Fatal(err)
			}
			project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir})
			if err != nil || project != nil {
				t.Fatalf("got %v, %v: want a diagnostic", project, err)
			}
			if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
				return d.Severity == diag.Error && d.Code == c.code && d.Pos.File != ""
			}) {
				t.Errorf("got %v: want %s, with the file", list, c.code)
			}
		})
	}
}

// endless is a Compose file that a program writes without an end.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	const line = "# 0123456789\n"
	for i := range p {
		p[i] = line[(e.read+i)%len(line)]
	}
	e.read += len(p)
	return len(p), nil
}

// TestLargeInput loads 100 MiB as the Compose file, as its variables and as what it
// includes, and a stream without an end: no more is read, and kept, than the limits say.
func TestLargeInput(t *testing.T) {
	const size, budget = 100 << 20, 48 << 20
	stream := &endless{}
	for name, c := range map[string]struct {
		text string
		src  compose.Source
	}{
		"stream":    {"", compose.Source{Files: []string{"-"}, Stdin: stream}},
		"file":      {"", compose.Source{Files: []string{"large"}}},
		"variables": {"services: {web: {image: nginx}}\n", compose.Source{EnvFiles: []string{"large"}}},
		"included":  {"include: [large]\n", compose.Source{}},
		"extended":  {"services: {web: {extends: {file: large, service: web}}}\n", compose.Source{}},
	} {
		t.Run(name, func(t *testing.T) {
			c.src.WorkingDir = t.TempDir()
			c.src.Dir = c.src.WorkingDir
			write(t, filepath.Join(c.src.WorkingDir, "compose.yaml"), []byte(c.text))
			large := filepath.Join(c.src.WorkingDir, "large")
			write(t, large, nil)
			if err := os.Truncate(large, size); err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			project, list, err := compose.Load(t.Context(), c.src)
			runtime.ReadMemStats(&after)
			if project != nil || err == nil && !list.HasErrors() {
				t.Fatalf("got %v, %v, %v: want it refused", project, list, err)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > budget {
				t.Errorf("%d MiB were allocated", got>>20)
			}
		})
	}
	if stream.read > budget {
		t.Errorf("%d MiB of the stream were read", stream.read>>20)
	}
}

// TestForeignLineEnds loads what editors of other systems write: a mark of the byte
// order, and lines that end in two characters.
func TestForeignLineEnds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), []byte("\ufeffservices:\r\n  web:\r\n    image: nginx\r\n    command: |\r\n      a\r\n      b\r\n"))
	project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir})
	if err != nil || project == nil || list.HasErrors() || project.Services["web"].Image != "nginx" {
		t.Errorf("got %v, %v, %v", project, list, err)
	}
}

// bomb is a file of ten lines that stands for billions of values.
func bomb() string {
	var b bytes.Buffer
	b.WriteString("x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 9 {
		b.WriteString("x-" + string(rune('1'+i)) + ": &a" + string(rune('1'+i)) + " [" + strings.Repeat("*a"+string(rune('0'+i))+", ", 9) + "]\n")
	}
	b.WriteString("services: {web: {image: nginx}}\n")
	return b.String()
}

// TestEnvFileOfAShell reads variables from a pipe, as from <(command).
func TestEnvFileOfAShell(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "compose.yaml"), []byte("services: {web: {image: \"${IMAGE}\"}}\n"))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := w.WriteString("IMAGE=nginx\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	env := filepath.Join("/dev/fd", strconv.FormatUint(uint64(r.Fd()), 10))
	project, list, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir, EnvFiles: []string{env}})
	if err != nil || project == nil || project.Services["web"].Image != "nginx" {
		t.Errorf("got %v, %v, %v", project, list, err)
	}
}
