package integration_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// browser is a page in a real Chromium, driven by its DevTools protocol.
type browser struct {
	*testing.T

	conn    *websocket.Conn
	session string
	last    int
	// events are those that came while something else was waited for.
	events []devtoolsMessage
}

type devtoolsMessage struct {
	ID     int             `json:"id,omitempty"`
	Method string          `json:"method,omitempty"`
	Params json.RawMessage `json:"params,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct{ Message string }
}

// browserTimeout is how long a page may take to be as it should.
const browserTimeout = 90 * time.Second

// openBrowser starts Chromium; a test that needs one is skipped where there is
// none, and says so.
func openBrowser(t *testing.T, width, height int) *browser {
	t.Helper()
	binary := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		t.Skip("SKIPPED: the pages were not tested in a browser, for chromium is not installed (Debian: apt-get install chromium)")
	}
	dir := t.TempDir()
	c := exec.CommandContext(context.WithoutCancel(t.Context()), binary,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-port=0",
		fmt.Sprintf("--window-size=%d,%d", width, height), "--user-data-dir="+dir, "about:blank")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	b := &browser{T: t}
	t.Cleanup(func() { _ = c.Process.Kill() }) // in case that it does not end by itself
	address := b.address(filepath.Join(dir, "DevToolsActivePort"))
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	b.conn = conn
	t.Cleanup(func() {
		// Asked to, it ends its children, too, which write into its folder.
		b.session = ""
		_ = conn.WriteJSON(map[string]any{"id": 0, "method": "Browser.close"})
		_ = c.Wait() // how it ends says nothing of the pages
		_ = conn.Close()
	})
	var target struct{ TargetID string }
	b.send("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.send("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	b.send("Page.enable", nil, nil)
	b.send("Runtime.enable", nil, nil)
	return b
}

// address waits for the file in which Chromium says where it listens.
func (b *browser) address(file string) string {
	b.Helper()
	deadline, ticker := time.NewTimer(browserTimeout), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer ticker.Stop()
	for {
		text, err := os.ReadFile(file)
		if port, path, ok := strings.Cut(strings.TrimSpace(string(text)), "\n"); err == nil && ok {
			return "ws://127.0.0.1:" + port + path
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			b.Fatal(err)
		}
		select {
		case <-ticker.C:
		case <-deadline.C:
			b.Fatal("the browser does not start")
		}
	}
}

// send asks the browser for something and waits for its answer.
func (b *browser) send(method string, params, result any) {
	b.Helper()
	b.last++
	message := map[string]any{"id": b.last, "method": method}
	if params != nil {
		message["params"] = params
	}
	if b.session != "" {
		message["sessionId"] = b.session
	}
	if err := b.conn.WriteJSON(message); err != nil {
		b.Fatal(err)
	}
	for {
		m := b.read()
		if m.ID != b.last {
			b.events = append(b.events, m)
			continue
		}
		if m.Error != nil {
			b.Fatalf("%s: %s", method, m.Error.Message)
		}
		if result != nil {
			if err := json.Unmarshal(m.Result, result); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
}

func (b *browser) read() devtoolsMessage {
	b.Helper()
	if err := b.conn.SetReadDeadline(time.Now().Add(browserTimeout)); err != nil {
		b.Fatal(err)
	}
	var m devtoolsMessage
	if err := b.conn.ReadJSON(&m); err != nil {
		b.Fatalf("the browser says nothing more: %v", err)
	}
	return m
}

// await returns the first event that fits.
func (b *browser) await(method string, fits func(params json.RawMessage) bool) {
	b.Helper()
	for {
		for len(b.events) > 0 {
			m := b.events[0]
			b.events = b.events[1:]
			if m.Method == method && fits(m.Params) {
				return
			}
		}
		b.events = append(b.events, b.read())
	}
}

// visit goes to a page and waits until it is there.
func (b *browser) visit(url string) {
	b.Helper()
	b.events = nil
	b.send("Page.navigate", map[string]any{"url": url}, nil)
	b.await("Page.loadEventFired", func(json.RawMessage) bool { return true })
}

// follow does something that leads to another page, and waits until it is there.
func (b *browser) follow(script string) {
	b.Helper()
	b.events = nil
	b.evaluate(script, nil)
	b.await("Page.loadEventFired", func(json.RawMessage) bool { return true })
}

// evaluate runs a script in the page.
func (b *browser) evaluate(script string, value any) {
	b.Helper()
	var answer struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.send("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true}, &answer)
	if e := answer.ExceptionDetails; e != nil {
		b.Fatalf("%s: %s %s", script, e.Text, e.Exception.Description)
	}
	if value != nil {
		if err := json.Unmarshal(answer.Result.Value, value); err != nil {
			b.Fatalf("%s: %v", script, err)
		}
	}
}

// wait waits until a condition of the page is true.
func (b *browser) wait(condition string) {
	b.Helper()
	b.evaluate(fmt.Sprintf(`new Promise((done, fail) => {
		const end = Date.now() + %d;
		const look = () => (%s) ? done(true) : Date.now() > end ? fail(new Error(document.body.innerText.slice(0, 2000))) : setTimeout(look, 20);
		look();
	})`, browserTimeout.Milliseconds(), condition), nil)
}

// text returns what a person reads in the first element that a selector finds.
func (b *browser) text(selector string) string {
	b.Helper()
	var text string
	b.evaluate(fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector), &text)
	return text
}

// wants compares what a person reads.
func (b *browser) wants(selector, want string) {
	b.Helper()
	if got := b.text(selector); !strings.Contains(got, want) {
		b.Errorf("%s reads %q, and not %q", selector, got, want)
	}
}

// fitsIn wants nothing of the page to stick out of the window at its side.
func (b *browser) fitsIn() {
	b.Helper()
	var out int
	b.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth", &out)
	if out > 0 {
		b.Errorf("the page is %d pixels wider than the window", out)
	}
}

// complaints returns what scripts have complained about, and what the page's
// policy has kept from happening.
func (b *browser) complaints() []string {
	b.Helper()
	b.evaluate("1", nil)
	var found []string
	for _, e := range b.events {
		if e.Method == "Runtime.exceptionThrown" || e.Method == "Log.entryAdded" && strings.Contains(string(e.Params), `"error"`) {
			found = append(found, string(e.Params))
		}
	}
	return found
}
