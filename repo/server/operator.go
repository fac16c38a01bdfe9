package server

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gantry/repo/blob"
)

// Operator is somebody who works on a store without a server in between, such as at a
// command line. What an operator does is in the journal beside what servers were asked,
// in objects of its own, so that both can write at once.
type Operator struct {
	Store blob.Store
	// User is who it is, and From what stands in place of the address of a client.
	User, From string
	// Now is the clock. It has no default.
	Now func() time.Time
}

// CreateToken makes a token with the name, scopes and end of the request, and
// returns it with its secret, which nobody can see again. There is a token wherever
// there is a secret, though the error may be that the journal could not be written.
func (o Operator) CreateToken(ctx context.Context, request Token) (Token, Secret, error) {
	t, secret, err := makeToken(ctx, o.Store, request, o.Now())
	if err != nil {
		return t, secret, err
	}
	return t, secret, o.note(ctx, deed{action: auditTokenCreate, token: t.label()})
}

// RevokeToken ends a token. It stays in the list, so that the log can be read.
func (o Operator) RevokeToken(ctx context.Context, id string) (Token, error) {
	t, err := endToken(ctx, o.Store, id, o.Now())
	if err != nil {
		return t, err
	}
	return t, o.note(ctx, deed{action: auditTokenRevoke, token: t.label()})
}

// Expire takes versions out of a repository, as [FindExpired] has found them, while
// servers run. The path is that of one of many repositories of the store, such as
// org/repo, or empty. What was replaced or deleted since it was found is left alone. The
// contents stay until they are collected.
func (o Operator) Expire(ctx context.Context, path string, versions []Expired) error {
	store, prefix := o.Store, ""
	if path != "" {
		prefix = path + "/"
		var err error
		if store, err = blob.Below(o.Store, prefix); err != nil {
			return err
		}
	}
	j := newJournal(o.Store, o.Now)
	return expire(ctx, store, versions, o.Now, func(gone []Expired) error {
		for _, e := range gone {
			j.add(o.entry(deed{action: auditDelete, name: prefix + e.Chart, version: e.Version, digest: e.Digest}, nil))
		}
		return flushed(ctx, j)
	})
}

// Publisher publishes to a repository of the operator's store, at a path as that of
// [Operator.Expire]. Who has published closes it.
func (o Operator) Publisher(to *Server, path string) *Publisher {
	p := &Publisher{Server: to, operator: o, journal: newJournal(o.Store, o.Now)}
	if path != "" {
		p.prefix = path + "/"
	}
	return p
}

// Publisher is a server of which the journal tells what an operator publishes by it, and
// what it refuses.
type Publisher struct {
	*Server

	operator Operator
	prefix   string
	journal  *journal

	mu sync.Mutex
	// soon writes what the journal has not got yet, and is nil where that is nothing.
	soon *time.Timer
}

// publisherFlush is how long an entry of a publisher waits for others: who is killed has
// published without a word what was done since then, and no more.
const publisherFlush = time.Second

// Publish is [Server.Publish], with an entry.
func (p *Publisher) Publish(ctx context.Context, what Package) (Identity, error) {
	d, err := p.publishPackage(ctx, what)
	p.note(ctx, d, err)
	return Identity{d.name, d.version}, refused(err)
}

// Sign is [Server.Sign], with an entry.
func (p *Publisher) Sign(ctx context.Context, text []byte) error {
	d, err := p.signPublished(ctx, text)
	p.note(ctx, d, err)
	return refused(err)
}

func (p *Publisher) note(ctx context.Context, d deed, err error) {
	if d.action == "" {
		return // it is no chart, or nothing was to be done
	}
	d.name = p.prefix + d.name
	p.journal.add(p.operator.entry(d, err))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.soon != nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	p.soon = time.AfterFunc(publisherFlush, func() {
		p.mu.Lock()
		p.soon = nil
		p.mu.Unlock()
		_ = flushed(ctx, p.journal) // Close tries again, and tells
	})
}

// Close writes what the journal has not got yet.
func (p *Publisher) Close(ctx context.Context) error {
	p.mu.Lock()
	if p.soon != nil {
		p.soon.Stop()
		p.soon = nil
	}
	p.mu.Unlock()
	return flushed(ctx, p.journal)
}

// note writes what was done to the journal.
func (o Operator) note(ctx context.Context, d deed) error {
	j := newJournal(o.Store, o.Now)
	j.add(o.entry(d, nil))
	return flushed(ctx, j)
}

func (o Operator) entry(d deed, err error) journalEntry {
	return d.entry(&note{user: o.User, remote: o.From}, o.Now(), err)
}

// flushed writes what a journal has, though whoever asked for it may have gone.
func flushed(ctx context.Context, j *journal) error {
	if err := j.flush(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("it is done, and the audit log does not tell of it: %w", err)
	}
	return nil
}
