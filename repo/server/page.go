package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gantry/repo/blob"
	"gantry/repo/pages"
)

// page turns a page of package pages into an endpoint.
func (s *Server) page(show func(w http.ResponseWriter, r *http.Request, v pages.Visit) error) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		err := show(w, r, s.visit(r))
		if missing, ok := errors.AsType[*pages.NotFoundError](err); ok {
			return chartNotFound(missing.What, missing.Hint)
		}
		return err
	}
}

// chartPage shows a version of a chart, or the newest, in one of its views.
func (s *Server) chartPage(w http.ResponseWriter, r *http.Request, v pages.Visit) error {
	return s.pages.Chart(w, r, v, pages.Place{Chart: r.PathValue("name"), Version: r.PathValue("version"), View: r.PathValue("view")})
}

// comparePage shows how two versions of a chart differ.
func (s *Server) comparePage(w http.ResponseWriter, r *http.Request, v pages.Visit) error {
	return s.pages.Compare(w, r, v, r.PathValue("name"))
}

// repositoriesPage shows the repositories whose paths begin with a path.
func (s *Server) repositoriesPage(below string) func(http.ResponseWriter, *http.Request, pages.Visit) error {
	return func(w http.ResponseWriter, r *http.Request, v pages.Visit) error {
		v.Below = below
		return s.pages.Home(w, r, v)
	}
}

// asset serves what the pages refer to.
func (s *Server) asset(w http.ResponseWriter, r *http.Request, _ pages.Visit) error {
	return s.pages.Asset(w, r, r.PathValue("file"))
}

// playgroundFile serves a part of the page that converts in the browser.
func (s *Server) playgroundFile(w http.ResponseWriter, r *http.Request, _ pages.Visit) error {
	return s.pages.PlaygroundFile(w, r, r.PathValue("file"))
}

func (s *Server) visit(r *http.Request) pages.Visit {
	return pages.Visit{
		Library: library{s.shown(r.Context()), s}, URL: s.address(r),
		Repository: strings.TrimSuffix(s.path, "/"), Depth: s.options.Depth, Request: noteOf(r.Context()).id,
	}
}

// wantsHTML tells browsers from programs: only they ask for HTML by name.
func wantsHTML(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// library shows the pages what somebody may read.
type library struct {
	snapshot *snapshot
	server   *Server
}

// Cards returns the cards of all charts; a segment makes its own once.
func (l library) Cards() ([]*pages.Card, error) {
	var cards []*pages.Card
	for _, seg := range l.snapshot.published() {
		card, err := seg.card()
		if err != nil {
			return nil, fmt.Errorf("chart %s: %w", seg.shard.Chart, err)
		}
		cards = append(cards, card)
	}
	return cards, nil
}

// Versions returns the versions of a chart.
func (l library) Versions(name string) ([]pages.Version, error) {
	seg := l.snapshot.find(name)
	if seg == nil || seg.shard.Chart != name {
		return nil, nil
	}
	return seg.versions()
}

// Downloads returns how often a version was fetched, or a chart.
func (l library) Downloads(name, version string) int64 {
	return l.server.downloads.of(l.server.path+name, version)
}

// Open returns the archive of a version.
func (l library) Open(ctx context.Context, name, version string) (io.ReadCloser, error) {
	seg := l.snapshot.find(name)
	if seg == nil {
		return nil, blob.ErrNotFound
	}
	i, ok := seg.shard.find(version)
	if !ok {
		return nil, blob.ErrNotFound
	}
	r, err := l.server.ensure(ctx, seg.shard.Chart, seg.shard.Versions[i])
	if err != nil {
		return nil, err
	}
	return l.server.catalog.store.Open(ctx, r.Archive)
}

// Repositories returns those below the root of which somebody may read a chart.
func (l library) Repositories(ctx context.Context) ([]pages.Repository, error) {
	all, err := l.server.everyTenant(ctx)
	if err != nil {
		return nil, err
	}
	var found []pages.Repository
	for _, t := range all[1:] {
		shown := library{t.shown(ctx), t}
		if len(shown.snapshot.published()) > 0 {
			found = append(found, pages.Repository{Path: strings.TrimSuffix(t.path, "/"), Library: shown})
		}
	}
	return found, nil
}

// versions decodes what the pages show of a chart's versions.
func (seg *segment) versions() ([]pages.Version, error) {
	all := make([]pages.Version, len(seg.shard.Versions))
	for i, r := range seg.shard.Versions {
		if err := json.Unmarshal(r.Entry, &all[i].Entry); err != nil {
			return nil, err
		}
		all[i].Size, all[i].Signed, all[i].Created = r.Size, r.Provenance != "", r.Created
	}
	return all, nil
}

// describe makes the card of a chart.
func (seg *segment) describe() (*pages.Card, error) {
	all, err := seg.versions()
	if err != nil {
		return nil, err
	}
	return pages.NewCard(all)
}
