package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

// Remarks returns a handler for the log of the process, to which the libraries of helm
// write without being asked. Their warnings go to w as those of gantry do; what they
// say in passing is dropped.
func Remarks(w io.Writer) slog.Handler { return remarks{w} }

type remarks struct{ w io.Writer }

func (remarks) Enabled(context.Context, slog.Level) bool { return true }
func (r remarks) WithAttrs([]slog.Attr) slog.Handler     { return r }
func (r remarks) WithGroup(string) slog.Handler          { return r }

func (r remarks) Handle(_ context.Context, record slog.Record) error {
	text := strings.TrimSpace(record.Message)
	if strings.HasPrefix(text, "[INFO]") {
		return nil
	}
	text = regexp.MustCompile(`(?i)^(?:warning: |\[\w+\] )`).ReplaceAllString(text, "")
	_, err := fmt.Fprintf(r.w, "gantry: warning: %s\n", text)
	return err
}
