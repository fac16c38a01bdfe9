package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSignaturesOfGnuPG lets helm and gantry sign the generated chart of an application with a
// key that GnuPG made, with a subkey and a passphrase as people have it, and each verify what
// the other signed. Keys made by a library are in the other tests.
func TestSignaturesOfGnuPG(t *testing.T) {
	gpg, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("there is no gpg on this machine")
	}
	t.Parallel()
	w := newWorkshop(t)
	w.gnupg(gpg, "Ann", "sesame", "secret.gpg", "public.gpg")
	w.gnupg(gpg, "Eve", "other", "eve.gpg", "eves.gpg")
	w.writes("compose.yaml", "name: shop\nservices:\n  web:\n    image: nginx:1.29\n    ports: [\"80:80\"]\n")
	w.writes("phrase", "sesame\n")
	w.run(w.gantry, "chart", "create", "-o", "shop")

	w.run(w.helm, "package", "shop", "--version", "1.0.0", "--sign", "--key", "Ann", "--keyring", "secret.gpg", "--passphrase-file", "phrase")
	w.wants(w.run(w.gantry, "chart", "verify", "shop-1.0.0.tgz", "--keyring", "public.gpg"), "signed by Ann")
	w.wants(w.run(w.gantry, "template", "shop-1.0.0.tgz", "--verify", "--keyring", "public.gpg"), "image: \"nginx:1.29\"")

	w.run(w.gantry, "package", "shop", "--version", "2.0.0", "--sign", "--key", "Ann", "--keyring", "secret.gpg", "--passphrase-file", "phrase")
	w.wants(w.run(w.helm, "verify", "shop-2.0.0.tgz", "--keyring", "public.gpg"), "Signed by: Ann", "Chart Hash Verified: sha256:")
	w.wants(w.run(w.helm, "template", "shop-2.0.0.tgz", "--kube-version", "1.36", "--verify", "--keyring", "public.gpg"), "image: \"nginx:1.29\"")

	// A signature counts only with the key that made it, and for the archive it was made for.
	for _, version := range []string{"1.0.0", "2.0.0"} {
		file := "shop-" + version + ".tgz"
		w.refuses("not have", w.gantry, "chart", "verify", file, "--keyring", "eves.gpg")
		w.refuses("unknown entity", w.helm, "verify", file, "--keyring", "eves.gpg")
	}
	for _, tool := range []string{w.helm, w.gantry} {
		w.run(tool, "package", "shop", "--version", "2.0.0", "--app-version", "other")
		w.refuses("", w.helm, "verify", "shop-2.0.0.tgz", "--keyring", "public.gpg")
		w.refuses("sha256:", w.gantry, "chart", "verify", "shop-2.0.0.tgz", "--keyring", "public.gpg")
	}
}

// refuses wants a command to fail, and to say why.
func (w *workshop) refuses(why, name string, args ...string) {
	w.Helper()
	out, err := w.command(w.Context(), name, args...).CombinedOutput()
	if err == nil {
		w.Errorf("%s %v succeeded:\n%s", filepath.Base(name), args, out)
		return
	}
	w.wants(string(out), why)
}

// gnupg makes a key with a passphrase, and exports it for signing and for verifying.
func (w *workshop) gnupg(gpg, name, passphrase, secret, public string) {
	w.Helper()
	home, err := os.MkdirTemp("", "gpg-") // the path of the agent's socket has to be short
	if err != nil {
		w.Fatal(err)
	}
	run := func(args ...string) {
		w.Helper()
		args = append([]string{"--homedir", home, "--batch", "--pinentry-mode", "loopback", "--passphrase", passphrase}, args...)
		w.run(gpg, args...)
	}
	w.Cleanup(func() {
		// The agent that gpg has started ends when its folder is gone, too; this is sooner.
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
		_ = os.RemoveAll(home)
	})
	run("--quick-generate-key", name+" <"+name+"@example.org>", "rsa3072", "default", "never")
	run("--output", filepath.Join(w.dir, secret), "--export-secret-keys")
	run("--output", filepath.Join(w.dir, public), "--export")
	if _, err := os.Stat(filepath.Join(w.dir, secret)); err != nil {
		w.Fatal(err)
	}
}

// writes writes a file into the folder.
func (w *workshop) writes(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}
