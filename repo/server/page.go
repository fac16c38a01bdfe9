package server

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gantry/repo"
	"gantry/templates"
)

// shownVersions is how many versions of a chart the page lists.
const shownVersions = 20

// page is the first page: what there is, and what to type to use it.
type page struct {
	Host, URL, Alias string
	Summary          string
	Charts           []pageChart
}

type pageChart struct {
	Name, Version, Description string
	// Release is a name that a release of the chart can have.
	Release    string
	Count      string
	Total      int
	More       bool
	Deprecated bool
	PreRelease bool
	Versions   []pageVersion
}

type pageVersion struct {
	Version, AppVersion, File, Size string
	Created                         time.Time
	Signed                          bool
}

// assets are the files of the pages, read once at the start.
type assets struct {
	index *template.Template
	css   []byte
}

func loadAssets() (*assets, error) {
	files := templates.Repository()
	index, err := template.ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	css, err := fs.ReadFile(files, "page.css")
	return &assets{index: index, css: css}, err
}

// home shows the charts to a person.
func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	snap := s.catalog.current()
	charts, versions := snap.count()
	p := page{
		Host: r.Host, URL: baseURL(r), Alias: "local",
		Summary: plural(charts, "chart") + ", " + plural(versions, "version"),
	}
	for _, seg := range snap.published() {
		chart, err := seg.card()
		if err != nil {
			return fmt.Errorf("chart %s: %w", seg.shard.Chart, err)
		}
		p.Charts = append(p.Charts, chart)
	}
	var body bytes.Buffer
	if err := s.assets.index.Execute(&body, p); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	// The page names the host that it was asked for under, so it is not for
	// shared caches. It runs nothing and loads nothing but its style sheet.
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body.Bytes()) // a client that is gone needs no answer
	return nil
}

// style serves the style sheet of the pages.
func (s *Server) style(w http.ResponseWriter, _ *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/css; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(s.assets.css)))
	h.Set("Cache-Control", "public, max-age=300")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(s.assets.css) // a client that is gone needs no answer
	return nil
}

// baseURL is where the client reached the server, through a proxy or not.
func baseURL(r *http.Request) string {
	scheme := "http"
	if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// describe puts the newest release in front, or the newest pre-release when
// there is no release.
func (seg *segment) describe() (pageChart, error) {
	all := seg.shard.Versions
	versions := make([]string, len(all))
	for i, r := range all {
		versions[i] = r.Version
	}
	newest, err := repo.Choose(versions, "")
	if err != nil {
		return pageChart{}, err
	}
	var e repo.Entry
	if err := json.Unmarshal(all[max(newest, 0)].Entry, &e); err != nil {
		return pageChart{}, err
	}
	c := pageChart{
		Name: e.Name, Version: e.Version, Description: e.Description, Release: strings.ReplaceAll(fold(e.Name), "_", "-"),
		Count: plural(len(all), "version"), Total: len(all), More: len(all) > shownVersions,
		Deprecated: e.Deprecated, PreRelease: newest < 0,
	}
	for _, r := range all[:min(shownVersions, len(all))] {
		var e repo.Entry
		if err := json.Unmarshal(r.Entry, &e); err != nil {
			return pageChart{}, err
		}
		c.Versions = append(c.Versions, pageVersion{
			Version: r.Version, AppVersion: e.AppVersion, File: repo.FileName(e.Name, r.Version),
			Size: byteSize(r.Size), Created: r.Created, Signed: r.Provenance != "",
		})
	}
	return c, nil
}

func trimZero(n float64) string { return strings.TrimSuffix(strconv.FormatFloat(n, 'f', 1, 64), ".0") }

// byteSize prints a size as people say it.
func byteSize(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return fmt.Sprintf("%d B", n)
	case n < unit*unit:
		return trimZero(float64(n)/unit) + " KiB"
	default:
		return trimZero(float64(n)/(unit*unit)) + " MiB"
	}
}
