package helm

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"

	"gantry/charts"
	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// A secret that nobody gives is made up, once. What is made up must be of use to who
// reads it: a password may be any text, while a key for AES must have so many bytes in
// base64, and a certificate, a signed token or the hash of a password is nothing that
// chance brings about, nor is what somebody outside of the application has handed out.
// Such a value must be given.

// longestMadeUp is the length in bytes of the longest text that is taken for a key of
// random bytes. What is longer is a document in base64.
const longestMadeUp = 512

var (
	uuidText   = pattern.Lazy(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	hexText    = pattern.Lazy(`^[0-9a-f]{32,}$`)
	base64Text = pattern.Lazy(`^[A-Za-z0-9+/_-]{22,}={0,2}$`)
	signed     = pattern.Lazy(`^eyJ[\w-]+\.[\w-]+\.[\w-]*$`) // RFC 7519
	hashed     = pattern.Lazy(`(?:^|:)(?:\$(?:2[abxy]?|5|6|y|apr1|argon2\w*|pbkdf2\S*|scrypt)\$|\{(?:SHA|SSHA|PBKDF2)\S*\})`)
	scheme     = pattern.Lazy(`^[a-z][a-z0-9+.-]*://`)
	// halves are names of keys that are of no use without their public halves.
	halves = pattern.Lazy(`(?i)private[-_.]?key|^id_(?:rsa|ecdsa|ed25519)$`)
	// outside are the names of those who hand out credentials, and of what they hand
	// out; inside is what applications need for themselves, whomever they do it for.
	outside = pattern.Lazy(`(?i)(?:^|[_.-])(?:smtp|imap|e?mail|ldap|o?auth[02]?|oidc|saml|client[_.-]?secret|licen[cs]e|bot[_.-]?token|tunnel[_.-]?token|` +
		`aws|azure|gcp|google|cf|cloudflare|digitalocean|hcloud|hetzner|github|npm|slack|discord|telegram|twilio|sendgrid|mailgun|postmark|stripe|paypal|` +
		`openai|anthropic|gemini|mistral|hf|huggingface|dd|datadog|facebook|twitter|apple|okta|firebase|mapbox|shopify|tailscale|ts)(?:$|[_.-])`)
	inside = pattern.Lazy(`(?i)cookie|session|salt|encrypt|csrf|sign`)
	// issued are the heads that issuers put before their keys, for those who look for
	// keys that got lost.
	issued = pattern.Lazy(`^(?:[srp]k_(?:live|test)_|sk-|whsec_|gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA[A-Z0-9]{12}|AIza|SG\.|hf_|npm_|dop_v1_|tskey-)`)
	// written are names of files that people or programs wrote, and not chance.
	written = pattern.Lazy(`(?i)^\.(?:pem|key|crt|cer|cert|p12|pfx|jks|keystore|asc|gpg|json|ya?ml|toml|ini|conf|cfg|xml|env|htpasswd|pub)$`)
)

// madeUp returns the expression that makes up a value of the shape of another: that of
// the Compose file, without the line break at its end. It is empty for what must be given.
func madeUp(value string) string {
	switch {
	case isDocument(value), signed().MatchString(value), hashed().MatchString(value), scheme().MatchString(value):
		return ""
	case uuidText().MatchString(value):
		return "uuidv4"
	case hexText().MatchString(value):
		return hexDigits(len(value))
	}
	// Laravel and its like say of a key how it is written.
	if text, found := strings.CutPrefix(value, "base64:"); found {
		if bytes := randomBytes(text); bytes != "" {
			return fmt.Sprintf("print \"base64:\" (%s)", bytes)
		}
	}
	if decoded, err := base64.StdEncoding.DecodeString(value); err == nil && isDocument(string(decoded)) && utf8.Valid(decoded) {
		return ""
	}
	if bytes := randomBytes(value); bytes != "" {
		return bytes
	}
	return "randAlphaNum 32"
}

// isDocument reports whether somebody wrote a text, or a program did.
func isDocument(value string) bool {
	return !utf8.ValidString(value) || len(value) > longestMadeUp || strings.ContainsAny(value, "\r\n") ||
		strings.HasPrefix(value, "-----BEGIN ") || strings.HasPrefix(value, "{") && json.Valid([]byte(value))
}

// hexDigits returns the expression for a number of random hexadecimal digits.
func hexDigits(n int) string {
	const perHash = 64
	hash := "randAlphaNum 64 | sha256sum"
	switch {
	case n == perHash:
		return hash
	case n < perHash:
		return fmt.Sprintf("%s | trunc %d", hash, n)
	}
	hashes := strings.Repeat(" ("+hash+")", (n+perHash-1)/perHash)
	return fmt.Sprintf("print%s | trunc %d", hashes, n)
}

// randomBytes returns the expression for as many random bytes in base64 as a text has,
// in its alphabet, or nothing when that is no such text: a password of letters alone
// may be one by chance.
func randomBytes(text string) string {
	if !base64Text().MatchString(text) || !strings.ContainsAny(text, "+/=") {
		return ""
	}
	if n, err := base64.StdEncoding.DecodeString(text); err == nil {
		return fmt.Sprintf("randBytes %d", len(n))
	}
	if n, err := base64.URLEncoding.DecodeString(text); err == nil {
		return fmt.Sprintf("randBytes %d | replace \"+\" \"-\" | replace \"/\" \"_\"", len(n))
	}
	return ""
}

// passwordPlace is where a password stands in commands and in files of configuration.
var passwordPlace = pattern.Lazy(`(?i)(?:pass(?:word|wd|phrase)?|requirepass|masterauth|secret|token|key|auth|-a|-p)["']?(?:\s*[:=]\s*|\s+)?["']?([^\s"',;]{4,})`)

// passwordsIn returns what stands in the place of a password in objects that are no
// Secrets.
func passwordsIn(objects []manifest.Object) map[string]bool {
	found := map[string]bool{}
	add := func(text string) {
		for _, m := range passwordPlace().FindAllStringSubmatch(text, -1) {
			found[m[1]] = true
		}
		if _, password, _, ok := charts.CutPassword(text); ok {
			found[password] = true
		}
	}
	for _, o := range objects {
		if pod := podOf(o); pod != nil {
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				eachCommand(c, func(words []string) { add(strings.Join(words, " ")) })
			}
		}
		if config, ok := o.Resource.(*corev1.ConfigMap); ok {
			for _, text := range config.Data {
				add(text)
			}
		}
	}
	return found
}

// eachCommand hands over the command lines of a container.
func eachCommand(c corev1.Container, see func(words []string)) {
	see(slices.Concat(c.Command, c.Args))
	for _, p := range []*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe} {
		if p != nil && p.Exec != nil {
			see(p.Exec.Command)
		}
	}
	if c.Lifecycle != nil {
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil && h.Exec != nil {
				see(h.Exec.Command)
			}
		}
	}
}

// handedOut reports whether somebody outside of the application gave a value to it.
func handedOut(key, value string) bool {
	return issued().MatchString(value) || outside().MatchString(key) && !inside().MatchString(key)
}

// madeUpFor is [madeUp] for a value of which the name tells more, or all, if the value is
// not known.
func madeUpFor(key, value string) string {
	if halves().MatchString(key) || value == "" && written().MatchString(path.Ext(key)) {
		return ""
	}
	return madeUp(value)
}
