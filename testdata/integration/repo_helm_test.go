package integration_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/google/go-containerregistry/pkg/registry"
)

// workshop is a folder in which gantry and helm run, with a home of their own
// that they share.
type workshop struct {
	*testing.T

	dir          string
	env          []string
	gantry, helm string
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "pulled"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &workshop{
		T: t, dir: dir,
		env: append(os.Environ(),
			"HOME="+dir,
			"HELM_CONFIG_HOME="+filepath.Join(dir, "config"),
			"HELM_CACHE_HOME="+filepath.Join(dir, "cache"),
			"HELM_DATA_HOME="+filepath.Join(dir, "data"),
		),
		gantry: built(t, "bin/gantry"),
		helm:   built(t, "bin/tools/helm"),
	}
}

// built returns the path of something that make builds.
func built(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s is missing: build it with make %s", name, name)
	}
	return path
}

func (w *workshop) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Env = w.dir, w.env
	return c
}

// run wants a command to succeed, and returns what it printed.
func (w *workshop) run(name string, args ...string) string {
	w.Helper()
	out, err := w.command(w.Context(), name, args...).CombinedOutput()
	if err != nil {
		w.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// outcome runs a command to its end, and returns what it printed on either stream and
// its exit code.
func (w *workshop) outcome(c *exec.Cmd) (stdout, stderr string, code int) {
	w.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	err := c.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		w.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// listen runs a command to its end, and hands over what it has said on standard error
// each time that it says more. The error is how it ended.
func (w *workshop) listen(c *exec.Cmd, hear func(said string)) (said string, err error) {
	w.Helper()
	stderr, err := c.StderrPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	var text strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := stderr.Read(buf)
		text.Write(buf[:n])
		hear(text.String())
		if err != nil {
			return text.String(), c.Wait()
		}
	}
}

// serve starts a repository and returns its URL. The server ends with the test,
// and must end well.
func (w *workshop) serve(args ...string) string {
	w.Helper()
	url, c := w.start(args...)
	w.Cleanup(func() {
		if err := c.Process.Signal(os.Interrupt); err != nil {
			w.Error(err)
		}
		if err := c.Wait(); err != nil {
			w.Errorf("the server ended with %v\n%s", err, c.Stderr)
		}
	})
	return url
}

// start starts a repository and waits until it listens. The caller ends it.
func (w *workshop) start(args ...string) (url string, server *exec.Cmd) {
	w.Helper()
	addrFile := filepath.Join(w.TempDir(), "addr")
	args = append([]string{"repo", "serve", "--listen", "127.0.0.1:0", "--addr-file", addrFile, "--log-format", "none"}, args...)
	c := w.command(context.WithoutCancel(w.Context()), w.gantry, args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	if err := c.Start(); err != nil {
		w.Fatal(err)
	}
	deadline, ticker := time.NewTimer(30*time.Second), time.NewTicker(10*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for {
		addr, err := os.ReadFile(addrFile)
		if err == nil {
			return "http://" + strings.TrimSpace(string(addr)), c
		}
		if !errors.Is(err, fs.ErrNotExist) {
			w.Fatal(err)
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			_ = c.Process.Kill()
			_ = c.Wait() // it was killed
			w.Fatalf("the server does not listen:\n%s", out.String())
		}
	}
}

func (w *workshop) wants(text string, wants ...string) {
	w.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			w.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func (w *workshop) same(a, b string) {
	w.Helper()
	left, err := os.ReadFile(filepath.Join(w.dir, a))
	if err != nil {
		w.Fatal(err)
	}
	right, err := os.ReadFile(filepath.Join(w.dir, b))
	if err != nil {
		w.Fatal(err)
	}
	if !bytes.Equal(left, right) {
		w.Errorf("%s and %s differ", a, b)
	}
}

// TestRepositoryForHelm lets helm use a repository that gantry serves: a folder
// that helm itself has indexed, and charts that were uploaded since.
func TestRepositoryForHelm(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.run(w.helm, "create", "web")
	w.run(w.helm, "package", "web", "-d", "charts", "--version", "0.1.0")
	w.run(w.helm, "package", "web", "-d", "charts", "--version", "0.2.0-rc.1+build.5")
	w.run(w.helm, "repo", "index", "charts")
	url := w.serve("--dir", "charts")

	w.wants(w.run(w.helm, "repo", "add", "local", url), "has been added")
	w.wants(w.run(w.helm, "search", "repo", "local", "--versions", "--devel"), "local/web", "0.1.0", "0.2.0-rc.1+build.5", "1.16.0")
	w.run(w.helm, "pull", "local/web", "-d", "pulled")
	w.same("pulled/web-0.1.0.tgz", "charts/web-0.1.0.tgz")
	w.run(w.helm, "pull", "local/web", "--version", "0.2.0-rc.1+build.5", "-d", "pulled")
	w.same("pulled/web-0.2.0-rc.1+build.5.tgz", "charts/web-0.2.0-rc.1+build.5.tgz")

	t.Log("what gantry publishes, helm finds, in JSON as in YAML")
	w.run(w.helm, "package", "web", "-d", ".", "--version", "1.0.0")
	w.run(w.gantry, "chart", "push", "web-1.0.0.tgz", "local")
	w.run(w.helm, "repo", "update")
	w.run(w.helm, "pull", "local/web", "-d", "pulled")
	w.same("pulled/web-1.0.0.tgz", "web-1.0.0.tgz")
	w.run(w.helm, "repo", "add", "yaml", url+"?format=yaml")
	w.wants(w.run(w.helm, "search", "repo", "yaml", "--versions"), "yaml/web", "1.0.0", "0.1.0")
	w.wants(w.run(w.helm, "template", "release", "local/web"), "kind: Deployment")
}

// TestToolsShareTheirRepositories configures repositories with one tool and uses
// them with the other.
func TestToolsShareTheirRepositories(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.run(w.helm, "create", "web")
	url := w.serve("--dir", "charts")
	w.run(w.gantry, "chart", "push", "web", url)

	w.run(w.gantry, "repo", "add", "ours", url)
	w.wants(w.run(w.helm, "repo", "list"), "ours", url)
	w.wants(w.run(w.helm, "search", "repo", "web"), "ours/web")
	w.run(w.helm, "repo", "add", "theirs", url)
	w.wants(w.run(w.gantry, "repo", "list"), "ours", "theirs")
	w.wants(w.run(w.gantry, "repo", "search"), "ours/web", "theirs/web")
	w.run(w.gantry, "chart", "pull", "theirs/web", "-d", "pulled", "--untar")
	w.wants(w.run(w.helm, "lint", "pulled/web"), "0 chart(s) failed")

	w.run(w.gantry, "repo", "remove", "theirs")
	if out := w.run(w.helm, "repo", "list"); strings.Contains(out, "theirs") {
		t.Errorf("helm still has it:\n%s", out)
	}
	w.run(w.helm, "repo", "remove", "ours")
	if out := w.run(w.gantry, "repo", "list"); strings.Contains(out, "ours") {
		t.Errorf("gantry still has it:\n%s", out)
	}
}

// TestSignedChart takes a chart that helm signed through the repository, and
// lets helm verify what it gets back.
func TestSignedChart(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.keyrings("secret.gpg", "public.gpg")
	w.run(w.helm, "create", "web")
	w.run(w.helm, "package", "web", "--version", "1.0.0", "--sign", "--key", "Gantry Tests", "--keyring", "secret.gpg")
	url := w.serve("--dir", "charts")
	w.run(w.helm, "repo", "add", "local", url)
	w.run(w.gantry, "chart", "push", "web-1.0.0.tgz", "local")
	w.run(w.helm, "repo", "update")
	w.wants(w.run(w.helm, "pull", "local/web", "-d", "pulled", "--verify", "--keyring", "public.gpg"), "Gantry Tests")
	w.run(w.gantry, "chart", "pull", "local/web", "-d", "ours", "--prov")
	w.same("ours/web-1.0.0.tgz.prov", "web-1.0.0.tgz.prov")

	// Each tool verifies what the other has signed.
	w.wants(w.run(w.gantry, "chart", "verify", "web-1.0.0.tgz", "--keyring", "public.gpg"), "signed by Gantry Tests")
	w.run(w.gantry, "chart", "pull", "local/web", "-d", "verified", "--verify", "--keyring", "public.gpg")
	w.run(w.gantry, "package", "web", "--version", "2.0.0", "--sign", "--keyring", "secret.gpg")
	w.wants(w.run(w.helm, "verify", "web-2.0.0.tgz", "--keyring", "public.gpg"), "Gantry Tests", "Chart Hash Verified: sha256:")
}

// TestDependenciesForHelm lets each tool build what the other has locked, from a
// repository, from a registry and from a folder.
func TestDependenciesForHelm(t *testing.T) {
	t.Parallel()
	w := newWorkshop(t)
	w.run(w.helm, "create", "db")
	w.run(w.helm, "create", "cache")
	w.run(w.helm, "create", "near")
	images := httptest.NewServer(registry.New(registry.Logger(slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo))))
	t.Cleanup(images.Close)
	oci := "oci://" + strings.TrimPrefix(images.URL, "http://") + "/charts"
	w.run(w.gantry, "chart", "push", "cache", oci, "--plain-http")
	w.wants(w.run(w.helm, "pull", oci+"/cache", "--plain-http"), "Digest: sha256:")
	url := w.serve("--dir", "charts")
	w.run(w.helm, "repo", "add", "local", url)
	w.run(w.gantry, "chart", "push", "db", "local")

	// The second is for helm what the first is for gantry.
	for _, tools := range [][2]string{{w.gantry, w.helm}, {w.helm, w.gantry}} {
		shop := "apiVersion: v2\nname: shop\nversion: 1.0.0\ndependencies:\n" +
			"- {name: db, version: ^0.1, repository: \"@local\", alias: store, condition: store.enabled, tags: [data], import-values: [{child: image, parent: picture}]}\n" +
			"- {name: db, version: \">=0.0.1\", repository: " + url + ", alias: replica}\n" +
			"- {name: cache, version: ~0.1, repository: " + oci + "}\n" +
			"- {name: near, version: 0.1.0, repository: file://../near}\n"
		dir := filepath.Join(w.dir, "shop")
		if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o755), os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte(shop), 0o644)); err != nil {
			t.Fatal(err)
		}
		w.run(tools[0], verbOf(tools[0], w.helm, "update")...)
		w.run("mv", "shop/charts", "first")
		w.run(tools[1], verbOf(tools[1], w.helm, "build")...)
		for _, name := range []string{"db-0.1.0.tgz", "cache-0.1.0.tgz"} {
			w.same(filepath.Join("first", name), filepath.Join("shop", "charts", name))
		}
		w.wants(w.run(w.helm, "dependency", "list", "shop"), "ok")
		w.run("rm", "-r", "first")
	}
}

// verbOf is how a tool is told to update or to build the dependencies of shop.
func verbOf(tool, helm, verb string) []string {
	if tool == helm {
		return []string{"dependency", verb, "shop", "--plain-http"}
	}
	return []string{"chart", "deps", verb, "shop", "--plain-http"}
}

// keyrings writes a new key without a passphrase.
func (w *workshop) keyrings(secret, public string) {
	w.Helper()
	key, err := openpgp.NewEntity("Gantry Tests", "", "tests@example.org", nil)
	if err != nil {
		w.Fatal(err)
	}
	var private, open bytes.Buffer
	if err := errors.Join(key.SerializePrivate(&private, nil), key.Serialize(&open)); err != nil {
		w.Fatal(err)
	}
	for name, data := range map[string][]byte{secret: private.Bytes(), public: open.Bytes()} {
		if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
			w.Fatal(err)
		}
	}
}
