package server

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"

	"gantry/charts/diag"
	"gantry/repo"
)

// apiCharts lists charts: a map from names to versions. As in ChartMuseum, offset leaves
// out so many of the first names, and limit is how many follow.
func (s *Server) apiCharts(w http.ResponseWriter, r *http.Request) error {
	offset, err := queryCount(r, "offset", 0, 0)
	if err != nil {
		return err
	}
	limit, err := queryCount(r, "limit", 1, math.MaxInt)
	if err != nil {
		return err
	}
	charts := s.shown(r.Context()).published()
	charts = charts[min(offset, len(charts)):]
	all := [][]byte{[]byte("{")}
	for i, seg := range charts[:min(limit, len(charts))] {
		if i > 0 {
			all = append(all, []byte(","))
		}
		all = append(all, seg.json.plain)
	}
	writeRaw(w, append(all, []byte("}\n"))...)
	return nil
}

// queryCount reads a number from the query, which is absent unless it is given.
func queryCount(r *http.Request, key string, least, absent int) (int, error) {
	query := r.URL.Query()
	if !query.Has(key) {
		return absent, nil
	}
	n, err := strconv.Atoi(query.Get(key))
	if err != nil || n < least {
		return 0, badRequest("query-invalid", fmt.Sprintf("%s %q is no number from %d on", key, query.Get(key), least), "")
	}
	return n, nil
}

// apiChart lists the versions of a chart, newest first.
func (s *Server) apiChart(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	snap := s.shown(r.Context())
	seg := snap.find(name)
	if seg == nil || seg.shard.Chart != name || len(seg.shard.Versions) == 0 {
		return unknownChart(snap, name)
	}
	writeRaw(w, seg.versionsJSON(), []byte("\n"))
	return nil
}

// apiVersion shows one version of a chart.
func (s *Server) apiVersion(w http.ResponseWriter, r *http.Request) error {
	seg, i, err := lookupMeant(s.shown(r.Context()), r.PathValue("name"), r.PathValue("version"))
	if err != nil {
		return err
	}
	writeRaw(w, seg.shard.Versions[i].Entry, []byte("\n"))
	return nil
}

func writeRaw(w http.ResponseWriter, pieces ...[]byte) { writeText(w, "application/json", pieces...) }

// writeText sends pieces as they are: together they may be as large as the index, and
// clients may take long.
func writeText(w http.ResponseWriter, kind string, pieces ...[]byte) {
	size := 0
	for _, p := range pieces {
		size += len(p)
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Length", strconv.Itoa(size))
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Content-Type-Options", "nosniff")
	out := bufio.NewWriterSize(w, min(size, sendBuffer))
	for _, p := range pieces {
		_, _ = out.Write(p) // a client that is gone needs no answer
	}
	_ = out.Flush()
}

// maxMeant is how long a version may be that means others: a chart may have many, and
// each part of it is held against each of them.
const maxMeant = 100

// lookupMeant finds the version that somebody means who reads, as ChartMuseum does: that
// one, or the newest that meets a constraint such as ^1.2, or latest, which is the newest
// release, or the newest pre-release when there is no release.
func lookupMeant(snap *snapshot, name, version string) (*segment, int, error) {
	seg, i, err := lookup(snap, name, version)
	if err == nil || seg == nil || len(version) > maxMeant {
		return seg, i, err
	}
	versions := seg.shard.names()
	if version == "latest" {
		i, err := repo.Choose(versions, "")
		return seg, max(i, 0), err
	}
	// What is no constraint means nothing.
	if i, meantErr := repo.Choose(versions, version); meantErr == nil && i >= 0 {
		return seg, i, nil
	}
	return seg, 0, err
}

// lookup finds a version, or says what there is instead; the chart is there with the
// error when it has others.
func lookup(snap *snapshot, name, version string) (*segment, int, error) {
	seg := snap.find(name)
	if seg == nil || seg.shard.Chart != name || len(seg.shard.Versions) == 0 {
		return nil, 0, unknownChart(snap, name)
	}
	if i, ok := seg.shard.find(version); ok {
		return seg, i, nil
	}
	versions := seg.shard.names()
	return seg, 0, chartNotFound(
		fmt.Sprintf("%s has no version %q", name, version),
		"the newest are "+strings.Join(versions[:min(5, len(versions))], ", "))
}

func unknownChart(snap *snapshot, name string) *problem {
	hint := "the index at /index.yaml lists what there is"
	if near := diag.Nearest(name, snap.names()); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return chartNotFound(fmt.Sprintf("there is no chart %q", name), hint)
}

// remove takes a version out of the index.
func (s *Server) remove(w http.ResponseWriter, r *http.Request) error {
	name, version := r.PathValue("name"), r.PathValue("version")
	if s.options.NoDelete {
		return &problem{
			Status: http.StatusMethodNotAllowed, Code: "delete-disabled", Message: "this server lets nobody delete",
			Hint: "its operator deletes by rules, with: gantry repo prune",
		}
	}
	if err := s.authorize(r.Context(), VerbDelete, name); err != nil {
		s.audit(r, deed{action: auditDelete, name: name, version: version}, err)
		return err
	}
	if _, _, err := lookup(s.catalog.current(), name, version); err != nil {
		return err
	}
	err := s.removeVersion(r.Context(), name, version)
	s.audit(r, deed{action: auditDelete, name: name, version: version}, err)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]bool{"deleted": true})
	return nil
}

// removeVersion takes a version out of the index. Its content stays in the store
// until it is collected: another upload of the same content may be on its way.
func (s *Server) removeVersion(ctx context.Context, name, version string) error {
	var manifests []string
	err := s.catalog.commit(ctx, name, func(sh shard) (shard, error) {
		i, ok := sh.find(version)
		if !ok {
			return sh, chartNotFound(fmt.Sprintf("%s has no version %q", name, version), "somebody else has deleted it")
		}
		manifests = sh.Versions[i].manifests()
		return sh.without(i), nil
	})
	if err != nil {
		return err
	}
	return s.catalog.forgetReferrers(ctx, name, manifests)
}
