package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/picture"
	"gantry/repo"
	"gantry/templates"
)

// Options are what the pages need besides charts.
type Options struct {
	// Inspector renders charts. Without one the pages that need it say that this
	// server cannot.
	Inspector Inspector
	// Version is that of the server. A new one may draw the same chart otherwise,
	// so it is part of the pages' entity tags.
	Version string
}

// Pages draws the pages.
type Pages struct {
	options   Options
	templates map[string]*template.Template
	assets    map[string]asset
	// tags are the entity tags of the playground's parts.
	tags sync.Map
	// looking holds a place for every chart that is in memory as a whole.
	looking chan struct{}
}

// asset is a file that pages refer to. Its address changes when it does, so that
// it may be kept for ever.
type asset struct {
	data, packed []byte
	kind, sum    string
}

// maxLooking is how many charts are unpacked or rendered at once.
const maxLooking = 4

// inspectTimeout is what unpacking and rendering may take.
const inspectTimeout = 10 * time.Second

// New reads the templates of the pages.
func New(o Options) (*Pages, error) {
	files := templates.Repository()
	p := &Pages{options: o, templates: map[string]*template.Template{}, assets: map[string]asset{}, looking: make(chan struct{}, maxLooking)}
	for name, kind := range map[string]string{"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"} {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if name == "page.css" {
			data = append(data, picture.Style()...)
		}
		sum := sha256.Sum256(data)
		p.assets[name] = asset{data, packed(data), kind, hex.EncodeToString(sum[:8])}
	}
	functions := template.FuncMap{"asset": p.address, "count": diag.Count, "size": diag.Size, "date": date, "moment": moment, "number": number, "downloads": downloads, "sentence": sentence, "join": strings.Join}
	for _, name := range []string{"home", "chart", "compare", "playground", "problem", "tokens", "audit"} {
		t, err := template.New("layout.html").Funcs(functions).ParseFS(files, "layout.html", name+".html")
		if err != nil {
			return nil, err
		}
		p.templates[name] = t
	}
	return p, nil
}

// address is the path of an asset below that of the repository.
func (p *Pages) address(name string) string { return "assets/" + name + "?" + p.assets[name].sum }

// Asset serves a file that the pages refer to; there need not be such a file.
func (p *Pages) Asset(w http.ResponseWriter, r *http.Request, name string) error {
	a, ok := p.assets[name]
	if !ok {
		return &NotFoundError{What: "there is no file " + name}
	}
	h := w.Header()
	h.Set("Content-Type", a.kind)
	h.Set("Cache-Control", "public, max-age=300")
	if r.URL.RawQuery == a.sum {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Vary", "Accept-Encoding")
	data := a.data
	if takesGzip(r) {
		h.Set("Content-Encoding", "gzip")
		data = a.packed
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	return nil
}

// Visit is where a visitor stands.
type Visit struct {
	Library Library
	// URL is the address of the server, as the visitor reached it, without a path.
	URL *url.URL
	// Repository is the path of the repository, without a slash at its ends;
	// empty for the one at the root.
	Repository string
	// Depth is how many names the paths of other repositories below this one have,
	// and Below narrows them to those that begin so.
	Depth int
	Below string
	// Request is what the log calls the visit.
	Request string
}

// NotFoundError reports that there is nothing to show.
type NotFoundError struct {
	What, Hint string
}

// Error says what there is not.
func (e *NotFoundError) Error() string { return e.What }

// site is what every page knows of the repository.
type site struct {
	Title string
	Host  string
	// Root is the path of the server, and Base that of the repository, both with a
	// slash at their ends.
	Root, Base string
	// Repository is the path of the repository as people say it.
	Repository string
	// URL is its address, and OCI the same for registries.
	URL, OCI string
	// Alias is what the commands of the pages call the repository.
	Alias string
	Query string
}

func (v Visit) site(title string) site {
	alias, _, _ := strings.Cut(v.URL.Hostname(), ".")
	if strings.Trim(alias, "0123456789:") == "" {
		alias = "local"
	}
	s := site{Title: title, Host: v.URL.Host, Root: "/", Base: "/", URL: v.URL.String(), OCI: "oci://" + v.URL.Host, Repository: v.Repository}
	if v.Repository != "" {
		alias = strings.ReplaceAll(v.Repository, "/", "-")
		s.Base += v.Repository + "/"
		s.URL += "/" + v.Repository
		s.OCI += "/" + v.Repository
	}
	s.Alias = alias
	return s
}

// policy lets pages run their own script and show pictures that they hold, and
// nothing else; the parts of a page of somebody else cannot reach beyond it.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// show writes a page.
func (p *Pages) show(w http.ResponseWriter, r *http.Request, status int, name string, data any) error {
	var body bytes.Buffer
	if err := p.templates[name].Execute(&body, data); err != nil {
		return err
	}
	h := w.Header()
	zip := body.Len() >= minPacked && takesGzip(r)
	tag := entityTag(body.Bytes(), zip)
	h.Set("Content-Type", "text/html; charset=utf-8")
	if h.Get("Content-Security-Policy") == "" {
		h.Set("Content-Security-Policy", policy)
	}
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept, Accept-Encoding")
	if h.Get("Cache-Control") == "" {
		// A page names the host that it was asked for under: not for shared caches.
		h.Set("Cache-Control", "private, no-cache")
	}
	if status == http.StatusOK {
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	answer := body.Bytes()
	if zip {
		h.Set("Content-Encoding", "gzip")
		answer = packed(answer)
	}
	h.Set("Content-Length", strconv.Itoa(len(answer)))
	w.WriteHeader(status)
	_, _ = w.Write(answer) // a client that is gone needs no answer
	return nil
}

// entityTag is that of a body, which is another one when it is compressed.
func entityTag(body []byte, zip bool) string {
	sum := sha256.Sum256(body)
	tag := hex.EncodeToString(sum[:16])
	if zip {
		tag += "-gzip"
	}
	return `"` + tag + `"`
}

// Problem is an answer that says no.
type Problem struct {
	// Status is that of HTTP.
	Status        int
	Message, Hint string
}

// Retry reports whether the same request may do better later.
func (p Problem) Retry() bool {
	return p.Status == http.StatusTooManyRequests || p.Failed()
}

// SignIn reports whether it is not known who asks.
func (p Problem) SignIn() bool { return p.Status == http.StatusUnauthorized }

// Failed reports whether it is the server's fault.
func (p Problem) Failed() bool { return p.Status >= http.StatusInternalServerError }

type problemPage struct {
	site
	Problem

	// Again is the address to try again, when that is harmless.
	Again string
	// Request is what the operator finds in the log.
	Request string
}

// Problem shows an answer that says no, and where to go on from there.
func (p *Pages) Problem(w http.ResponseWriter, r *http.Request, v Visit, problem Problem) error {
	page := problemPage{site: v.site(http.StatusText(problem.Status)), Problem: problem, Request: v.Request}
	if r.Method == http.MethodGet {
		page.Again = page.Base + strings.TrimLeft(r.URL.RequestURI(), "/")
	}
	return p.show(w, r, problem.Status, "problem", page)
}

// Load unpacks a version of a chart. The error is a [BrokenError] when that cannot be
// done, however often it is tried.
func Load(ctx context.Context, l Library, name, version string) (*chart.Chart, error) {
	f, err := l.Open(ctx, name, version)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := &watched{Reader: f}
	c, err := archive.Unpack(r)
	if r.failed != nil {
		return nil, fmt.Errorf("read %s: %w", repo.FileName(name, version), r.failed)
	}
	if err != nil {
		return nil, &BrokenError{repo.FileName(name, version), err}
	}
	return c, nil
}

// BrokenError reports a chart that lies in the repository and is none: one that was
// put there by hand.
type BrokenError struct {
	file string
	err  error
}

// Error says what is wrong with it.
func (e *BrokenError) Error() string {
	return "the archive " + e.file + " cannot be used: " + e.err.Error()
}

// watched tells failures of what is read from those of what it holds.
type watched struct {
	io.Reader

	failed error
}

// Read is called by who reads.
func (w *watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failed = err
	}
	return n, err
}

// look waits until few enough charts are looked at, and returns what must be
// called when this one no longer is.
func (p *Pages) look(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, inspectTimeout)
	select {
	case p.looking <- struct{}{}:
		return ctx, func() { cancel(); <-p.looking }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, errBusy
	}
}

var errBusy = errors.New("the server looks at too many charts at once")

// find returns the versions of a chart and the place of one of them; the newest
// release when none is named.
func (v Visit) find(name, version string) ([]Version, int, error) {
	versions, err := v.Library.Versions(name)
	if err != nil {
		return nil, 0, err
	}
	if len(versions) == 0 {
		return nil, 0, v.noChart(name)
	}
	if version == "" {
		place, _, err := choose(versions)
		return versions, place, err
	}
	for i := range versions {
		if versions[i].Version == version {
			return versions, i, nil
		}
	}
	return nil, 0, &NotFoundError{
		What: "chart " + name + " has no version " + version,
		Hint: "the newest is " + versions[0].Version,
	}
}

func (v Visit) noChart(name string) error {
	cards, err := v.Library.Cards()
	if err != nil {
		return err
	}
	names := make([]string, len(cards))
	for i, c := range cards {
		names[i] = c.Name
	}
	return &NotFoundError{What: "there is no chart " + name, Hint: diag.DidYouMean(name, names)}
}

// number writes a number with commas between thousands.
func number(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func downloads(n int64) string {
	if n == 1 {
		return "1 download"
	}
	return number(n) + " downloads"
}

// sentence makes a sentence of a message, which other programs print behind a colon.
func sentence(message string) string {
	first, size := utf8.DecodeRuneInString(message)
	if size == 0 {
		return ""
	}
	text := string(unicode.ToUpper(first)) + message[size:]
	if strings.ContainsRune(".?!", rune(text[len(text)-1])) {
		return text
	}
	return text + "."
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") }

func date(t time.Time) string { return t.Format(time.DateOnly) }
