package pages

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
)

// comparePage shows how two versions of a chart differ.
type comparePage struct {
	site

	Name, Chart string
	All         []Version
	From, To    Version
	*Comparison

	Trouble string
}

// Compare shows how two versions of a chart differ: by default the newest two.
func (p *Pages) Compare(w http.ResponseWriter, r *http.Request, v Visit, name string) error {
	q := r.URL.Query()
	versions, to, err := v.find(name, q.Get("to"))
	if err != nil {
		return err
	}
	older := min(to+1, len(versions)-1)
	_, from, err := v.find(name, cmp.Or(q.Get("from"), versions[older].Version))
	if err != nil {
		return err
	}
	c := &comparePage{
		site: v.site(name + ": what has changed"), Name: name, All: versions, From: versions[from], To: versions[to], Comparison: &Comparison{},
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
	before, errBefore := p.load(ctx, v.Library, name, c.From.Version)
	after, errAfter := p.load(ctx, v.Library, name, c.To.Version)
	if err := errors.Join(errBefore, errAfter); err != nil {
		return err
	}
	comparison, err := p.options.Inspector.Compare(ctx, before, after)
	if err != nil {
		c.Trouble = trouble(err)
	} else {
		c.Comparison = comparison
	}
	return p.show(w, r, http.StatusOK, "compare", c)
}
