package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"

	"gantry/repo/blob"
)

// A signature is a manifest that names another one as its subject. When that is gone,
// because a version was deleted or pruned, the signature means nothing any more: it goes
// with what it signs, after the same grace. What has a tag, or is part of an index of
// manifests, is there for its own sake and stays.

// referrer is a manifest that is there for the sake of another one.
type referrer struct {
	repository string
	artifact

	// parts are the contents that it is made of, once it is known to be an orphan.
	parts []string
}

// forItself reports whether a manifest of a record does not depend on another one.
func (a *artifacts) forItself(m artifact) bool {
	if m.Subject == "" {
		return true
	}
	for _, digest := range a.Tags {
		if digest == m.Digest {
			return true
		}
	}
	return false
}

// takeLive returns the referrers whose subjects are named, or that are named themselves,
// and forgets them.
func (c *checker) takeLive() []referrer {
	var live []referrer
	c.referrers = slices.DeleteFunc(c.referrers, func(r referrer) bool {
		if !c.named[digestKey(r.Subject)] && !c.named[digestKey(r.Digest)] && !c.members[r.Digest] {
			return false
		}
		live = append(live, r)
		return true
	})
	return live
}

// follow names what referrers are made of, as far as their subjects are there: first
// signatures of versions, then those of signatures. The others are orphans.
func (c *checker) follow(ctx context.Context) error {
	for live := c.takeLive(); len(live) > 0; live = c.takeLive() {
		if err := c.manifests(ctx, live); err != nil {
			return err
		}
	}
	return c.together(ctx, func(ctx context.Context) error {
		for i := range c.referrers {
			r := &c.referrers[i]
			c.group.Go(func() (err error) {
				r.parts, err = c.parts(ctx, Finding{Chart: r.repository}, r.Digest)
				return err
			})
		}
		return nil
	})
}

// orphans collects referrers whose subjects are gone, and returns what was found of them.
// Those that stay for now name what they are made of.
func (s *sweeper) orphans(ctx context.Context, c *checker, contents []blob.Info) ([]Unnamed, error) {
	there := make(map[string]blob.Info, len(contents))
	for _, info := range contents {
		there[info.Key] = info
	}
	var all []Unnamed
	for _, r := range c.referrers {
		var found *Unnamed
		if info, ok := there[digestKey(r.Digest)]; ok {
			var err error
			if found, err = s.content(ctx, info, func(ctx context.Context) (bool, error) { return s.forget(ctx, r) }); err != nil {
				return nil, err
			}
			s.seen[info.Key] = true
		}
		if found != nil {
			all = append(all, *found)
		}
		if found == nil || !found.Deleted {
			for _, key := range r.parts {
				c.named[key] = true
			}
		}
	}
	return all, nil
}

// errWanted reports a manifest that somebody has given a tag meanwhile.
var errWanted = errors.New("it has a tag")

// forget takes a referrer out of the record of its repository. Its content is claimed, so
// that nobody can publish it at the same time. It returns false where it is wanted again.
func (s *sweeper) forget(ctx context.Context, r referrer) (bool, error) {
	c := newCatalog(s.store, slog.New(slog.DiscardHandler))
	err := c.changeArtifacts(ctx, r.repository, func(a *artifacts) error {
		m, ok := a.find(r.Digest)
		switch {
		case !ok:
			return errUnchanged // somebody has deleted it
		case a.forItself(m):
			return errWanted
		}
		return a.remove(r.Digest)
	})
	if errors.Is(err, errWanted) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	// Whoever publishes the subject from now on has a new one. Whoever did before finds
	// what refers to it.
	back, err := c.holds(ctx, r.repository, r.Subject)
	if err != nil || !back {
		return err == nil, err
	}
	return false, c.changeArtifacts(ctx, r.repository, func(a *artifacts) error { return a.put(r.artifact, "") })
}

// holds reports whether a repository has a manifest, as the store knows it.
func (c *catalog) holds(ctx context.Context, name, digest string) (bool, error) {
	a, _, err := c.readArtifacts(ctx, name)
	if err != nil {
		return false, err
	}
	if _, ok := a.find(digest); ok {
		return true, nil
	}
	seg, err := c.reload(ctx, name)
	if err != nil || seg == nil || seg.shard.Chart != name {
		return false, err
	}
	return slices.ContainsFunc(seg.shard.Versions, func(r record) bool { return slices.Contains(r.manifests(), digest) }), nil
}

// parts returns the contents that a manifest is made of, and remembers the manifests
// that an index has as its members.
func (c *checker) parts(ctx context.Context, f Finding, digest string) ([]string, error) {
	data, _, err := c.store.Get(ctx, digestKey(digest))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil // told already, and what it named cannot be pulled by anybody
	}
	if err != nil {
		return nil, err
	}
	type part struct{ Digest string }
	var m struct {
		Config            part
		Layers, Manifests []part
	}
	if err := json.Unmarshal(data, &m); err != nil {
		if c.marking {
			c.find(Finding{Code: "content-damaged", Key: digestKey(digest), Chart: f.Chart, Version: f.Version, Message: "the manifest cannot be read: " + err.Error()})
		}
		return nil, nil // checks have told already, for it is not what was pushed
	}
	var keys []string
	for _, p := range append(m.Layers, m.Config) {
		if checkDigest(p.Digest) == nil {
			keys = append(keys, digestKey(p.Digest))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, member := range m.Manifests {
		c.members[member.Digest] = true
	}
	return keys, nil
}
