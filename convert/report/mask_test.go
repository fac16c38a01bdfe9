package report

import (
	"strings"
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/workload"
)

func TestMaskLines(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"mapping", "PASSWORD: hunter2", "PASSWORD: •••"},
		{"double quotes", `PASSWORD: "hunter2" # why`, `PASSWORD: "•••" # why`},
		{"single quotes", `PASSWORD: 'hun''ter2'`, `PASSWORD: '•••'`},
		{"list item", "- API_TOKEN=hunter2", "- API_TOKEN=•••"},
		{"quoted item", `- "API_TOKEN=hunter2"`, `- "API_TOKEN=•••"`},
		{"flow mapping", "{USER: me, DB_PASSWORD: hunter2, PORT: 1}", "{USER: me, DB_PASSWORD: •••, PORT: 1}"},
		{"JSON", `{"USER":"me","DB_PASSWORD":"hunter2"}`, `{"USER":"me","DB_PASSWORD":"•••"}`},
		{"flow list", `["API_KEY=hunter2", "B=c"]`, `["API_KEY=•••", "B=c"]`},
		{"block scalar", "KEY: |\n  hunter2\n\n  more\nNEXT: x", "KEY: |\n  •••\n\n  •••\nNEXT: x"},
		{"folded in a list", "- PASSWORD: >-\n    hunter2\n  USER: me", "- PASSWORD: >-\n    •••\n  USER: me"},
		{"plain over two lines", "PASSWORD: hunter2\n  and more\nUSER: me", "PASSWORD: •••\n  •••\nUSER: me"},
		{"plain on the next line", "PASSWORD:\n  hunter2\nUSER: me", "PASSWORD:\n  •••\nUSER: me"},
		{"quoted over two lines", "PASSWORD: \"hun\nter2\" # c\nUSER: me", "PASSWORD: \"•••\n•••\" # c\nUSER: me"},
		{"anchor", "x-pw: &pw hunter2\nenv: {PASSWORD: *pw}", "x-pw: &pw •••\nenv: {PASSWORD: *pw}"},
		{"anchor in place", "PASSWORD: &pw hunter2", "PASSWORD: •••"},
		{"URL", "DATABASE_URL: postgres://me:hunter2@db/x", "DATABASE_URL: postgres://me:•••@db/x"},
		{"option", "command: redis-server --requirepass hunter2", "command: redis-server --requirepass •••"},
		{"option in a list", `command: ["redis-server", "--requirepass", "hunter2"]`, `command: ["redis-server", "--requirepass", "•••"]`},
		{"option in a block list", "- --requirepass\n- hunter2\n- x", "- --requirepass\n- •••\n- x"},
		{"default", "PASSWORD: ${PASSWORD:-hunter2}", "PASSWORD: ${PASSWORD:-•••}"},
		{"default of another variable", `PASSWORD: "${PW1:-hunter2}"`, `PASSWORD: "${PW1:-•••}"`},
		{"default elsewhere", "image: x:${API_TOKEN-hunter2}", "image: x:${API_TOKEN-•••}"},
		{"hash", `auth.users: me:$$2y$$05$$hunter2`, "auth.users: me:•••"},

		{"variable", "PASSWORD: ${PASSWORD}", "PASSWORD: ${PASSWORD}"},
		{"required variable", "PASSWORD: ${PASSWORD:?set it}", "PASSWORD: ${PASSWORD:?set it}"},
		{"switch", "ALLOW_EMPTY_PASSWORD: \"yes\"", "ALLOW_EMPTY_PASSWORD: \"yes\""},
		{"path of a file", "DB_PASSWORD_FILE: /run/secrets/pw", "DB_PASSWORD_FILE: /run/secrets/pw"},
		{"definition", "secrets:\n  db_password:\n    file: ./pw.txt\n  api_token: {environment: TOKEN}", "secrets:\n  db_password:\n    file: ./pw.txt\n  api_token: {environment: TOKEN}"},
		{"use", "secrets: [db_password]", "secrets: [db_password]"},
		{"certificate", "ingress: {host: a.example.com, tls: {issuer: le, secret: shop-cert}}", "ingress: {host: a.example.com, tls: {issuer: le, secret: shop-cert}}"},
		{"certificate below", "tls:\n  issuer: le\n  secret: shop-cert\nsecret: hunter2", "tls:\n  issuer: le\n  secret: shop-cert\nsecret: •••"},
		{"beside a certificate", "{tls: {issuer: le}, secret: hunter2}", "{tls: {issuer: le}, secret: •••}"},
		{"below what is called so", "x-tls: {secret: hunter2}", "x-tls: {secret: •••}"},
		{"secret beside its name", "tls: {secret: shop-cert, PASSWORD: hunter2}", "tls: {secret: shop-cert, PASSWORD: •••}"},
		{"image", "image: secret/token:1.2", "image: secret/token:1.2"},
		{"line that is too long", "a: b\nPASSWORD: " + strings.Repeat("x", maxSource), "a: b\n••• (a line of 16394 bytes)"},
		{"line ends", "a: b\r\nPASSWORD: hunter2\r\n", "a: b\nPASSWORD: •••"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Join(newMask(nil).lines(splitLines(c.in)), "\n")
			if got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestMaskKnowsTheSecretsOfTheApplication(t *testing.T) {
	m := newMask(&convert.Result{App: &workload.App{Data: []*workload.Data{
		{Secret: true, Text: map[string]string{"a": "hunter2-hunter2", "b": "postgres", "c": "hunter2-hunter2-and-more"}},
		{Text: map[string]string{"plain": "public-value-1"}},
	}}})
	got := m.lines([]string{"command: login hunter2-hunter2-and-more hunter2-hunter2", "image: postgres", "x: public-value-1"})
	want := []string{"command: login ••• •••", "image: postgres", "x: public-value-1"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMaskDiagnostic(t *testing.T) {
	d := newMask(nil).diagnostic(diag.Diagnostic{
		Path:    diag.Path{"services", "web", "environment", "PASSWORD"},
		Summary: `"hun\"ter2$" has a $ that begins no variable`,
	})
	if want := `"•••" has a $ that begins no variable`; d.Summary != want {
		t.Errorf("got %s, want %s", d.Summary, want)
	}
}

// FuzzMask writes a secret in every form that a mapping of variables has, among
// lines that came from anywhere, and never wants to see it again.
func FuzzMask(f *testing.F) {
	f.Add("services:\n  web:", "environment:", uint8(0))
	f.Add("a: |\n  b", "  - x", uint8(3))
	f.Add("a: \"b", "'", uint8(5))
	f.Fuzz(func(t *testing.T, before, after string, form uint8) {
		const secret = "hunter2hunter2"
		forms := []string{
			"      DB_PASSWORD: " + secret,
			"      DB_PASSWORD: \"" + secret + "\"",
			"      - DB_PASSWORD=" + secret,
			"      - 'DB_PASSWORD=" + secret + "'",
			"      DB_PASSWORD: |\n        " + secret,
			"      DB_PASSWORD:\n        " + secret,
			"      DB_PASSWORD: \"\n        " + secret + "\"",
			"    environment: {A: b, DB_PASSWORD: " + secret + "}",
			"    image: x:${DB_PASSWORD:-" + secret + "}",
			"    command: [--password, " + secret + "]",
		}
		text := before + "\n" + forms[int(form)%len(forms)] + "\n" + after
		if shown := strings.Join(newMask(nil).lines(splitLines(text)), "\n"); strings.Contains(shown, secret) {
			t.Errorf("%q shows the secret: %q", text, shown)
		}
	})
}
