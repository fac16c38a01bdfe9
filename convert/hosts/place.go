package hosts

import (
	"iter"
	"slices"
	"strings"

	"gantry/charts/pattern"
)

// Place is what a word of a text stands for.
type Place int

const (
	// Unknown is what may be a host or anything else: the text does not tell.
	Unknown Place = iota
	// Host is where nothing but a host can stand.
	Host
	// Other is where something else stands: a user, a database, a folder, a program.
	Other
)

// Words yields where the words of a text begin and end that may be names of hosts.
func Words(text string) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		for start := 0; start < len(text); {
			end := start
			for end < len(text) && IsByte(text[end]) {
				end++
			}
			if end > start && !yield(start, end) {
				return
			}
			// mysql -hdb
			if glued := start + len("-h"); glued < end && text[start:glued] == "-h" && !yield(glued, end) {
				return
			}
			start = end + 1
		}
	}
}

// IsByte reports whether names of hosts may have a character. Compose admits more than
// DNS does.
func IsByte(c byte) bool { return strings.IndexByte(nameRunes, c) >= 0 }

// window is how much of the text around a word is looked at: as much as an address has.
const window = 512

// PlaceOf returns what the word from start to end stands for in a text. Before the value
// of a variable, whose name tells most, the text has that and a =.
func PlaceOf(text string, start, end int) Place {
	before, after := text[max(0, start-window):start], text[end:min(len(text), end+window)]
	for _, rule := range []func(before, after string) (Place, bool){inAddress, behindAt, given, asPort, asArgument, inPath} {
		if place, ok := rule(before, after); ok {
			return place
		}
	}
	return Unknown
}

// addressEnds end an address in the text around it.
const addressEnds = " \t\r\n\"'`<>|{}()"

// inAddress reads URLs, and what looks like them: jdbc:postgresql://db:5432/shop.
func inAddress(before, after string) (Place, bool) {
	at := strings.LastIndex(before, "//")
	if at < 0 {
		return 0, false
	}
	inside := before[at+len("//"):]
	if strings.ContainsAny(inside, addressEnds) || strings.HasSuffix(inside, ",") && strings.Contains(inside, "/") {
		return 0, false
	}
	scheme, named := schemeOf(before[:at])
	if !named && at > 0 && !strings.ContainsAny(before[at-1:at], " \t\n\"'=@(,;:") {
		return Other, true // a folder, written with two slashes
	}
	if strings.ContainsAny(inside, "/?#;\\") && !strings.HasSuffix(inside, "@") {
		if place, ok := given(before, after); ok {
			return place, true // ?host=db
		}
		return Other, true
	}
	authority := after
	if i := strings.IndexAny(after, "/?#;\\"+addressEnds); i >= 0 {
		authority = after[:i]
	}
	switch {
	case slices.Contains(storeSchemes(), scheme), strings.Contains(authority, "@"):
		return Other, true // a bucket, or the user and the password
	case inside == "", strings.HasSuffix(inside, "@"), strings.HasSuffix(inside, ","):
		return Host, true
	default:
		return Unknown, true
	}
}

// schemeOf returns the scheme at the end of a text that // follows, and whether there is
// one.
func schemeOf(before string) (scheme string, ok bool) {
	before, ok = strings.CutSuffix(before, ":")
	if !ok {
		return "", false
	}
	i := strings.LastIndexFunc(before, func(r rune) bool { return !strings.ContainsRune(schemeRunes, r) })
	return before[i+1:], i+1 < len(before)
}

// schemeRunes are what schemes of URLs are made of (RFC 3986, section 3.1), in either case.
const schemeRunes = letters + digits + "+-."

// storeSchemes are those behind which no host stands, but a bucket, a file or a name.
func storeSchemes() []string {
	return []string{"file", "unix", "s3", "s3a", "s3n", "gs", "az", "abfs", "wasb", "sqlite", "sqlite3", "env", "secret", "oci", "docker"}
}

// behindAt reads what has a user before it: root@db, and 1@kafka:9093 of a quorum.
func behindAt(before, after string) (Place, bool) {
	if strings.HasPrefix(after, "@") {
		return Other, true
	}
	user, found := strings.CutSuffix(before, "@")
	if !found || user == "" || strings.ContainsAny(user[len(user)-1:], " \t\n=,;([{") {
		return 0, false // @scope/package
	}
	return Host, ends(after)
}

// given reads what is given to a name, a flag or the field of an object: DB_HOST=db,
// --db-host db, "host": "db". In a list all items are.
func given(before, after string) (Place, bool) {
	t := tail(before)
	t.list()
	name, place := "", Unknown
	if flag, ok := t.flag(); ok {
		name, place = flag, flagPlace(flag)
	} else if key, alone, ok := t.key(); ok {
		name, place = key, namePlace(key)
		if place == Unknown && !alone && slices.Contains([]string{"db", "database"}, strings.ToLower(key)) {
			place = Other // alone it may be the variable that says where the database is
		}
	}
	switch place {
	case Host:
		return Host, ends(after)
	case Other:
		return Other, isPair(name) || !portNumber().MatchString(after)
	default:
		return Unknown, false
	}
}

// flagPlace is namePlace for a flag, or for one letter.
func flagPlace(flag string) Place {
	switch flag {
	case "h", "H":
		return Host
	case "u", "U", "d", "D", "p", "P", "A", "m":
		return Other // users, databases, passwords, and modules of Python
	default:
		return namePlace(flag)
	}
}

// ends reports whether a name ends where a text goes on.
func ends(after string) bool {
	if after == "" || strings.ContainsAny(after[:1], " \t\r\n,;\"'`&)]}|/\\<>?#") {
		return true
	}
	return portly().MatchString(after)
}

// portly is a port behind a name: a number, or what fills one in. A tag of an image goes on
// with a point, a password with an @.
var portly = pattern.Lazy(`^:(?:[0-9]{1,5}(?:[^-_.@A-Za-z0-9]|$)|[${%])`)

// asPort reads db:5432, wherever an address may begin.
func asPort(before, after string) (Place, bool) {
	t := tail(before)
	begins := t.begins(" \t\r\n,=([{\"'`;|<>&!") || t.network(":", "tcp", "udp", "ssl", "tls", "openssl") // tcp:db:5432 of socat
	return Host, begins && portNumber().MatchString(after)
}

var portNumber = pattern.Lazy(`^:[0-9]{1,5}(?:[^-_.@A-Za-z0-9]|$)`)

// asArgument reads hosts that follow a program without more ado: nc -z db 5432.
func asArgument(before, after string) (Place, bool) {
	t := tail(before)
	switch {
	case t.network("(", "tcp", "udp"): // user@tcp(db:3306)/shop of Go's driver for MySQL
		return Host, ends(after)
	case t.argument(dials, dialOption):
		return Host, ends(after)
	case t.argument(fetches, fetchOption):
		return Host, strings.HasPrefix(after, "/")
	default:
		return 0, false
	}
}

// inPath reads folders, variables of a shell, and what something is given to.
func inPath(before, after string) (Place, bool) {
	for _, sign := range []string{"/", "\\", "$", "${"} {
		if strings.HasSuffix(before, sign) {
			return Other, true
		}
	}
	return Other, strings.HasPrefix(after, "=")
}
