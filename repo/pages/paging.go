package pages

import "strconv"

// paging is a page of a list that is too long for one.
type paging struct {
	Page, Pages int
	// Previous and Next are addresses, and empty where there is no such page.
	Previous, Next string
}

// turn opens the page that was asked for, or the nearest there is, and returns which part
// of the list it has.
func (p *paging) turn(total, perPage int, asked string, address func(page int) string) (first, end int) {
	p.Pages = max(1, (total+perPage-1)/perPage)
	p.Page, _ = strconv.Atoi(asked)
	p.Page = min(max(p.Page, 1), p.Pages)
	if p.Page > 1 {
		p.Previous = address(p.Page - 1)
	}
	if p.Page < p.Pages {
		p.Next = address(p.Page + 1)
	}
	first = (p.Page - 1) * perPage
	return first, min(first+perPage, total)
}
