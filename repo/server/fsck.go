package server

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"gantry/repo"
	"gantry/repo/blob"
)

// CheckOptions say how closely Check looks.
type CheckOptions struct {
	// Quick looks at names and sizes, and reads no content.
	Quick bool
}

// Report is what Check found.
type Report struct {
	Charts   int       `json:"charts"`
	Versions int       `json:"versions"`
	Findings []Finding `json:"findings"`
	// Unreferenced are contents that no version and no manifest names: what was
	// deleted or replaced, and uploads that came to nothing. They cost room and
	// are otherwise harmless.
	Unreferenced      int   `json:"unreferenced"`
	UnreferencedBytes int64 `json:"unreferencedBytes"`
	// Orphans are manifests, such as signatures, of others that are gone. They are
	// collected as well.
	Orphans int `json:"orphans"`
	// Unserved are archives that lie in the folder and that no version is made of: they
	// were deleted, or no server has seen them yet, or its log says why.
	Unserved int `json:"unserved"`
}

// Finding is something that is damaged or missing.
type Finding struct {
	// Code is stable: record-damaged, content-missing, content-damaged,
	// signature-wrong or tag-dangling.
	Code    string `json:"code"`
	Key     string `json:"key"`
	Chart   string `json:"chart,omitempty"`
	Version string `json:"version,omitempty"`
	Message string `json:"message"`
}

// checker reads a store and remembers what is named in it.
type checker struct {
	store blob.Store
	quick bool
	// marking only wants to know what is named.
	marking bool
	group   *errgroup.Group

	// referrers are manifests that are there for the sake of another one: all, until
	// those are known whose subject is there.
	referrers []referrer

	mu     sync.Mutex
	report Report
	named  map[string]bool
	// members are the manifests that an index of manifests names.
	members map[string]bool
}

func newChecker(store blob.Store) *checker {
	return &checker{store: store, named: map[string]bool{}, members: map[string]bool{}, report: Report{Findings: []Finding{}}}
}

// Check reads a whole store: every record, and the content that it names. It
// writes nothing, and may run while servers do; what they change meanwhile it may
// see or not. The error is that of a store that cannot be read.
func Check(ctx context.Context, store blob.Store, options CheckOptions) (*Report, error) {
	c := newChecker(store)
	c.quick = options.Quick
	contents, err := c.walk(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.checkOrphans(ctx); err != nil {
		return nil, err
	}
	for _, info := range contents {
		if !c.named[info.Key] {
			c.report.Unreferenced++
			c.report.UnreferencedBytes += info.Size
		}
	}
	if err := c.loose(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(c.report.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Chart, b.Chart), -repo.CompareVersions(a.Version, b.Version), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Code, b.Code))
	})
	return &c.report, nil
}

// loose counts the archives that others have put into the store and that are not named.
func (c *checker) loose(ctx context.Context) error {
	for info, err := range c.store.List(ctx, "", "") {
		if err != nil {
			return err
		}
		if strings.HasSuffix(info.Key, repo.ArchiveExt) && !c.named[info.Key] {
			c.report.Unserved++
		}
	}
	return nil
}

// walk follows all records, and returns the contents that there are.
func (c *checker) walk(ctx context.Context) ([]blob.Info, error) {
	// What was uploaded since is named by records that were not read, so the
	// contents are listed first. What refers to a version came after it, so the
	// versions are read last.
	contents, err := c.contents(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.together(ctx, c.artifacts, c.charts); err != nil {
		return nil, err
	}
	return contents, c.follow(ctx)
}

// together takes steps that hand work to the group, and waits for all of it.
func (c *checker) together(ctx context.Context, steps ...func(context.Context) error) error {
	var groupCtx context.Context
	c.group, groupCtx = errgroup.WithContext(ctx)
	c.group.SetLimit(loaders)
	for _, step := range steps {
		if err := step(groupCtx); err != nil {
			return errors.Join(err, c.group.Wait())
		}
	}
	return c.group.Wait()
}

// checkOrphans looks at what goes with the next collections: until then it is served.
func (c *checker) checkOrphans(ctx context.Context) error {
	c.report.Orphans = len(c.referrers)
	return c.manifests(ctx, c.referrers)
}

// manifests checks manifests that are there for the sake of others.
func (c *checker) manifests(ctx context.Context, all []referrer) error {
	return c.together(ctx, func(ctx context.Context) error {
		for _, r := range all {
			c.group.Go(func() error { return c.manifest(ctx, Finding{Chart: r.repository}, r.Digest) })
		}
		return nil
	})
}

// contents lists what is kept by digest.
func (c *checker) contents(ctx context.Context) ([]blob.Info, error) {
	folders := []string{sha512Folder}
	for i := range 256 {
		folders = append(folders, fmt.Sprintf("%s%02x/", blobFolder, i))
	}
	var all []blob.Info
	for _, folder := range folders {
		for info, err := range c.store.List(ctx, folder, "") {
			if err != nil {
				return nil, err
			}
			all = append(all, info)
		}
	}
	return all, nil
}

func (c *checker) find(f Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Findings = append(c.report.Findings, f)
}

func (c *checker) name(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.named[key] = true
}

// charts checks the record of every chart.
func (c *checker) charts(ctx context.Context) error {
	for info, err := range c.store.List(ctx, shardFolder, "") {
		if err != nil {
			return err
		}
		data, _, err := c.store.Get(ctx, info.Key)
		if errors.Is(err, blob.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		sh, err := decodeShard(data)
		if err == nil && shardKey(sh.Chart) != info.Key {
			err = fmt.Errorf("it is about chart %q", sh.Chart)
		}
		if err != nil {
			c.find(Finding{Code: "record-damaged", Key: info.Key, Chart: chartOf(info.Key), Message: "the record cannot be read: " + err.Error()})
			continue
		}
		if len(sh.Versions) > 0 {
			c.report.Charts++
		}
		c.report.Versions += len(sh.Versions)
		for _, r := range sh.Versions {
			c.group.Go(func() error { return c.version(ctx, sh.Chart, r) })
		}
	}
	return nil
}

// version checks what a version is made of.
func (c *checker) version(ctx context.Context, chart string, r record) error {
	if r.remote() {
		return nil // its content was not asked for yet
	}
	f := Finding{Chart: chart, Version: r.Version}
	if err := c.content(ctx, f, r.Archive, sha256Prefix+r.Digest); err != nil {
		return err
	}
	if r.Provenance != "" {
		if err := c.signature(ctx, f, r); err != nil {
			return err
		}
	}
	for _, digest := range r.manifests() {
		if err := c.manifest(ctx, f, digest); err != nil {
			return err
		}
	}
	return nil
}

// content checks that something is there and has its digest.
func (c *checker) content(ctx context.Context, f Finding, key, digest string) error {
	c.name(key)
	if c.marking {
		return nil
	}
	f.Key = key
	o, err := c.store.Open(ctx, key)
	if errors.Is(err, blob.ErrNotFound) {
		f.Code, f.Message = "content-missing", "the content is not there"
		c.find(f)
		return nil
	}
	if err != nil {
		return err
	}
	defer o.Close()
	if c.quick {
		return nil
	}
	sum, err := digestLike(digest, o)
	if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if sum != digest {
		f.Code, f.Message = "content-damaged", "the content is "+sum+", and the record says "+digest
		c.find(f)
	}
	return nil
}

func (c *checker) signature(ctx context.Context, f Finding, r record) error {
	c.name(r.Provenance)
	if c.marking {
		return nil
	}
	f.Key = r.Provenance
	text, _, err := c.store.Get(ctx, r.Provenance)
	if errors.Is(err, blob.ErrNotFound) {
		f.Code, f.Message = "content-missing", "the signature is not there"
		c.find(f)
		return nil
	}
	if err != nil {
		return err
	}
	if err := checkProvenance(text, f.Chart, f.Version, r.Digest); err != nil {
		f.Code, f.Message = "signature-wrong", err.Error()
		c.find(f)
	}
	return nil
}

// manifest checks a manifest and names what it is made of.
func (c *checker) manifest(ctx context.Context, f Finding, digest string) error {
	if !ourDigest().MatchString(digest) {
		f.Code, f.Message = "record-damaged", "the record names a manifest "+strconv.Quote(digest)
		c.find(f)
		return nil
	}
	if err := c.content(ctx, f, digestKey(digest), digest); err != nil {
		return err
	}
	keys, err := c.parts(ctx, f, digest)
	for _, key := range keys {
		c.name(key)
	}
	return err
}

// artifacts checks the records of what a registry holds beside charts.
func (c *checker) artifacts(ctx context.Context) error {
	for info, err := range c.store.List(ctx, ociFolder, "") {
		if err != nil {
			return err
		}
		data, _, err := c.store.Get(ctx, info.Key)
		if errors.Is(err, blob.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		f := Finding{Key: info.Key, Chart: repositoryOf(info.Key)}
		var a artifacts
		if err := json.Unmarshal(data, &a); err != nil {
			f.Code, f.Message = "record-damaged", "the record cannot be read: "+err.Error()
			c.find(f)
			continue
		}
		for tag := range a.Tags {
			if _, ok := a.find(tag); !ok {
				c.find(Finding{Code: "tag-dangling", Key: info.Key, Chart: a.Name, Version: tag, Message: "the tag names a manifest that is not there"})
			}
		}
		for _, m := range a.Manifests {
			if !a.forItself(m) && checkDigest(m.Digest) == nil && checkDigest(m.Subject) == nil {
				c.referrers = append(c.referrers, referrer{repository: repositoryOf(info.Key), artifact: m})
				continue
			}
			c.group.Go(func() error { return c.manifest(ctx, Finding{Chart: a.Name}, m.Digest) })
		}
	}
	return nil
}
