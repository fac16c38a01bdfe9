package charts

import "gantry/charts/pattern"

// password is where an address has one: user:password@host, or the parameter
// password=… of many drivers, or where the options of a program have one, such as
// -Djavax.net.ssl.keyStorePassword=… and --requirepass ….
var password = pattern.Lazy(`://[^\s/?#@:]*:([^\s/?#@]+)@|` +
	`(?i:(?:^|[\s;?&]|-D[-_.a-z0-9]*)(?:password|passwd|pwd)=([^\s;&]+)|(?:^|\s)--(?:requirepass|masterauth)[= ]["']?([^\s;&"'$]+))`)

// CutPassword cuts an address, a connection string or options of a program, such as
// postgres://user:password@host, around the password in it. Without one, found is false.
func CutPassword(text string) (before, secret, after string, found bool) {
	m := password().FindStringSubmatchIndex(text)
	if m == nil {
		return text, "", "", false
	}
	from, to := max(m[2], m[4], m[6]), max(m[3], m[5], m[7])
	return text[:from], text[from:to], text[to:], true
}
