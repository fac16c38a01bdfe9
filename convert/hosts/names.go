package hosts

import (
	"slices"
	"strings"
	"unicode"
)

// namePlace returns what the name of a variable, a flag or a field says of its value.
func namePlace(name string) Place {
	parts := partsOf(name)
	if len(parts) > 1 && slices.Contains(sides(), parts[len(parts)-1]) {
		parts = parts[:len(parts)-1]
	}
	if len(parts) == 0 {
		return Unknown
	}
	last, before := parts[len(parts)-1], ""
	if len(parts) > 1 {
		before = parts[len(parts)-2]
	}
	switch {
	case last == "nodes" && before == "master":
		return Unknown // of Elasticsearch, by the names that they have for each other
	case isHostWord(last):
		return Host
	case last == "name" && before == "host", last == "source" && before == "data":
		return Host
	case before == "host", last == "name" && slices.Contains([]string{"", "server", "container", "node", "instance"}, before):
		return Unknown
	case slices.Contains([]string{"db", "database"}, last):
		if before == "" {
			return Unknown // DATABASE=db says where, and POSTGRES_DB=db which
		}
		return Other
	case slices.Contains(otherWords(), last), strings.HasSuffix(last, "dbname"):
		return Other
	default:
		return Unknown
	}
}

// partsOf returns the words of a name, in lower case and without numbers: dbHost2 and
// DB_HOST_2 are a db and a host.
func partsOf(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if unicode.IsUpper(r) && small {
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	var parts []string
	for part := range strings.FieldsFuncSeq(b.String(), func(r rune) bool { return strings.ContainsRune("-_. ", r) }) {
		if part = strings.TrimRight(part, "0123456789"); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// isHostWord reports whether a word says that a value is a host: alone, or at the end of
// another, as in PGHOST.
func isHostWord(word string) bool {
	if slices.Contains([]string{"vhost", "ghost", "localhost"}, word) {
		return false
	}
	return slices.Contains(hostWords(), word) || slices.ContainsFunc(hostEnds(), func(end string) bool { return strings.HasSuffix(word, end) })
}

// hostWords say that a value is a host, and hostEnds do so at the end of a word.
func hostWords() []string {
	return []string{
		"hosts", "hostnames", "servers", "addrs", "addresses", "urls", "uris", "dsn", "endpoints", "upstream", "upstreams", "broker", "brokers", "peer", "peers",
		"seed", "seeds", "gateway", "node", "nodes", "listener", "listeners", "proxy", "origin", "origins", "ip",
	}
}

func hostEnds() []string {
	return []string{"host", "hostname", "server", "addr", "address", "url", "uri", "endpoint"}
}

// sides tell one of several variables from the others, and nothing of what it is.
func sides() []string {
	return []string{"internal", "external", "primary", "replica", "master", "slave", "read", "write", "ro", "rw", "default", "main"}
}

// isPair reports whether a name says that what looks like a host and a port is a user and a
// password, or an image and a tag.
func isPair(name string) bool {
	parts := partsOf(name)
	return len(parts) > 0 && slices.Contains([]string{"u", "user", "users", "login", "auth", "credentials", "password", "passwd", "pass", "image", "tag", "key", "secret", "token"}, parts[len(parts)-1])
}

// otherWords say that a value is no host.
func otherWords() []string {
	return []string{
		"user", "users", "username", "login", "password", "passwd", "pass", "pwd", "auth", "credentials", "secret", "token", "key", "role",
		"databases", "schema", "catalog", "keyspace", "collection", "table", "bucket", "topic", "queue", "vhost", "exchange", "index",
		"image", "tag", "path", "dir", "folder", "file", "id", "type", "prefix", "suffix", "realm", "driver", "engine", "group", "project", "app", "module", "name",
	}
}
