package server

import (
	"context"
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

// audit writes down what somebody did to the repository: who, what, from where,
// and whether it was done or why not. It is called when a change is durable and
// before the answer is sent.
func (s *Server) audit(r *http.Request, d deed, err error) {
	ctx := context.WithoutCancel(r.Context())
	attrs := []slog.Attr{
		slog.String("action", d.action),
		slog.String("chart", d.name),
		slog.String("version", d.version),
		slog.String("digest", d.digest),
		slog.String("user", noteOf(ctx).user),
		slog.String("remote", r.RemoteAddr),
		slog.String("request", noteOf(ctx).id),
		slog.Bool("done", err == nil),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	s.options.Audit.LogAttrs(ctx, slog.LevelInfo, "audit", attrs...)
}
