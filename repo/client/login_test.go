package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"gantry/repo/client"
	"gantry/repo/server"
)

// TestLoginWhereEverybodyMayRead tries a password with a registry that asks nobody for
// one until something is pushed.
func TestLoginWhereEverybodyMayRead(t *testing.T) {
	t.Parallel()
	registry := serve(t, server.Options{Auth: &server.Auth{User: "ci", Password: "s3cret", AnonymousRead: true}}, nil)
	host := strings.TrimPrefix(registry.URL, "http://")
	h := newHome(t, client.WithPlainHTTP(true))
	err := h.Login(t.Context(), host, "ci", "wrong")
	if status, ok := errors.AsType[*client.StatusError](err); !ok || status.Status != http.StatusUnauthorized || !strings.Contains(err.Error(), "the password is wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	push := func() error {
		_, _, err := h.PushOCI(t.Context(), "oci://"+host, write(t, "web.tgz", chartArchive(t, "1.0.0", "")), false)
		return err
	}
	if err := push(); err == nil {
		t.Error("a wrong password is kept, and lets push")
	}
	if err := h.Login(t.Context(), host, "ci", "s3cret"); err != nil {
		t.Error(err)
	}
	if err := push(); err != nil {
		t.Error(err)
	}
}
