package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"gantry/repo"
	"gantry/repo/blob"
)

// found is an archive that somebody else put into the store.
type found struct {
	info       blob.Info
	provenance string
	// record is what was read of it.
	record record
}

// adopt brings the records in line with the archives that lie at the root of the
// store: new ones are read and recorded, those that are gone are taken out. The
// files stay where they are. A record is written once, so the next start reads
// records alone.
func (s *Server) adopt(ctx context.Context) error {
	archives, err := s.looseArchives(ctx)
	if err != nil {
		return err
	}
	var lost []lostFiles
	for _, seg := range s.catalog.current().published() {
		gone := lostFiles{chart: seg.shard.Chart}
		for _, r := range seg.shard.Versions {
			if strings.HasPrefix(r.Archive, ownFolder) {
				continue
			}
			file, ok := archives[r.Archive]
			if ok && file.info.Size == r.Size && file.info.ModTime.Equal(r.Adopted) && file.provenance == r.Provenance {
				delete(archives, r.Archive)
			} else if !ok {
				gone.records = append(gone.records, r)
			}
		}
		if len(gone.records) > 0 {
			lost = append(lost, gone)
		}
	}
	for _, l := range lost {
		if err := s.forget(ctx, l); err != nil {
			return err
		}
	}
	return s.adoptAll(ctx, archives)
}

// adoptedAtOnce is how many archives are read before their records are written: what a
// server that is killed reads again.
const adoptedAtOnce = 1000

// adoptAll records archives, one write for those of a chart: a record is written as a
// whole, and a folder may hold thousands of versions of one chart. Of two files with the
// same version the first by name is taken.
func (s *Server) adoptAll(ctx context.Context, archives map[string]found) error {
	read := 0
	for keys := range slices.Chunk(slices.Sorted(maps.Keys(archives)), adoptedAtOnce) {
		files := make([]found, len(keys))
		for i, key := range keys {
			files[i] = archives[key]
		}
		if err := s.adoptSome(ctx, files); err != nil {
			return err
		}
		if read += len(files); len(archives) > adoptedAtOnce {
			s.options.Log.InfoContext(ctx, "archives of the store are read", slog.Int("read", read), slog.Int("of", len(archives)))
		}
	}
	return nil
}

// adoptSome reads archives and records them.
func (s *Server) adoptSome(ctx context.Context, files []found) error {
	charts := make([]string, len(files))
	reading, within := errgroup.WithContext(ctx)
	reading.SetLimit(loaders)
	for i := range files {
		reading.Go(func() (err error) {
			charts[i], err = s.readLoose(within, &files[i])
			return err
		})
	}
	if err := reading.Wait(); err != nil {
		return err
	}
	byChart := map[string][]found{}
	for i, chart := range charts {
		if chart != "" {
			byChart[chart] = append(byChart[chart], files[i])
		}
	}
	recording, within := errgroup.WithContext(ctx)
	recording.SetLimit(loaders)
	for chart, files := range byChart {
		recording.Go(func() error { return s.adoptChart(within, chart, files) })
	}
	return recording.Wait()
}

// looseArchives lists the archives at the root of the store by key.
func (s *Server) looseArchives(ctx context.Context) (map[string]found, error) {
	archives, signatures := map[string]found{}, map[string]bool{}
	for info, err := range s.catalog.store.List(ctx, "", "") {
		switch {
		case err != nil:
			return nil, err
		case strings.HasSuffix(info.Key, repo.ArchiveExt):
			archives[info.Key] = found{info: info}
		case strings.HasSuffix(info.Key, repo.ProvenanceExt):
			signatures[info.Key] = true
		}
	}
	for key, file := range archives {
		if prov := strings.TrimSuffix(key, repo.ArchiveExt) + repo.ProvenanceExt; signatures[prov] {
			file.provenance = prov
			archives[key] = file
		}
	}
	return archives, nil
}

type lostFiles struct {
	chart   string
	records []record
}

// forget takes versions out whose files were removed by hand.
func (s *Server) forget(ctx context.Context, l lostFiles) error {
	for _, r := range l.records {
		s.options.Log.WarnContext(ctx, "the file of a version is gone",
			slog.String("chart", l.chart), slog.String("version", r.Version), slog.String("file", r.Archive))
	}
	return s.commitAdopted(ctx, l.chart, func(sh shard) (shard, error) {
		deleted, changed := sh.Deleted, false // if a file comes back, so does its version
		for _, r := range l.records {
			if i, ok := sh.find(r.Version); ok && sh.Versions[i].Archive == r.Archive {
				sh, changed = sh.without(i), true
			}
		}
		sh.Deleted = deleted
		if !changed {
			return sh, errUnchanged
		}
		return sh, nil
	})
}

// readLoose describes an archive. What is no chart that could be served is left alone,
// with a warning.
func (s *Server) readLoose(ctx context.Context, file *found) (chart string, err error) {
	file.record, chart, err = s.describeFile(ctx, *file)
	if err != nil && ctx.Err() == nil {
		s.warnFile(ctx, *file, err.Error())
		return "", nil
	}
	return chart, err
}

// adoptChart records archives of a chart.
func (s *Server) adoptChart(ctx context.Context, chart string, files []found) error {
	return s.commitAdopted(ctx, chart, func(sh shard) (shard, error) {
		if sh.Chart != chart && len(sh.Versions) > 0 {
			for _, file := range files {
				s.warnFile(ctx, file, "its name differs from that of chart "+sh.Chart+" in case alone")
			}
			return sh, errUnchanged
		}
		records := s.fitting(ctx, sh, files)
		if len(records) == 0 {
			return sh, errUnchanged
		}
		sh.Chart = chart
		return sh.withAll(records), nil
	})
}

// fitting returns what becomes a version of a chart.
func (s *Server) fitting(ctx context.Context, sh shard, files []found) (records []record) {
	taken := make(map[string]record, len(sh.Versions)+len(files))
	for _, r := range sh.Versions {
		taken[r.Version] = r
	}
	for _, file := range files {
		r := file.record
		have, there := taken[r.Version]
		switch {
		case sh.buried(r.Version, r.Digest):
		case !there || have.Archive == r.Archive:
			taken[r.Version] = r
			records = append(records, r)
		case have.Digest != r.Digest:
			s.warnFile(ctx, file, "the version is published with other content")
		}
	}
	return records
}

// warnFile tells of a file once: it is looked at again now and then.
func (s *Server) warnFile(ctx context.Context, file found, reason string) {
	if told, ok := s.warned.Swap(file.info.Key, reason); ok && told == reason {
		return
	}
	s.options.Log.WarnContext(ctx, "a file is not served as a chart", slog.String("file", file.info.Key), slog.String("reason", reason))
}

func (s *Server) describeFile(ctx context.Context, file found) (r record, chart string, err error) {
	o, err := s.catalog.store.Open(ctx, file.info.Key)
	if err != nil {
		return record{}, "", err
	}
	defer o.Close()
	meta, err := inspect(o, o.Size, s.options.Limits)
	if err != nil {
		return record{}, "", err
	}
	if _, err := o.Seek(0, io.SeekStart); err != nil {
		return record{}, "", err
	}
	digest, size, err := repo.Digest(o)
	if err != nil {
		return record{}, "", err
	}
	r = record{
		Digest: digest, Size: size, Created: o.ModTime.UTC(),
		Archive: file.info.Key, Provenance: file.provenance, Adopted: o.ModTime,
	}
	return r, meta.Name, s.describe(&r, meta)
}

// commitAdopted commits, and where the store cannot be written keeps the change
// in memory: a folder that is only to be read can be served.
func (s *Server) commitAdopted(ctx context.Context, chart string, change func(shard) (shard, error)) error {
	err := s.catalog.commit(ctx, chart, change)
	if !isReadOnly(err) {
		return err
	}
	return s.catalog.remember(chart, change)
}

// remember applies a change to a chart in memory alone.
func (c *catalog) remember(chart string, change func(shard) (shard, error)) error {
	defer c.queue(shardKey(chart))()
	before, etag := shard{Chart: chart}, ""
	if seg := c.current().find(chart); seg != nil {
		before, etag = seg.shard, seg.etag
	}
	after, err := change(before)
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return err
	}
	c.replace(fold(chart), c.encoder.segment(after, etag))
	return nil
}
