package charts

import (
	"strings"

	"gantry/charts/pattern"
)

// password is where an address has one: user:password@host, where the user may be an
// e-mail address and the host begins behind the last @, or the parameter password=… of
// many drivers, or where the options of a program have one, such as
// -Djavax.net.ssl.keyStorePassword=… and --requirepass ….
var password = pattern.Lazy(`://[^\s/?#:]*:([^\s/?#@]+(?:@[^\s/?#@"',;]+)*)@|` +
	`(?i:(?:^|[\s;?&]|-D[-_.a-z0-9]*)(?:password|passwd|pwd)=([^\s;&]+)|(?:^|\s)--(?:requirepass|masterauth)[= ]["']?([^\s;&"'$]+))`)

// CutPassword cuts an address, a connection string or options of a program, such as
// postgres://user:password@host, around the password in it. Without one, found is false:
// quotes with nothing between them are none.
func CutPassword(text string) (before, secret, after string, found bool) {
	for at := 0; ; {
		m := password().FindStringSubmatchIndex(text[at:])
		if m == nil {
			return text, "", "", false
		}
		from, to := at+max(m[2], m[4], m[6]), at+max(m[3], m[5], m[7])
		if strings.Trim(text[from:to], `"'`) != "" {
			return text[:from], text[from:to], text[to:], true
		}
		at = to
	}
}
