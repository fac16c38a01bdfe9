package server_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"gantry/repo/blob"
	"gantry/repo/server"
)

func TestLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serve(t, &blob.Memory{}, server.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if got := s.get("/index.yaml?token=hidden", "X-Request-Id: abc-1").header.Get("X-Request-Id"); got != "abc-1" {
		t.Errorf("the id of the request was replaced by %q", got)
	}
	if got := s.get("/livez", "X-Request-Id: a b\" status=200").header.Get("X-Request-Id"); strings.Contains(got, " ") || got == "" {
		t.Errorf("a forged id was taken: %q", got)
	}
	s.upload([]byte("<html>"))
	s.Close()
	for _, want := range []string{"id=abc-1 method=GET path=/index.yaml status=200", "method=POST path=/api/charts status=400", "chart-invalid"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "hidden") {
		t.Errorf("the log has the query:\n%s", log.String())
	}
}
