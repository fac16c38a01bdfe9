package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// What the audit log tells of.
const (
	auditPublish = "publish"
	auditSign    = "sign"
	auditTag     = "tag"
	auditDelete  = "delete"

	auditTokenCreate = "token-create"
	auditTokenRevoke = "token-revoke"

	auditUserAdd    = "user-add"
	auditUserRemove = "user-remove"
	auditUserChange = "user-change"
)

// auditActions are all of them.
func auditActions() []string {
	return []string{auditPublish, auditSign, auditTag, auditDelete, auditTokenCreate, auditTokenRevoke, auditUserAdd, auditUserRemove, auditUserChange}
}

// deed is a change of the repository, or the attempt.
type deed struct {
	action, name, version, digest string
	// token is the name and the id of a token, and account a user and what was changed
	// of that one. Where one of them is there, the others are not.
	token, account string
}

// ofChart tells what is about charts from what is about people.
func (d deed) ofChart() bool { return d.token == "" && d.account == "" }

// outcome tells what the client is to blame for from what the server is.
func outcome(err error) string {
	switch p, ok := errors.AsType[*problem](err); {
	case err == nil:
		return "done"
	case ok && p.Status < http.StatusInternalServerError:
		return "refused"
	default:
		return "failed"
	}
}

// maxTold is how much is repeated of what a stranger has made up, in bytes.
const maxTold = 300

func clipped(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxTold)], "") }

// audit tells of what somebody did to the repository: the audit log and the journal
// who, what, from where, and whether it was done or why not; metrics and webhooks as
// well. It is called when a change is durable and before the answer is sent.
func (s *Server) audit(r *http.Request, d deed, err error) {
	s.record(context.WithoutCancel(r.Context()), d, err)
}

// usersChanged tells of a change of users, which no request has asked for. It is noticed
// when somebody asks for something, so the time is that of the notice.
func (s *Server) usersChanged(c UsersChange) {
	ctx := context.WithValue(context.Background(), noteKey{}, &note{remote: "file of users"})
	for _, what := range []struct {
		action   string
		accounts []string
	}{{auditUserAdd, c.Added}, {auditUserRemove, c.Removed}, {auditUserChange, c.Changed}} {
		for _, account := range what.accounts {
			s.record(ctx, deed{action: what.action, account: account}, nil)
		}
	}
}

func (s *Server) record(ctx context.Context, d deed, err error) {
	if d.ofChart() {
		d.name = s.path + d.name
	}
	d.name, d.version = clipped(d.name), clipped(d.version) // of a path, when it is refused
	s.metrics.changes.WithLabelValues(d.action, outcome(err)).Inc()
	s.journal.add(d.entry(noteOf(ctx), s.options.Now(), err))
	if err == nil && d.ofChart() {
		s.hooks.tell(ctx, Event{Type: eventType(d.action), Timestamp: s.options.Now().UTC(), Data: EventData{
			Name: d.name, Version: d.version, Digest: d.digest, User: noteOf(ctx).user, Request: noteOf(ctx).id,
		}})
	}
	attrs := []slog.Attr{
		slog.String("action", d.action),
		slog.String("chart", d.name),
		slog.String("version", d.version),
		slog.String("digest", d.digest),
		slog.String("user", noteOf(ctx).user),
		slog.String("remote", noteOf(ctx).remote),
		slog.String("request", noteOf(ctx).id),
		slog.Bool("done", err == nil),
	}
	if d.token != "" {
		attrs = append(attrs, slog.String("token", d.token))
	}
	if d.account != "" {
		attrs = append(attrs, slog.String("account", d.account))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.options.Audit.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
}

// entry is what the journal says of a deed. Causes are for the log alone.
func (d deed) entry(n *note, now time.Time, err error) journalEntry {
	e := journalEntry{
		Time: now.UTC(), Action: d.action, Chart: d.name, Version: d.version, Digest: d.digest, Token: d.token, Account: d.account,
		User: n.user, Remote: n.remote, Request: n.id,
	}
	if p, ok := errors.AsType[*problem](err); ok {
		e.Error = p.Message
	} else if err != nil {
		e.Error = "the server failed"
	}
	return e
}
