package server

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"gantry/repo"
)

// chartList serves the sums of all charts of the index: who has an older index
// sees which charts have changed, asks for those alone (/@chart/NAME/), and puts
// together the same bytes as everybody else. Its tag is that of the index.
func (s *Server) chartList(w http.ResponseWriter, r *http.Request) error {
	snap := s.shown(r.Context())
	coding := chooseCoding(r.Header)
	tag := snap.tag()
	if coding != "" {
		tag += "-" + coding
	}
	h := w.Header()
	h.Set("Etag", `"`+tag+`"`)
	h.Add("Vary", "Accept-Encoding")
	h.Set("Cache-Control", s.cacheControl("no-cache"))
	if namesTag(r.Header.Get("If-None-Match"), snap.tag()) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	s.sendBody(w, r, snap.sums(), coding)
	return nil
}

// namesTag reports whether an If-None-Match header names the tag, in whichever
// form of the index it came with.
func namesTag(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		named := strings.Trim(strings.TrimPrefix(strings.TrimSpace(part), "W/"), `"`)
		if named == tag || strings.HasPrefix(named, tag+"-") {
			return true
		}
	}
	return false
}

func (s *snapshot) joinSums() *body {
	head, tail := s.frame()
	list := repo.ChartList{Head: head, Tail: tail, Charts: []repo.ChartSum{}}
	for _, seg := range s.published() {
		sum := seg.sum()
		list.Charts = append(list.Charts, repo.ChartSum{Name: seg.shard.Chart, Sum: hex.EncodeToString(sum[:])})
	}
	text, _ := json.Marshal(list) // strings can be encoded
	return newBody([]piece{s.encoder.piece(text)})
}
