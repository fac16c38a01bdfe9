package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gantry/charts/diag"
)

// comparePage shows how two versions of a chart differ.
type comparePage struct {
	site

	Name, Chart string
	From, To    Version
	// Choice are the newest versions, of Total.
	Choice []Version
	Total  int64
	// Objects and Values are what differs, and Found how much that is in all.
	Objects []objectChanges
	Values  changes
	Found   struct{ Objects, Values int }

	Trouble string
}

// objectChanges is how two charts differ in an object.
type objectChanges struct {
	Kind, Name, Verb string
	Changes          changes
}

// Compare shows how two versions of a chart differ: by default the newest two.
func (p *Pages) Compare(w http.ResponseWriter, r *http.Request, v Visit, name string) error {
	q := r.URL.Query()
	versions, to, err := v.find(name, strings.TrimSpace(q.Get("to")))
	if err != nil {
		return err
	}
	older := min(to+1, len(versions)-1)
	_, from, err := v.find(name, cmp.Or(strings.TrimSpace(q.Get("from")), versions[older].Version))
	if err != nil {
		return err
	}
	c := &comparePage{
		site: v.site(name + " " + versions[from].Version + " → " + versions[to].Version), Name: name, From: versions[from], To: versions[to],
		Choice: versions[:min(len(versions), maxChoice)], Total: int64(len(versions)),
	}
	c.Chart = c.Base + "chart/" + url.PathEscape(name)
	if p.options.Inspector == nil {
		c.Trouble = "This server does not render charts."
		return p.show(w, r, http.StatusOK, "compare", c)
	}
	ctx, done, err := p.look(r.Context())
	if err != nil {
		return err
	}
	defer done()
	before, errBefore := Load(ctx, v.Library, name, c.From.Version)
	after, errAfter := Load(ctx, v.Library, name, c.To.Version)
	if err := errors.Join(errBefore, errAfter); err != nil {
		broken, ok := errors.AsType[*BrokenError](err)
		if !ok {
			return err
		}
		c.Trouble = broken.Error()
		return p.show(w, r, http.StatusOK, "compare", c)
	}
	comparison, err := p.options.Inspector.Compare(ctx, before, after)
	if err != nil {
		c.Trouble = trouble(err)
	}
	if comparison != nil {
		c.fill(comparison)
	}
	return p.show(w, r, http.StatusOK, "compare", c)
}

// maxChoice is how many versions are offered to choose from: a longer list nobody reads.
const maxChoice = 200

// Typed reports that there are more versions than are offered, and that they are typed
// for that reason.
func (c *comparePage) Typed() bool { return c.Total > int64(len(c.Choice)) }

// fill makes of a comparison what a page can show.
func (c *comparePage) fill(all *Comparison) {
	c.Found.Objects, c.Found.Values = len(all.Objects), len(all.Values)
	r := &room{maxChangedLines}
	c.Values = r.changes(all.Values)
	for _, o := range all.Objects {
		if r.left <= 0 {
			break
		}
		r.left--
		c.Objects = append(c.Objects, objectChanges{diag.Printable(o.Kind), diag.Printable(o.Name), o.Verb, r.changes(o.Changes)})
	}
}

// MoreObjects is how many objects there is no room for.
func (c *comparePage) MoreObjects() int { return c.Found.Objects - len(c.Objects) }
