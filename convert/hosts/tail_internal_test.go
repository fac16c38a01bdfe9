package hosts

import (
	"regexp"
	"strings"
	"testing"
)

// Regular expressions for what [tail] reads by hand.
var (
	listed   = regexp.MustCompile(`(?:\\?["']?[-_.:@A-Za-z0-9]+\\?["']?\s?[,;]\s*)+\\?["']?$`)
	flagged  = regexp.MustCompile(`(?:^|[\s"'])-{1,2}([A-Za-z][-_.A-Za-z0-9]*?)(?:\s*=|\s+)["']?$|(?:^|\s)-(h)$`)
	keyed    = regexp.MustCompile(`(?s)(^|.)\b([A-Za-z][-_.A-Za-z0-9]*|[Dd]ata (?i:source))\\?["']?\s*[=:]\s*\[?\s*\\?["']?(?:tcp:)?$`)
	relayed  = regexp.MustCompile(`(?i)\b(?:tcp|udp|ssl|tls|openssl)[46]?:$`)
	driven   = regexp.MustCompile(`(?i)\b(?:tcp|udp)[46]?\($`)
	behind   = `(?:^|[\s;&|(!"'/])`
	dialing  = regexp.MustCompile(behind + `(?:ping|nslookup|getent\s+a?hosts|getent\s+ahostsv[46]|nc|ncat|netcat|telnet|dig|traceroute|wait-for(?:-it)?(?:\.sh)?)(?:\s+-[A-Za-z0-9]+(?:\s+[0-9]+)?)*\s+["']?$`)
	fetching = regexp.MustCompile(behind + `(?:curl|wget)(?:\s+(?:-[sSfkLvIqNi]+(?:O-)?|-O-|-O\s+-|--(?:fail|silent|show-error|insecure|spider|quiet|location)))*\s+["']?$`)
)

// FuzzTail holds what is read from the end against regular expressions.
func FuzzTail(f *testing.F) {
	for _, text := range []string{
		"", "host=", `{"hosts": ["a", "b",`, `{\"hosts\":[\"a\",\"`, "x --db-host ", "--host=", `--host "`, "mysql -h", "a\n-h", "-x.y =", "---x ",
		"a\nDB=", "Server=tcp:", "tcp:", "Data Source = ", "my-Data source:", "9a-b: ", "_a.b:", "é:", `x\"=`, "data  source=", "xdata source=",
		"TCP4:", "openssl:", "xtcp:", "tcp46:", "udp6(", "tcp(", "my-tcp(", "_tcp(", "hosts=a, b ,", "hosts=a,,", "a;\n'", `a,b\`,
		"nc -z -w 5 ", "nc 5 ", "getent  hosts ", "getent ", "hosts ", "x/wait-for-it.sh '", "ping -c 1 -c ", "xping ", "until ping\n",
		"curl -sSf ", "wget -qO- ", "wget -O - ", "wget - ", "curl --fail -O- ", "curl -o ", "wget -O ", "curl --  ", "-O - ",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = text[:min(len(text), window)]
		end := tail(text)
		end.list()
		if want := listed.ReplaceAllString(text, ""); string(end) != want {
			t.Errorf("before the list of %q is %q, want %q", text, string(end), want)
		}
		name, ok := tail(text).flag()
		switch m := flagged.FindStringSubmatch(text); {
		case ok != (m != nil):
			t.Errorf("%q: is a flag: %v", text, ok)
		case ok && name != m[1]+m[2]:
			t.Errorf("%q: flag %q, want %q", text, name, m[1]+m[2])
		}
		key, alone, ok := tail(text).key()
		switch m := keyed.FindStringSubmatch(text); {
		case strings.HasSuffix(text, "tcp:") && !ok: // the key is tcp itself, which says nothing
		case ok != (m != nil):
			t.Errorf("%q: has a key: %v", text, ok)
		case ok && (!strings.EqualFold(key, m[2]) || alone != (m[1] == "" || m[1] == "\n")):
			t.Errorf("%q: key %q, alone: %v, want %q behind %q", text, key, alone, m[2], m[1])
		}
		for expression, got := range map[*regexp.Regexp]bool{
			relayed:  tail(text).network(":", "tcp", "udp", "ssl", "tls", "openssl"),
			driven:   tail(text).network("(", "tcp", "udp"),
			dialing:  tail(text).argument(dials, dialOption),
			fetching: tail(text).argument(fetches, fetchOption),
		} {
			if got != expression.MatchString(text) {
				t.Errorf("%q: %v, by %s otherwise", text, got, expression)
			}
		}
	})
}
