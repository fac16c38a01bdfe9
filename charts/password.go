package charts

import "gantry/charts/pattern"

// password is where an address has one: user:password@host, or the parameter
// password=… of many drivers.
var password = pattern.Lazy(`://[^\s/?#@:]*:([^\s/?#@]+)@|(?i:(?:^|[\s;?&])(?:password|passwd|pwd)=([^\s;&]+))`)

// CutPassword cuts an address or a connection string, such as
// postgres://user:password@host, around the password in it. Without one, found is false.
func CutPassword(text string) (before, secret, after string, found bool) {
	m := password().FindStringSubmatchIndex(text)
	if m == nil {
		return text, "", "", false
	}
	from, to := m[2], m[3]
	if from < 0 {
		from, to = m[4], m[5]
	}
	return text[:from], text[from:to], text[to:], true
}
