package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRepositoryAsRegistry lets helm push to and pull from what is a repository
// for everybody else, on a folder and on a bucket with two servers.
func TestRepositoryAsRegistry(t *testing.T) {
	t.Parallel()
	t.Run("on a folder", func(t *testing.T) {
		t.Parallel()
		w := newWorkshop(t)
		url := w.serve("--dir", "charts")
		w.actsAsRegistry(url, url)
	})
	t.Run("on a bucket", func(t *testing.T) {
		t.Parallel()
		w := newWorkshop(t)
		store := w.bucket("s3")
		w.actsAsRegistry(w.serve(store...), w.serve(store...))
	})
}

// actsAsRegistry writes to one server and reads from the other.
func (w *workshop) actsAsRegistry(to, from string) {
	w.Helper()
	registry := func(url string) string { return strings.Replace(url, "http:", "oci:", 1) }
	if err := os.Mkdir(filepath.Join(w.dir, "registry"), 0o700); err != nil {
		w.Fatal(err)
	}
	w.keyrings("secret.gpg", "public.gpg")
	w.run(w.helm, "create", "web")
	w.run(w.helm, "package", "web", "--version", "1.0.0+build.7", "--sign", "--key", "Gantry Tests", "--keyring", "secret.gpg")

	w.Log("pushed by helm, with its signature: there for all")
	w.wants(w.run(w.helm, "push", "web-1.0.0+build.7.tgz", registry(to), "--plain-http"), "Digest: sha256:")
	w.run(w.helm, "repo", "add", "local", from)
	w.wants(w.run(w.helm, "pull", "local/web", "-d", "pulled", "--verify", "--keyring", "public.gpg"), "Gantry Tests")
	w.same("pulled/web-1.0.0+build.7.tgz", "web-1.0.0+build.7.tgz")
	w.run(w.helm, "pull", registry(from)+"/web", "--version", "1.0.0+build.7", "-d", "registry", "--plain-http", "--verify", "--keyring", "public.gpg")
	w.same("registry/web-1.0.0+build.7.tgz", "web-1.0.0+build.7.tgz")
	w.same("registry/web-1.0.0+build.7.tgz.prov", "web-1.0.0+build.7.tgz.prov")

	w.Log("uploaded over HTTP: there for helm's registry client")
	w.run(w.helm, "package", "web", "--version", "1.1.0")
	w.run(w.gantry, "chart", "push", "web-1.1.0.tgz", to)
	w.run(w.helm, "pull", registry(from)+"/web", "-d", "registry", "--plain-http")
	w.same("registry/web-1.1.0.tgz", "web-1.1.0.tgz")
	w.wants(w.run(w.helm, "show", "chart", registry(to)+"/web", "--version", "1.1.0", "--plain-http"), "version: 1.1.0")
	w.run(w.gantry, "chart", "pull", registry(from)+"/web", "--version", "1.1.0", "-d", "ours", "--plain-http")
	w.same("ours/web-1.1.0.tgz", "web-1.1.0.tgz")

	w.Log("a published version does not change")
	w.run(w.helm, "package", "web", "--version", "1.1.0", "--app-version", "other")
	out, err := w.command(w.Context(), w.helm, "push", "web-1.1.0.tgz", registry(from), "--plain-http").CombinedOutput()
	if err == nil {
		w.Errorf("helm replaced a version:\n%s", out)
	}
	w.wants(string(out), "409", "published with other content")
}
