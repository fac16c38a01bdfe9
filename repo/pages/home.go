package pages

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// homePage is the list of charts, and of repositories where there are many.
type homePage struct {
	site

	Repositories []repositoryRow
	// More is how many repositories are not shown: they are found by a query.
	More int
	// Below is the path that all of them begin with.
	Below string
	Cards []homeCard
	// Total is how many charts there are, and Found how many of them the query
	// finds.
	Total, Found, Versions int
	// Narrowed tells that a part of what there is was asked for.
	Narrowed bool
	Commands []command
	Orders   []order
	paging
}

// homeCard is a card in its place, with what changes all the time.
type homeCard struct {
	*Card

	// Repository is the path of another repository than the page's, with a slash at
	// its end.
	Repository string
	Downloads  int64
}

// repositoryRow is a repository among others.
type repositoryRow struct {
	Path             string
	Charts, Versions int
	Updated          time.Time
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
	// maxRepositories is how many repositories a page lists.
	maxRepositories = 200
)

// Home lists the charts, or those that the query q finds: those of all repositories
// where there are many.
func (p *Pages) Home(w http.ResponseWriter, r *http.Request, v Visit) error {
	query := r.URL.Query()
	h := homePage{site: v.site("Charts"), Below: v.Below}
	h.Query = query.Get("q")
	if h.Query != "" {
		h.Title = "Charts for “" + h.Query + "”"
	}
	h.Narrowed = h.Query != "" || h.Below != ""
	cards, err := h.gather(r.Context(), v)
	if err != nil {
		return err
	}
	if len(cards) == 0 && v.Below != "" {
		return &NotFoundError{What: "there is no repository below " + v.Below, Hint: "a repository is there when somebody first publishes to it"}
	}
	h.Commands = h.setUp()
	if len(cards) == 0 {
		h.Commands = h.firstChart(v.Depth)
	}
	h.Total = len(cards)
	found := search(cards, h.Query)
	h.Found = len(found)
	chosen := h.order(found, query.Get("sort"))
	first, end := h.turn(len(found), perPage, query.Get("page"), func(n int) string { return h.address(chosen, n) })
	h.Cards = found[first:end]
	return p.show(w, r, http.StatusOK, "home", &h)
}

// gather collects the cards of the repository, and of those below it.
func (h *homePage) gather(ctx context.Context, v Visit) ([]homeCard, error) {
	all := []Repository{{Library: v.Library}}
	if v.Depth > 0 {
		below, err := v.Library.Repositories(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	var cards []homeCard
	for _, one := range all {
		if !strings.HasPrefix(one.Path, v.Below) {
			continue
		}
		own, err := one.Library.Cards()
		if err != nil {
			return nil, err
		}
		row := repositoryRow{Path: one.Path, Charts: len(own)}
		for _, c := range own {
			card := homeCard{Card: c, Downloads: one.Library.Downloads(c.Name, "")}
			if one.Path != "" {
				card.Repository = one.Path + "/"
			}
			cards = append(cards, card)
			row.Versions += c.Versions
			if c.Updated.After(row.Updated) {
				row.Updated = c.Updated
			}
		}
		h.Versions += row.Versions
		if one.Path != "" {
			h.Repositories = append(h.Repositories, row)
		}
	}
	h.More = max(0, len(h.Repositories)-maxRepositories)
	h.Repositories = h.Repositories[:len(h.Repositories)-h.More]
	return cards, nil
}

// Places says in how many repositories the charts are, when it is not the one alone.
func (h *homePage) Places() string {
	switch n := len(h.Repositories) + h.More; n {
	case 0:
		return ""
	case 1:
		return "1 repository"
	default:
		return strconv.Itoa(n) + " repositories"
	}
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
		{"name", "Name", func(a, b homeCard) int {
			return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Repository, b.Repository))
		}},
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
