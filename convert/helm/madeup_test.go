package helm_test

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// TestMadeUpValuesHaveTheirShape renders a Secret without its value: what is made up
// must do for who read the value of the Compose file, and what cannot is left out.
func TestMadeUpValuesHaveTheirShape(t *testing.T) {
	der := base64.StdEncoding.EncodeToString([]byte("-----BEGIN PRIVATE KEY-----"))
	for _, tt := range []struct{ name, value, want string }{
		{"a password", "changeme", `^[A-Za-z0-9]{32}$`},
		{"a password that could be base64", "abcdefghijklmnopqrstuvwx", `^[A-Za-z0-9]{32}$`},
		{"a file with a password", "s3cr3t\r\n", `^[A-Za-z0-9]{32}$`},
		{"a UUID", "0b0e7a52-5b7e-4f0e-9d5b-1c8c1f2f6a11", `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`},
		{"16 bytes in hexadecimal", strings.Repeat("0f", 16), `^[0-9a-f]{32}$`},
		{"32 bytes in hexadecimal", strings.Repeat("0f", 32), `^[0-9a-f]{64}$`},
		{"50 bytes in hexadecimal", strings.Repeat("0f", 50), `^[0-9a-f]{100}$`},
		{"32 bytes in base64", "81HqDtbqAywKSOumSha3BhWNOdQ26slT6K0YaZeZyPs=", `^[A-Za-z0-9+/]{43}=$`},
		{"32 bytes for addresses", "81HqDtbqAywKSOumSha3BhWNOdQ26slT6K0Ya_eZyP-=", `^[A-Za-z0-9_-]{43}=$`},
		{"a key that says how it is written", "base64:81HqDtbqAywKSOumSha3BhWNOdQ26slT6K0YaZeZyPs=", `^base64:[A-Za-z0-9+/]{43}=$`},
		{"a password in an address", "https://me:elsewhere@example.com/x", ``},
		{"a password among options", "-Xmx1g -Ddb.ConnectionPassword=elsewhere -Dx=y", ``},
		{"settings with a password", "user: me\npassword: elsewhere\n", ``},
		{"a key", "-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----\n", ``},
		{"a key in base64", der, ``},
		{"a signed token", "eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2ln", ``},
		{"the hash of a password", "$2y$10$abcdefghijklmnopqrstuv", ``},
		{"users and hashes", "admin:$apr1$abc$def", ``},
		{"a document", `{"type": "service_account"}`, ``},
		{"an address with a key", "https://0123abcd@errors.example.com/1", ``},
		{"a text that is too long for chance", strings.Repeat("a", 513), ``},
		{"bytes", "\xff\x00", ``},
		{"a key of a provider", "sk_live_0123456789abcdef", ``},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from := []manifest.Object{secret("web-env", nil, map[string][]byte{"KEY": []byte(tt.value)})}
			content, ok := contentOf(t, from, nil)
			if demanded := len(helm.Demanded(from, nil)) == 1; ok == demanded {
				t.Errorf("demanded: %v, but rendered: %v", demanded, ok)
			}
			if ok != (tt.want != "") || !regexp.MustCompile(tt.want).MatchString(content) {
				t.Errorf("%q is made up for %q, want %s", content, tt.value, tt.want)
			}
			if given, _ := contentOf(t, from, helm.SecretValues(from)); given != tt.value {
				t.Errorf("%q is given, and %q rendered", tt.value, given)
			}
		})
	}
}

// TestNamesOfSecrets looks at secrets of which the name says that they cannot be made up.
func TestNamesOfSecrets(t *testing.T) {
	for key, want := range map[string]int{
		"PASSWORD": 0, "db.txt": 0, "tls.key": 1, "users.htpasswd": 1, "VAPID_PRIVATE_KEY": 1, "id_ed25519": 1,
		"SMTP_PASSWORD": 1, "mail-password": 1, "STRIPE_SECRET_KEY": 1, "OAUTH2_CLIENT_SECRET": 1, "OAUTH2_COOKIE_SECRET": 0, "AUTH0_SESSION_SECRET": 0, "DD_API_KEY": 1, "ADD_KEY": 0,
	} {
		from := []manifest.Object{secret("web", map[string]string{key: workload.Placeholder}, nil)}
		if got := len(helm.Demanded(from, nil)); got != want {
			t.Errorf("%s: %d are demanded, want %d", key, got, want)
		}
	}
}

// TestHandedOutSecrets expects a key for somebody outside to be given, unless a server of
// the application takes it.
func TestHandedOutSecrets(t *testing.T) {
	const key, value = "AWS_SECRET_ACCESS_KEY", "minio123"
	for name, want := range map[string]int{"MINIO_ROOT_PASSWORD": 0, "AWS_SECRET_ACCESS_KEY": 1} {
		from := []manifest.Object{
			secret("api-env", map[string]string{key: value}, nil),
			secret("other-env", map[string]string{name: value}, nil),
		}
		if got := len(helm.Demanded(from, nil)); got != want {
			t.Errorf("beside %s, %d are demanded, want %d", name, got, want)
		}
	}
}

// TestShownSecrets expects a password to be demanded that something else of the
// application holds in the clear, which would not follow one that is made up.
func TestShownSecrets(t *testing.T) {
	for text, want := range map[string]int{
		"requirepass hunter22": 1, "password: 'hunter22'": 1, "url=redis://:hunter22@cache": 1, "user: hunter22": 0, "hunter22": 0,
	} {
		config := manifest.Object{Resource: &corev1.ConfigMap{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Name: "cache"}, Data: map[string]string{"cache.conf": text},
		}}
		from := []manifest.Object{secret("cache-env", map[string]string{"PASSWORD": "hunter22"}, nil), config}
		if got := len(helm.Demanded(from, nil)); got != want {
			t.Errorf("beside %q, %d are demanded, want %d", text, got, want)
		}
	}
}

// contentOf renders the chart of a Secret, and returns its only key.
func contentOf(t *testing.T, from []manifest.Object, values map[string]any) (content string, ok bool) {
	t.Helper()
	files, err := helm.Chart(helm.Source{Name: "app", Objects: from})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := render(load(t, files), "app", values)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := objects(t, documents)["Secret web-env"].(map[string]any)["data"].(map[string]any)
	text, ok := data["KEY"].(string)
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(decoded), ok
}
