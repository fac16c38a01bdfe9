package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"gantry/repo"
)

const (
	// maxChanged is how many charts are fetched one by one. Where more have
	// changed, the whole index is less work.
	maxChanged = 100
	// parallelCharts is how many are asked for at once.
	parallelCharts = 8
)

// errWhole reports that the whole index is to be fetched.
var errWhole = errors.New("the whole index is needed")

// fetched is an index as it came from a server.
type fetched struct {
	data []byte
	etag string
	// list is where the server lists the charts of the index with their sums, or
	// empty.
	list string
}

// fetchChanged brings an index that was fetched before up to date: it asks for
// the charts that have changed alone. Whatever it does not understand of the
// answers is errWhole.
func (s *session) fetchChanged(ctx context.Context, target string, have fetched) (fetched, error) {
	var list repo.ChartList
	now := fetched{list: have.list}
	where, err := resolve(s.repo.URL, have.list)
	if err != nil {
		return fetched{}, errWhole
	}
	err = s.get(ctx, where, ifNoneMatch(have.etag), func(resp *http.Response) error {
		now.etag = resp.Header.Get("ETag")
		if resp.StatusCode == http.StatusNotModified {
			return nil
		}
		text, err := readLimited(resp.Body, s.client.limits.Index)
		if err != nil {
			return err
		}
		if json.Unmarshal(text, &list) != nil || list.Head == "" || now.etag == "" {
			return errWhole
		}
		return nil
	})
	if err != nil {
		return fetched{}, wholeUnlessGone(err)
	}
	if list.Head == "" {
		return have, nil
	}
	parts, err := repo.Parts(have.data)
	if err != nil {
		return fetched{}, errWhole
	}
	if err := s.fetchCharts(ctx, &list, parts); err != nil {
		return fetched{}, err
	}
	now.data = list.Join(parts)
	if int64(len(now.data)) > s.client.limits.Index {
		return fetched{}, fmt.Errorf("%s: %w: more than %d MiB", redact(target), ErrTooLarge, s.client.limits.Index>>20)
	}
	return now, nil
}

// fetchCharts adds the parts that are missing.
func (s *session) fetchCharts(ctx context.Context, list *repo.ChartList, parts map[string][]byte) error {
	missing := list.Missing(parts)
	if len(missing) > maxChanged {
		return errWhole
	}
	var (
		group, groupCtx = errgroup.WithContext(ctx)
		mu              sync.Mutex
	)
	group.SetLimit(parallelCharts)
	for _, name := range missing {
		group.Go(func() error {
			part, err := s.fetchChart(groupCtx, name)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			parts[name] = part
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return wholeUnlessGone(err)
	}
	// Somebody may publish meanwhile: what came is then newer than the list.
	if len(list.Missing(parts)) > 0 {
		return errWhole
	}
	return nil
}

// fetchChart returns the part of a chart.
func (s *session) fetchChart(ctx context.Context, name string) (part []byte, err error) {
	target, err := resolve(s.repo.URL, "@chart/"+url.PathEscape(name)+"/index.yaml")
	if err != nil {
		return nil, err
	}
	err = s.get(ctx, target, nil, func(resp *http.Response) error {
		text, err := readLimited(resp.Body, s.client.limits.Index)
		if err != nil {
			return err
		}
		parts, err := repo.Parts(text)
		part = parts[name]
		return err
	})
	return part, err
}

// wholeUnlessGone tells a server that does not know the way, for which there is
// another, from one that does not answer.
func wholeUnlessGone(err error) error {
	if _, ok := errors.AsType[*UnreachableError](err); ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return errWhole
}

// plainList takes the place of a list from a server's answer: a file right beside
// the index.
func plainList(name string) string {
	if strings.ContainsAny(name, `/\:?#%`) {
		return ""
	}
	return name
}

// ifNoneMatch asks for an answer only if there is another one than had that tag.
func ifNoneMatch(etag string) http.Header {
	if etag == "" {
		return nil
	}
	return http.Header{"If-None-Match": {etag}}
}
