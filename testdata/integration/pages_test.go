package integration_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// publishTwo publishes two versions of a chart that differ in their image.
func (w *workshop) publishTwo(url string) {
	w.Helper()
	for version, tag := range map[string]string{"0.1.0": "1.27", "0.2.0": "1.28"} {
		dir := filepath.Join(w.dir, version)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			w.Fatal(err)
		}
		compose := "name: shop\nservices:\n  web:\n    image: nginx:" + tag + "\n    ports: [\"8080:80\"]\n"
		if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(compose), 0o600); err != nil {
			w.Fatal(err)
		}
		w.run(w.gantry, "chart", "create", "-f", filepath.Join(dir, "compose.yaml"), "-o", filepath.Join(dir, "shop"), "--version", version)
		w.run(w.gantry, "chart", "push", filepath.Join(dir, "shop"), url)
	}
}

// TestPagesInABrowser goes the ways of a visitor: the list, a search, a chart, what
// has changed between its versions.
func TestPagesInABrowser(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 900)
	w := newWorkshop(t)
	url := w.serve("--dir", filepath.Join(w.dir, "charts"))
	b.send("Log.enable", nil, nil)

	b.visit(url + "/")
	b.wants("h1", "There are no charts yet")
	w.publishTwo(url)

	b.visit(url + "/")
	b.wants("h1", "1 chart")
	b.wants(".charts li", "shop")
	b.send("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "/", "text": "/"}, nil)
	b.wait("document.activeElement.matches('input[type=search]')")
	b.follow("document.activeElement.value = 'nothing-like-it'; document.activeElement.form.requestSubmit()")
	b.wants("main", "Nothing matches")
	b.follow("const q = document.querySelector('input[type=search]'); q.value = 'sho'; q.form.requestSubmit()")
	b.wants("h1", "1 chart for “sho”")

	b.follow("document.querySelector('.charts a').click()")
	b.wants("h1", "shop 0.2.0")
	b.wants("aside", "helm install shop")
	b.evaluate("document.querySelector('aside figure button').click()", nil)
	b.wait("/Copied|Selected/.test(document.querySelector('aside figure button').innerText)")
	b.follow("[...document.querySelectorAll('.tabs a')].find((a) => a.innerText.startsWith('Objects')).click()")
	b.wait("document.querySelector('.drawing svg')")
	b.follow("[...document.querySelectorAll('.tabs a')].find((a) => a.innerText.startsWith('Versions')).click()")
	b.follow("document.querySelector('article form button').click()")
	b.wants("h1", "0.1.0 → 0.2.0")
	b.wants("main", "nginx:1.28")
	if found := b.complaints(); len(found) > 0 {
		t.Errorf("the browser complains: %v", found)
	}

	b.visit(url + "/chart/shpo")
	b.wants("main", "shop")
	b.wants("h1", "Not Found")
}

// TestTokensInABrowser makes a token as an administrator does, with it publishes a chart,
// revokes it, and finds all of that in the audit log.
func TestTokensInABrowser(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 900)
	w := newWorkshop(t)
	pass := filepath.Join(w.dir, "pass.txt")
	if err := os.WriteFile(pass, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := w.serve("--dir", filepath.Join(w.dir, "charts"), "--tokens", "--basic-auth-user", "root", "--basic-auth-pass-file", pass)
	b.visit(strings.Replace(url, "://", "://root:s3cret@", 1) + "/gantry/tokens")
	b.wants("main", "No token is good at the moment")
	b.follow("document.querySelector('[name=name]').value = 'the web team'; document.querySelector('[value=push]').click(); document.querySelector('.fields button').click()")
	b.wants(".made h2", "The token of the web team")
	secret := b.text(".made code")
	if !strings.HasPrefix(secret, "gantry_") {
		t.Fatalf("the token is %q", secret)
	}
	b.fitsIn()
	w.publishTwo(strings.Replace(url, "://", "://web:"+secret+"@", 1))

	b.visit(url + "/gantry/tokens")
	b.wants("table", "the web team")
	b.evaluate("document.querySelector('.sure summary').click()", nil)
	b.follow("document.querySelector('.sure button').click()")
	b.wants("main", "1 token that ended")
	b.visit(url + "/gantry/audit?user=web")
	b.wants("table", "shop 0.2.0")
	b.visit(url + "/gantry/audit")
	b.wants("table", "token-revoke")
}

// TestPagesFitAPhone wants no page to be wider than the window of a phone.
func TestPagesFitAPhone(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 390, 844)
	w := newWorkshop(t)
	url := w.serve("--dir", filepath.Join(w.dir, "charts"))
	w.publishTwo(url)
	b.send("Emulation.setDeviceMetricsOverride", map[string]any{"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": true}, nil)
	for _, path := range []string{
		"/", "/?q=none", "/chart/shop", "/chart/shop/0.2.0/values", "/chart/shop/0.2.0/objects", "/chart/shop/0.2.0/templates",
		"/chart/shop/0.2.0/versions", "/chart/shop/compare", "/playground", "/chart/none", "/gantry/audit", "/gantry/tokens",
	} {
		t.Log(path)
		b.visit(url + path)
		b.fitsIn()
	}
}

// TestPlaygroundInABrowser converts a Compose file in the browser, shows what is
// wrong with another one, and downloads a chart that gantry and helm can use.
func TestPlaygroundInABrowser(t *testing.T) {
	t.Parallel()
	b := openBrowser(t, 1280, 900)
	w := newWorkshop(t)
	url := w.serve("--dir", filepath.Join(w.dir, "charts"))
	b.visit(url + "/playground")
	if text := b.text("main"); text == "" {
		t.Fatal("the page is empty")
	}
	b.wait("document.querySelector('#picture svg')")
	typed := func(text string) {
		encoded, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		b.evaluate("(e => { e.value = "+string(encoded)+"; e.dispatchEvent(new Event('input', {bubbles: true})) })(document.querySelector('textarea'))", nil)
	}
	typed("services:\n  web:\n    image: nginx\n    imag: x\n")
	b.wait("document.querySelector('#diagnostics').innerText.includes('did you mean')")
	b.wants("[data-state]", "those of before")
	b.wait("document.querySelector('[data-download]').disabled && document.querySelector('#tab-diagnostics').innerText === 'Diagnostics 1'")
	b.evaluate("document.querySelector('#tab-chart').focus()", nil)
	b.send("Input.dispatchKeyEvent", map[string]any{"type": "keyDown", "key": "ArrowRight"}, nil)
	b.wait("document.activeElement.id === 'tab-picture' && !document.querySelector('#picture').hidden")
	typed("name: tried\nservices:\n  web:\n    image: nginx:1.28\n    ports: ['8080:80']\n")
	b.wait("document.querySelector('#manifests code').textContent.includes('nginx:1.28')")

	saved := t.TempDir()
	session := b.session
	b.session = ""
	b.send("Browser.setDownloadBehavior", map[string]any{"behavior": "allow", "downloadPath": saved, "eventsEnabled": true}, nil)
	b.session = session
	b.events = nil
	b.evaluate("document.querySelector('[data-download]').click()", nil)
	b.await("Browser.downloadProgress", func(params json.RawMessage) bool {
		var progress struct{ State string }
		return json.Unmarshal(params, &progress) == nil && progress.State == "completed"
	})
	file := filepath.Join(saved, "tried-0.1.0.tgz")
	w.wants(w.run(w.gantry, "template", "it", file), "nginx:1.28")
	w.wants(w.run(w.helm, "template", "it", file, "--kube-version", "1.36.0"), "nginx:1.28")
}
