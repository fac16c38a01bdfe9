package convert_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/rules"
)

// TestHostileProjects converts projects that name what is none of theirs, what
// never ends and what no object can hold. Each is refused with the position of the key that asks for
// it, and nothing of the file is in the diagnostics.
func TestHostileProjects(t *testing.T) {
	for name, c := range map[string]struct{ text, code, at string }{
		"config outside":         {"configs: {c: {file: ../outside/file}}", "file-outside", "configs.c.file"},
		"config of the system":   {"configs: {c: {file: /etc/passwd}}", "file-outside", "configs.c.file"},
		"config behind a link":   {"configs: {c: {file: link}}", "file-outside", "configs.c.file"},
		"config behind a folder": {"configs: {c: {file: linked/file}}", "file-outside", "configs.c.file"},
		"config never there":     {"configs: {c: {file: ../outside/missing}}", "file-outside", "configs.c.file"},
		"config of a device":     {"configs: {c: {file: /dev/zero}}", "file-outside", "configs.c.file"},
		"config of a pipe":       {"configs: {c: {file: pipe}}", "file-irregular", "configs.c.file"},
		"config of a folder":     {"configs: {c: {file: folder}}", "file-irregular", "configs.c.file"},
		"config of 2 MiB":        {"configs: {c: {file: large}}", "file-too-large", "configs.c.file"},
		"content of 2 MiB":       {"configs: {c: {content: " + strings.Repeat("x", 2<<20) + "}}", "file-too-large", "configs.c"},
		"secret outside":         {"secrets: {c: {file: ../outside/file}}", "file-outside", "secrets.c.file"},
		"secret of 2 MiB":        {"secrets: {c: {file: large}}", "file-too-large", "secrets.c.file"},
		"env_file outside":       {"services: {web: {env_file: ../outside/file}}", "file-outside", "services.web.env_file"},
		"env_file, optional":     {"services: {web: {env_file: [{path: ../outside/file, required: false}]}}", "file-outside", "services.web.env_file"},
		"env_file of a pipe":     {"services: {web: {env_file: pipe}}", "file-irregular", "services.web.env_file"},
		"env_file of 2 MiB":      {"services: {web: {env_file: large}}", "file-too-large", "services.web.env_file"},
		"label_file outside":     {"services: {web: {label_file: ../outside/file}}", "file-outside", "services.web.label_file"},
		"credentials outside":    {"services: {web: {credential_spec: {file: ../outside/file}}}", "file-outside", "services.web.credential_spec.file"},
		"bind of a link":         {"services: {web: {volumes: [./link:/x.conf]}}", "file-outside", "services.web.volumes.0"},
		"bind with links in it":  {"services: {web: {volumes: [./links:/etc/x:ro]}}", "file-outside", "services.web.volumes.0"},
		"include outside":        {"include: [../outside/file]", "file-outside", ""},
		"include of a link":      {"include: [link]", "file-outside", ""},
		"include's variables":    {"include: [{path: other.yaml, env_file: ../outside/file}]", "file-outside", ""},
		"include's folder":       {"include: [{path: other.yaml, project_directory: ../outside}]", "file-outside", ""},
		"extends outside":        {"services: {web: {extends: {file: ../outside/file, service: a}}}", "file-outside", ""},
		"long name of a service": {"services: {" + strings.Repeat("s", 300) + ": {image: nginx}}", "limit", "services.s"},
		"long name of a volume":  {"volumes: {" + strings.Repeat("v", 300) + ": {}}", "limit", "volumes.v"},
		"bytes for a variable":   {"services: {web: {environment: {A: !!binary /9j/}}}", "invalid-value", "services.web.environment.A"},
		"NUL in a variable":      {"services: {web: {environment: [\"A=x\\0y\"]}}", "invalid-value", "services.web.environment"},
		"NUL in an argument":     {"services: {web: {command: [\"a\\0b\"]}}", "invalid-value", "services.web.command"},
		"duplicate key":          {"\ufeffservices:\r\n  web:\r\n    image: nginx\r\n    image: apache\r\n", "duplicate-key", "services.web.image"},
		"tab":                    {"services:\n\tweb:\n", "yaml-syntax", ""},
		"Latin-1":                {"services: {web: {labels: {a: caf\xe9}}}", "yaml-syntax", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := hostileFolder(t)
			result, err := convertText(t, dir, c.text, compose.Source{})
			if refused, ok := errors.AsType[*diag.Errors](err); !ok || result.Objects != nil {
				t.Fatalf("got %v, %v: want diagnostics and no objects", refused, err)
			}
			checkRefusedAt(t, result.Diagnostics, c.code, c.at)
			if text := printReport(result.Diagnostics); strings.Contains(text, "s3cret") {
				t.Errorf("the diagnostics quote the file:\n%s", text)
			}
		})
	}
}

// hostileFolder makes a folder with a project, and one outside of it.
func hostileFolder(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	dir := filepath.Join(top, "project")
	for name, text := range map[string]string{
		"outside/file": "KEY=s3cret\n", "outside/.env": "KEY=s3cret\n", "project/other.yaml": "services: {other: {image: nginx}}\n",
		"project/folder/file": "", "project/links/file": "", "project/large": strings.Repeat("# 0123456789\n", 170_000),
	} {
		write(t, filepath.Join(top, name), text)
	}
	for link, target := range map[string]string{"link": "../outside/file", "linked": "../outside", "links/link": "../../outside/file"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// convertText converts a Compose file together with a service that mounts what
// the file declares.
func convertText(t *testing.T, dir, text string, src compose.Source) (*convert.Result, error) {
	t.Helper()
	web := "services: {web: {image: nginx}}\n"
	for _, section := range []string{"configs", "secrets"} {
		if strings.HasPrefix(text, section) {
			web = fmt.Sprintf("services: {web: {image: nginx, %s: [c]}}\n", section)
		}
	}
	write(t, filepath.Join(dir, "base.yaml"), web)
	write(t, filepath.Join(dir, "compose.yaml"), text+"\n")
	src.WorkingDir, src.Files = dir, []string{"base.yaml", "compose.yaml"}
	return convert.Convert(t.Context(), src, rules.Options{})
}

// checkRefusedAt wants an error with a code, at a key of the file.
func checkRefusedAt(t *testing.T, list diag.List, code, path string) {
	t.Helper()
	if !slices.ContainsFunc(list, func(d diag.Diagnostic) bool {
		return d.Severity == diag.Error && d.Code == code && d.Pos.File == "compose.yaml" && d.Pos.Line > 0 && strings.HasPrefix(d.Path.String(), path)
	}) {
		t.Errorf("got %v: want %s at %s", list, code, path)
	}
}

// TestAllowedFiles reads what lies in the Git repository of the project, and what
// the user allows: a folder, or one file.
func TestAllowedFiles(t *testing.T) {
	const text = "configs: {c: {file: ../outside/file}}"
	for name, c := range map[string]struct {
		repository, home string
		allow            []string
		refused          bool
	}{
		"nothing":                     {refused: true},
		"a repository":                {repository: "."},
		"a repository of its own":     {repository: "project", refused: true},
		"a repository of all at home": {repository: ".", home: ".", refused: true},
		"a folder":                    {allow: []string{"../outside"}},
		"a file":                      {allow: []string{"../outside/file"}},
		"another file":                {allow: []string{"../outside/.env"}, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := hostileFolder(t)
			top := filepath.Dir(dir)
			if c.repository != "" {
				write(t, filepath.Join(top, c.repository, ".git", "HEAD"), "ref: refs/heads/main\n")
			}
			src := compose.Source{Allow: c.allow}
			if c.home != "" {
				src.Environ = []string{"HOME=" + filepath.Join(top, c.home)}
			}
			result, err := convertText(t, dir, text, src)
			if c.refused {
				checkRefusedAt(t, result.Diagnostics, "file-outside", "configs.c.file")
				return
			}
			if err != nil || !strings.Contains(printObjects(t, result), "s3cret") {
				t.Errorf("got %v: want the file in a ConfigMap", err)
			}
		})
	}
}

// TestLargeConfig converts a config that the API server takes, and an annotation of
// kubectl does not.
func TestLargeConfig(t *testing.T) {
	result, err := convertText(t, hostileFolder(t), "configs: {c: {content: "+strings.Repeat("x", 300<<10)+"}}", compose.Source{})
	if err != nil || len(result.Objects) == 0 || !slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == "file-large" }) {
		t.Errorf("got %v, %v: want objects, and to hear of the size", result.Diagnostics, err)
	}
}

// TestBindsOutside mounts what nobody may read without reading it.
func TestBindsOutside(t *testing.T) {
	dir := hostileFolder(t)
	result, err := convertText(t, dir, "services: {web: {volumes: [../outside/file.conf:/a, ../outside:/b, ./linked:/c, ./pipe:/d, ./large:/e, /dev/null:/f]}}", compose.Source{})
	if err != nil {
		t.Fatal(err)
	}
	if objects := printObjects(t, result); strings.Contains(objects, "s3cret") || strings.Contains(objects, "kind: ConfigMap") {
		t.Errorf("a file was read:\n%s", objects)
	}
}
