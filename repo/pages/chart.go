package pages

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/charts/picture"
)

// The views of a chart, in the order of their tabs.
const (
	readmeView    = "readme"
	valuesView    = "values"
	objectsView   = "objects"
	templatesView = "templates"
	versionsView  = "versions"
)

// chartPage is one view of a version of a chart.
type chartPage struct {
	site

	// Shown is the version that the page is about.
	Shown Version
	// Chart is the address of the chart's page, and Here that of this version.
	Chart, Here string
	Commands    []command
	View        string
	Tabs        []tab
	All         []Version
	// Listed are those that the page of versions has, and Runs tells that one of them says
	// which version of the application it is.
	Listed []Version
	Runs   bool
	paging
	// Newest is the version to use instead, when this is an older one.
	Newest     string
	PreRelease bool
	Links      []link

	Readme template.HTML
	Values []valueRow
	// Cut tells that the end of the README, or of the values, is missing.
	Cut     bool
	Files   []file
	Objects []objectRow
	Picture template.HTML
	// Trouble says why a part is missing.
	Trouble string

	library Library
}

// Downloads returns how often a version was fetched; all versions when none is
// named.
func (c *chartPage) Downloads(version string) int64 {
	return c.library.Downloads(c.Shown.Name, version)
}

type tab struct{ View, Name, Address string }

// link leads out of the repository.
type link struct{ Name, Address string }

// Short is the address as people say it.
func (l link) Short() string {
	_, rest, _ := strings.Cut(l.Address, "://")
	return strings.TrimSuffix(rest, "/")
}

type file struct {
	Name  string
	Lines []line
	// Cut tells that the end is missing.
	Cut bool
}

type objectRow struct {
	file

	ID, Kind string
}

// Place is what of a chart a page shows.
type Place struct {
	Chart string
	// Version is the newest release when it is empty.
	Version string
	// View is readme, values, objects, templates or versions; readme when it is
	// empty.
	View string
}

// Chart shows a version of a chart.
func (p *Pages) Chart(w http.ResponseWriter, r *http.Request, v Visit, at Place) error {
	versions, place, err := v.find(at.Chart, at.Version)
	if err != nil {
		return err
	}
	c := newChartPage(v, versions, place, cmp.Or(at.View, readmeView))
	if !slices.ContainsFunc(c.Tabs, func(t tab) bool { return t.View == c.View }) {
		return &NotFoundError{What: "a chart has no page " + c.View}
	}
	if c.View == versionsView {
		c.list(r.URL.Query().Get("page"))
	} else {
		if err := p.open(r.Context(), v.Library, c); err != nil {
			return err
		}
	}
	return p.show(w, r, http.StatusOK, "chart", c)
}

// versionsPerPage is how many versions a page lists.
const versionsPerPage = 200

// list shows a part of the versions. Any two are chosen on the page that compares.
func (c *chartPage) list(page string) {
	first, end := c.turn(len(c.All), versionsPerPage, page, func(n int) string { return "?page=" + strconv.Itoa(n) })
	c.Listed = c.All[first:end]
	c.Runs = slices.ContainsFunc(c.Listed, func(v Version) bool { return v.AppVersion != "" })
}

func newChartPage(v Visit, versions []Version, place int, view string) *chartPage {
	one := versions[place]
	c := &chartPage{site: v.site(one.Name + " " + one.Version), Shown: one, View: view, All: versions, library: v.Library}
	c.Commands = c.install(one.Name, one.Version)
	if one.Library() {
		c.Commands = c.depend(one.Name, one.Version)
	}
	c.Chart = c.Base + "chart/" + url.PathEscape(one.Name)
	c.Here = c.Chart + "/" + url.PathEscape(one.Version)
	for _, t := range []struct{ view, name string }{
		{readmeView, "README"}, {valuesView, "Values"}, {objectsView, "Objects"}, {templatesView, "Templates"}, {versionsView, "Versions"},
	} {
		address := c.Here + "/" + t.view
		if t.view == readmeView {
			address = c.Here
		}
		c.Tabs = append(c.Tabs, tab{t.view, t.name, address})
		if t.view == view && view != readmeView {
			c.Title = t.name + " of " + c.Title
		}
	}
	if newest, pre, err := choose(versions); err == nil {
		c.PreRelease = pre && newest == place
		if newest < place {
			c.Newest = versions[newest].Version
		}
	}
	if web(one.Home) {
		c.Links = append(c.Links, link{"Homepage", one.Home})
	}
	for _, source := range one.Sources {
		if web(source) {
			c.Links = append(c.Links, link{"Source", source})
		}
	}
	return c
}

// web reports whether an address that a chart names may be linked to.
func web(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// releaseName is a name that a release of the chart can have.
func releaseName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// open unpacks the chart and fills in the view.
func (p *Pages) open(ctx context.Context, l Library, c *chartPage) error {
	ctx, done, err := p.look(ctx)
	if err != nil {
		return err
	}
	defer done()
	unpacked, err := Load(ctx, l, c.Shown.Name, c.Shown.Version)
	if broken, ok := errors.AsType[*BrokenError](err); ok {
		c.Trouble = broken.Error()
		return nil
	}
	if err != nil {
		return err
	}
	switch c.View {
	case readmeView:
		c.Readme, c.Cut, err = readme(unpacked)
	case valuesView:
		c.Values, c.Files = values(unpacked)
		c.Cut = len(c.Values) == maxValues
	case templatesView:
		c.Files = templateFiles(unpacked)
	case objectsView:
		err = p.objects(ctx, unpacked, c)
	}
	return err
}

// readme returns the README of a chart as HTML that is safe to show, and whether its
// end is missing.
func readme(c *chart.Chart) (text template.HTML, cut bool, err error) {
	for _, f := range c.Files {
		if strings.EqualFold(f.Name, "README.md") || strings.EqualFold(f.Name, "README") || strings.EqualFold(f.Name, "README.txt") {
			text, err := markdown(f.Data)
			return text, len(f.Data) > maxMarkdown, err
		}
	}
	return "", false, nil
}

func templateFiles(c *chart.Chart) []file {
	all := slices.SortedFunc(slices.Values(slices.Concat(c.Templates, c.CRDs())), func(a, b *chart.File) int {
		return cmp.Or(cmp.Compare(path.Dir(a.Name), path.Dir(b.Name)), cmp.Compare(a.Name, b.Name))
	})
	files, shown := make([]file, len(all)), newSources()
	for i, f := range all {
		files[i] = shown.file(f.Name, f.Data)
	}
	return files
}

// trouble says why a chart does not render. That it wants values which have no
// default is not this server's failure.
func trouble(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "Rendering the chart takes too long."
	}
	return "The chart does not render with its default values: " + err.Error()
}

// maxDrawn is how many objects a picture is drawn of: more are no longer one.
const maxDrawn = 500

// objects renders the chart and draws what comes out.
func (p *Pages) objects(ctx context.Context, unpacked *chart.Chart, c *chartPage) error {
	if p.options.Inspector == nil {
		c.Trouble = "This server does not render charts."
		return nil
	}
	rendered, err := p.options.Inspector.Render(ctx, unpacked)
	if err != nil {
		c.Trouble = trouble(err)
		return nil
	}
	ids := map[picture.Object]string{}
	var fields []map[string]any
	shown := newSources()
	for i, o := range rendered {
		row := objectRow{file: shown.file(diag.Printable(o.Name), []byte(o.Text)), ID: objectID(i), Kind: diag.Printable(o.Kind)}
		c.Objects, fields = append(c.Objects, row), append(fields, o.Fields)
		ids[picture.Object{Kind: o.Kind, Name: o.Name}] = "#" + row.ID
	}
	if len(rendered) > maxDrawn {
		return nil
	}
	drawn := picture.Of(c.Shown.Name, fields)
	if len(drawn.Boxes) == 0 {
		return nil
	}
	var svg bytes.Buffer
	if err := drawn.Inline(&svg, picture.Links{Object: func(o picture.Object) string { return ids[o] }}); err != nil {
		return err
	}
	c.Picture = template.HTML(svg.String()) //nolint:gosec // the picture escapes what it shows
	return nil
}
