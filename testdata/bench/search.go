package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
)

// search looks for a chart in a repository whose index was fetched, beside helm, which
// reads the same files. The first search after an update reads the index; those that
// follow read what it has left behind.
func (b *bench) search(ctx context.Context) error {
	w := b.table("versions", "helm search repo", "gantry repo search", "ratio", "first after an update")
	const home, cache = ".config/helm/", ".cache/helm/repository/"
	for _, versions := range []int{1_000, 10_000, 100_000} {
		if _, err := b.writeFiles("", map[string]string{
			home + "repositories.yaml": "apiVersion: \"\"\nrepositories:\n- {name: bench, url: http://127.0.0.1:1}\n",
			cache + "bench-index.yaml": indexOf(versions),
		}); err != nil {
			return err
		}
		newest := filepath.Join(b.dir, cache, "bench-newest.gantry.json")
		word := fmt.Sprintf("chart-%04d", versions/perChart/2)
		got, err := b.race(ctx, min(b.runs, 5),
			contender{name: "helm search repo", argv: []string{b.helm, "search", "repo", word}},
			contender{name: "first gantry repo search", argv: []string{b.gantry, "repo", "search", word}},
			contender{name: "gantry repo search", argv: []string{b.gantry, "repo", "search", word}, undo: []string{"rm", newest}},
		)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%.3f\t%s\n", versions, ms(got[0].time), ms(got[2].time), ratio(got[2], got[0]), ms(got[1].time))
	}
	return b.end(w)
}

// indexOf is an index of so many versions, in JSON, which both tools read fastest.
func indexOf(versions int) string {
	var s strings.Builder
	s.WriteString(`{"apiVersion":"v1","generated":"2026-05-01T00:00:00Z","entries":{`)
	for c := range versions / perChart {
		name := fmt.Sprintf("chart-%04d", c)
		if c > 0 {
			s.WriteByte(',')
		}
		fmt.Fprintf(&s, "%q:[", name)
		for v := range perChart {
			if v > 0 {
				s.WriteByte(',')
			}
			_, _, entry := entryOf(name, c, v)
			s.WriteString(entry)
		}
		s.WriteByte(']')
	}
	s.WriteString("}}")
	return s.String()
}
