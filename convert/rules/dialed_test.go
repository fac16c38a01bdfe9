package rules

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"gantry/charts/diag"
	"gantry/convert/hosts"
)

// TestPortsBeside reads the ports that texts give to the host "db".
func TestPortsBeside(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]int32{
		"db":                              nil,
		"db:5432":                         {5432},
		"tcp://db:5432/app":               {5432},
		"1@db:9093,2@other:9094":          {9093},
		"server.1=db:2888:3888;2181":      {2888, 3888},
		"postgres://db/app":               {5432},
		"postgres://app:p%40ss@db/app":    {5432},
		"db+postgresql://db":              {5432},
		"postgresql+asyncpg://app@db/app": {5432},
		"jdbc:mysql://db/app":             {3306},
		"redis://other@host, db":          nil,
		"gopher://db":                     nil,
		"db:latest":                       nil,
		"db:12345@example.com":            nil,
		"db:5432app":                      nil,
		"db:0":                            nil,
		"db:65536":                        nil,
		"db:99999999999999999999":         nil,
		"db:":                             nil,
		"http://" + strings.Repeat("u", 300) + "@db": nil, // the scheme is too far away
	} {
		at := strings.LastIndex(text, "db")
		before, after := text[:at], text[at+len("db"):]
		if got := portsBeside(before, after); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// FuzzMentions finds what is there: each host that is noted stands in the text by
// itself, and each port behind it.
func FuzzMentions(f *testing.F) {
	for _, text := range []string{"db:1:2", "redis://u:p@db", "a db.b db", "://db@db:80"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		m := newMentions(map[string]string{"db": "db"})
		m.add(text, diag.Path{"services", "web", "command"})
		words := strings.FieldsFunc(text, func(r rune) bool { return r > unicode.MaxASCII || !hosts.IsByte(byte(r)) })
		if _, found := m.first["db"]; found != (slices.Contains(words, "db") || slices.Contains(words, "-hdb")) {
			t.Errorf("found: %t", found)
		}
		for _, p := range m.dialed["db"] {
			if p.number < 1 || p.number > 65535 {
				t.Errorf("port %d", p.number)
			}
		}
	})
}

// TestDials tells a host that a command connects to from the same word elsewhere.
func TestDials(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]bool{
		"CMD-SHELL nc -z db 5432":               true,
		"CMD nc -z db 5432":                     true,
		"curl -f http://db:80/health || exit 1": true,
		"pg_isready -h db -U postgres":          true,
		"pg_isready --host=db":                  true,
		"pg_isready -U db -d db":                false,
		"db status":                             false,
		"curl http://mydb:80":                   false,
		"nc -z db-1 5432":                       false,
		"":                                      false,
	} {
		if got := dials(command, "db"); got != want {
			t.Errorf("dials(%q) = %v, want %v", command, got, want)
		}
	}
}
