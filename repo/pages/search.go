package pages

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxQuery is how much of a query counts, in bytes.
const maxQuery = 200

// search returns the cards in which every word of the query occurs, those whose
// name it is in front. An empty query finds everything, by name.
func search(cards []homeCard, query string) []homeCard {
	if len(query) > maxQuery {
		query = strings.ToValidUTF8(query[:maxQuery], "")
	}
	words := strings.Fields(strings.ToLower(query))
	if len(words) == 0 {
		return cards
	}
	type hit struct {
		card  homeCard
		score int
	}
	var hits []hit
	for _, card := range cards {
		if score := card.score(words); score > 0 {
			hits = append(hits, hit{card, score})
		}
	}
	slices.SortStableFunc(hits, func(a, b hit) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.card.Name, b.card.Name), cmp.Compare(a.card.Repository, b.card.Repository))
	})
	found := make([]homeCard, len(hits))
	for i, h := range hits {
		found[i] = h.card
	}
	return found
}

// score says how well words describe a chart; 0 is not at all.
func (c homeCard) score(words []string) int {
	name, description := strings.ToLower(c.Name), strings.ToLower(c.Description)
	total := 0
	for _, word := range words {
		best := 0
		switch {
		case name == word:
			best = 100
		case strings.HasPrefix(name, word):
			best = 50 + utf8.RuneCountInString(word)
		case strings.Contains(name, word):
			best = 30
		case slices.ContainsFunc(c.Keywords, func(k string) bool { return strings.EqualFold(k, word) }):
			best = 20
		case slices.ContainsFunc(c.Keywords, func(k string) bool { return strings.Contains(strings.ToLower(k), word) }):
			best = 10
		case strings.Contains(description, word), strings.Contains(c.Repository, word):
			best = 5
		case strings.EqualFold(c.AppVersion, word) || strings.EqualFold(c.Version, word):
			best = 5
		}
		if best == 0 {
			return 0
		}
		total += best
	}
	return total
}
