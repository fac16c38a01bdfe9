package pages

import (
	"net/http"
	"net/url"
	"strconv"
)

// homePage is the list of charts.
type homePage struct {
	site

	Cards []*Card
	// Total is how many charts there are, and Found how many of them the query
	// finds.
	Total, Found, Versions int
	Commands               []command
	Page, Pages            int
	Previous, Next         string
}

// perPage is how many charts a page lists.
const perPage = 60

// Home lists the charts, or those that the query q finds.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request, v Visit) error {
	cards, err := v.Library.Cards()
	if err != nil {
		return err
	}
	query := r.URL.Query().Get("q")
	h := homePage{site: v.site("Charts"), Total: len(cards)}
	h.Query = query
	h.Commands = h.setUp()
	if len(cards) == 0 {
		h.Commands = h.firstChart()
	}
	for _, c := range cards {
		h.Versions += c.Versions
	}
	found := search(cards, query)
	h.Found = len(found)
	h.Pages = max(1, (len(found)+perPage-1)/perPage)
	h.Page, _ = strconv.Atoi(r.URL.Query().Get("page"))
	h.Page = min(max(h.Page, 1), h.Pages)
	first := (h.Page - 1) * perPage
	h.Cards = found[first:min(first+perPage, len(found))]
	if h.Page > 1 {
		h.Previous = pageAddress(query, h.Page-1)
	}
	if h.Page < h.Pages {
		h.Next = pageAddress(query, h.Page+1)
	}
	return p.show(w, r, http.StatusOK, "home", h)
}

func pageAddress(query string, page int) string {
	q := url.Values{"page": {strconv.Itoa(page)}}
	if query != "" {
		q.Set("q", query)
	}
	return "?" + q.Encode()
}
