package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
)

// What the audit log tells of.
const (
	auditPublish = "publish"
	auditSign    = "sign"
	auditTag     = "tag"
	auditDelete  = "delete"
)

// deed is a change of the repository, or the attempt.
type deed struct {
	action, name, version, digest string
}

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

// audit tells of what somebody did to the repository: the audit log who, what,
// from where, and whether it was done or why not; metrics and webhooks as well. It is called when a change is durable and
// before the answer is sent.
func (s *Server) audit(r *http.Request, d deed, err error) {
	ctx := context.WithoutCancel(r.Context())
	d.name = s.path + d.name
	s.metrics.changes.WithLabelValues(d.action, outcome(err)).Inc()
	if err == nil {
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
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.options.Audit.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
}
