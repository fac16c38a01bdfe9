package pages

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// homePage is the list of charts.
type homePage struct {
	site

	Cards []homeCard
	// Total is how many charts there are, and Found how many of them the query
	// finds.
	Total, Found, Versions int
	Commands               []command
	Orders                 []order
	Page, Pages            int
	Previous, Next         string
}

// homeCard is a card with what changes all the time.
type homeCard struct {
	*Card

	Downloads int64
}

// order is a way to sort the list.
type order struct {
	Name, Address string
	Current       bool
}

const (
	// perPage is how many charts a page lists.
	perPage = 60
	// fewCards need no orders to choose from.
	fewCards = 3
)

// Home lists the charts, or those that the query q finds.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request, v Visit) error {
	cards, err := v.Library.Cards()
	if err != nil {
		return err
	}
	query := r.URL.Query()
	h := homePage{site: v.site("Charts"), Total: len(cards)}
	h.Query = query.Get("q")
	h.Commands = h.setUp()
	if len(cards) == 0 {
		h.Commands = h.firstChart()
	}
	for _, c := range cards {
		h.Versions += c.Versions
	}
	found := make([]homeCard, 0, len(cards))
	for _, c := range search(cards, h.Query) {
		found = append(found, homeCard{c, v.Library.Downloads(c.Name, "")})
	}
	h.Found = len(found)
	chosen := h.order(found, query.Get("sort"))
	h.Pages = max(1, (len(found)+perPage-1)/perPage)
	h.Page, _ = strconv.Atoi(query.Get("page"))
	h.Page = min(max(h.Page, 1), h.Pages)
	first := (h.Page - 1) * perPage
	h.Cards = found[first:min(first+perPage, len(found))]
	if h.Page > 1 {
		h.Previous = h.address(chosen, h.Page-1)
	}
	if h.Page < h.Pages {
		h.Next = h.address(chosen, h.Page+1)
	}
	return p.show(w, r, http.StatusOK, "home", h)
}

// order sorts the cards as somebody wants them, and offers the other orders: by name
// at first, and for a query what it finds best. It returns what of the order an
// address has to say.
func (h *homePage) order(cards []homeCard, wanted string) (chosen string) {
	type way struct {
		key, name string
		compare   func(a, b homeCard) int
	}
	orders := []way{
		{"best", "Best match", nil}, // as the search has found them
		{"name", "Name", func(a, b homeCard) int { return cmp.Compare(a.Name, b.Name) }},
		{"newest", "Newest", func(a, b homeCard) int { return b.Updated.Compare(a.Updated) }},
		{"downloads", "Most downloaded", func(a, b homeCard) int { return cmp.Compare(b.Downloads, a.Downloads) }},
	}
	if h.Query == "" {
		orders = orders[1:]
	}
	place := max(0, slices.IndexFunc(orders, func(o way) bool { return o.key == wanted }))
	if compare := orders[place].compare; compare != nil {
		slices.SortStableFunc(cards, compare)
	}
	key := func(i int) string {
		if i == 0 {
			return ""
		}
		return orders[i].key
	}
	if len(cards) > fewCards {
		for i, o := range orders {
			h.Orders = append(h.Orders, order{o.name, h.address(key(i), 1), i == place})
		}
	}
	return key(place)
}

// address is that of the list with the query of this one, in some order, at some page.
func (h *homePage) address(order string, page int) string {
	q := url.Values{}
	if page > 1 {
		q.Set("page", strconv.Itoa(page))
	}
	if h.Query != "" {
		q.Set("q", h.Query)
	}
	if order != "" {
		q.Set("sort", order)
	}
	return "?" + q.Encode()
}
