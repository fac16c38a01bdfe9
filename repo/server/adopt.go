package server

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"

	"golang.org/x/sync/errgroup"

	"gantry/repo"
	"gantry/repo/blob"
)

// found is an archive that somebody else put into the store.
type found struct {
	info       blob.Info
	provenance string
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
	var lost []lostFile
	for _, seg := range s.catalog.current().published() {
		for _, r := range seg.shard.Versions {
			if strings.HasPrefix(r.Archive, ownFolder) {
				continue
			}
			file, ok := archives[r.Archive]
			if ok && file.info.Size == r.Size && file.info.ModTime.Equal(r.Adopted) && file.provenance == r.Provenance {
				delete(archives, r.Archive)
			} else if !ok {
				lost = append(lost, lostFile{seg.shard.Chart, r})
			}
		}
	}
	for _, l := range lost {
		if err := s.forget(ctx, l); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(loaders)
	for _, file := range archives {
		group.Go(func() error { return s.adoptOne(ctx, file) })
	}
	return group.Wait()
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

type lostFile struct {
	chart  string
	record record
}

// forget takes a version out whose file was removed by hand.
func (s *Server) forget(ctx context.Context, l lostFile) error {
	s.options.Log.WarnContext(ctx, "the file of a version is gone",
		slog.String("chart", l.chart), slog.String("version", l.record.Version), slog.String("file", l.record.Archive))
	return s.commitAdopted(ctx, l.chart, func(sh shard) (shard, error) {
		i, ok := sh.find(l.record.Version)
		if !ok || sh.Versions[i].Archive != l.record.Archive {
			return sh, errUnchanged
		}
		next := sh.without(i)
		next.Deleted = sh.Deleted // if the file comes back, so does the version
		return next, nil
	})
}

// adoptOne records one archive. What is no chart that could be served is left
// alone, with a warning.
func (s *Server) adoptOne(ctx context.Context, file found) error {
	r, chart, err := s.describeFile(ctx, file)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		s.warnFile(ctx, file, err.Error())
		return nil
	}
	return s.commitAdopted(ctx, chart, func(sh shard) (shard, error) {
		if sh.Chart != chart && len(sh.Versions) > 0 {
			s.warnFile(ctx, file, "its name differs from that of chart "+sh.Chart+" in case alone")
			return sh, errUnchanged
		}
		if sh.buried(r.Version, r.Digest) {
			return sh, errUnchanged
		}
		i, ok := sh.find(r.Version)
		if ok && sh.Versions[i].Archive != r.Archive {
			if sh.Versions[i].Digest != r.Digest {
				s.warnFile(ctx, file, "the version is published with other content")
			}
			return sh, errUnchanged
		}
		sh.Chart = chart
		return sh.with(r), nil
	})
}

func (s *Server) warnFile(ctx context.Context, file found, reason string) {
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
