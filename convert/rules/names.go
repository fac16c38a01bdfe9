package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxName is the longest name of a Service, and with it of everything that
// shares its name (RFC 1123, section 2.1).
const maxName = 63

// hashLength is how many hexadecimal digits tell shortened names apart.
const hashLength = 6

// objectName returns the Kubernetes name for a name in the Compose file: lower
// case, digits and hyphens. It is the only place where names are changed.
func objectName(name string) string { return limitName(name, maxName) }

// limitName is objectName for a shorter limit, such as the 52 characters of a
// CronJob. A name that is cut gets a hash of the whole, so that two long names
// stay two.
func limitName(name string, limit int) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('-')
		}
	}
	clean := strings.Trim(b.String(), "-")
	if clean == "" {
		return "x" + hashOf(name)
	}
	if len(clean) > limit {
		clean = strings.TrimRight(clean[:limit-hashLength-1], "-") + "-" + hashOf(name)
	}
	return clean
}

// plainStart returns the end of a made-up name without the signs that it begins with: the
// claim of web for .cache is web-cache.
func plainStart(suffix string) string { return strings.TrimLeft(suffix, "._-") }

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// portName returns a name for a port: at most 15 characters, letters, digits
// and single hyphens, at least one letter (RFC 6335, section 5.1).
func portName(name string) string {
	const limit = 15
	if name == "" {
		return ""
	}
	name = objectName(name)
	for strings.Contains(name, "--") {
		name = strings.ReplaceAll(name, "--", "-")
	}
	if len(name) > limit {
		name = strings.Trim(name[:limit], "-")
	}
	if !strings.ContainsAny(name, "abcdefghijklmnopqrstuvwxyz") {
		return ""
	}
	return name
}

// fileKey returns the key of a ConfigMap or Secret for a file's base name.
func fileKey(name string) string {
	const limit = 253
	key := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		default:
			return '_'
		}
	}, name)
	if key == "" || key == "." || key == ".." {
		key = "file"
	}
	if len(key) > limit {
		key = key[:limit-hashLength-1] + "-" + hashOf(name)
	}
	return key
}

// registry hands out the names of one kind of object. A name belongs to the
// first that took it.
type registry map[string]string

// take reserves a name for an owner and reports who has it already, if anybody
// else does.
func (r registry) take(name, owner string) (other string, ok bool) {
	if held, found := r[name]; found && held != owner {
		return held, false
	}
	r[name] = owner
	return "", true
}

// unique reserves a name that gantry makes up itself: it gives way to names of
// the user's by a hash of its owner.
func (r registry) unique(name, owner string) string {
	if _, ok := r.take(name, owner); ok {
		return name
	}
	name = limitName(name+"-"+hashOf(owner), maxName)
	r[name] = owner
	return name
}
