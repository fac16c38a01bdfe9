package rules

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLiterals(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  []literal
	}{
		{[]string{"redis-server", "--requirepass", "hunter2", "--masterauth=hunter2"}, []literal{{"REQUIREPASS", "hunter2"}}},
		{[]string{"sh", "-c", `mysql -u root -p'hunter2' -e "select 1"; curl --api-key "s3cr3t"`}, []literal{{"API_KEY", "s3cr3t"}, {"", "hunter2"}}},
		{[]string{"CMD", "redis-cli", "-h", "a", "-a", "hunter2", "ping"}, []literal{{"", "hunter2"}}},
		{[]string{"CMD-SHELL", "PGPASSWORD=hunter2 psql -p 5432 -U app"}, []literal{{"PGPASSWORD", "hunter2"}}},
		{[]string{"mongosh", "-u", "root", "-p", "hunter2", "--port", "27017"}, []literal{{"", "hunter2"}}},
		{[]string{"worker", "amqp://app:hunter2@queue", "redis://:s3cr3t@cache/0"}, []literal{{"", "hunter2"}, {"", "s3cr3t"}}},
		{[]string{"CMD", "mysqladmin", "ping", "-phun'ter2"}, nil},
		{[]string{"worker", "--password", "pre$fix", "--token=${T}", "--secret", "/run/secrets/s", "--auth-token", "env:TOKEN"}, nil},
		{[]string{"model", "--token-limit", "4096", "--tokenizer", "fast", "--tls-key", "tls.key", "--key", "value", "--pass-through", "auth"}, nil},
		{[]string{"psql", "-p", "5432", "-a", "file.sql"}, nil},
		{[]string{"tls", "--password=yes", "--pass", "abc"}, nil},
	} {
		if diff := cmp.Diff(tt.want, literals(tt.words), cmp.AllowUnexported(literal{})); diff != "" {
			t.Errorf("%q (-want +got):\n%s", tt.words, diff)
		}
	}
}

// TestLiteralsAreLimited gives a program more secrets than any takes.
func TestLiteralsAreLimited(t *testing.T) {
	var words []string
	for i := range 10 * maxLiterals {
		words = append(words, fmt.Sprintf("--token=t0ken-%d", i))
	}
	if found := literals(words); len(found) != maxLiterals {
		t.Errorf("%d secrets are found, want %d", len(found), maxLiterals)
	}
}
