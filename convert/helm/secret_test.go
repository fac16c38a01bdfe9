package helm_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"

	"gantry/convert/helm"
	"gantry/convert/manifest"
	"gantry/convert/workload"
	"gantry/testdata/strict"
)

// shared are Secrets of two services, of which one key has the same value.
func shared() []manifest.Object {
	return []manifest.Object{
		secret("db-env", map[string]string{"POSTGRES_PASSWORD": "p4ss\n", "OTHER": "x"}, nil),
		secret("web-env", map[string]string{
			"DB_PASSWORD": "p4ss", "EMPTY": "", "DSN": "Server=db;Password=p4ss", "URL": "mysql://web:p4ss@db/web", "UPSTREAM": "https://me:elsewhere@example.com",
		}, map[string][]byte{"key.der": {0xff, 0x00, 0xfe}}),
	}
}

func secret(name string, text map[string]string, binary map[string][]byte) manifest.Object {
	return manifest.Object{Resource: &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, Type: corev1.SecretTypeOpaque, StringData: text, Data: binary,
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app.kubernetes.io/instance": "app"}},
	}}
}

// renderSecrets renders the chart of the shared Secrets against a cluster that
// holds some already, and returns their contents by name and key.
func renderSecrets(t *testing.T, values map[string]any, existing ...runtime.Object) map[string]string {
	t.Helper()
	files, err := helm.Chart(helm.Source{Name: "app", Objects: shared()})
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, files)
	all, err := chartutil.ToRenderValues(c.Chart, values, chartutil.ReleaseOptions{Name: "app", Namespace: "default"}, chartutil.DefaultCapabilities)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := engine.RenderWithClientProvider(c.Chart, all, cluster{existing})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(load(t, files).Values, c.Values); diff != "" {
		t.Errorf("rendering changes the values of the chart:\n%s", diff)
	}
	contents := map[string]string{}
	for name, text := range rendered {
		if !strings.HasSuffix(name, ".yaml") {
			continue
		}
		for _, object := range decode(t, text) {
			m := object.(map[string]any)
			for key, value := range strict.SecretContent(m) {
				contents[at(m, "metadata", "name").(string)+"/"+key] = value.(string)
			}
		}
	}
	return contents
}

// cluster answers lookup from objects in memory.
type cluster struct{ objects []runtime.Object }

func (c cluster) GetClientFor(_, _ string) (dynamic.NamespaceableResourceInterface, bool, error) {
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		return nil, false, err
	}
	client := fake.NewSimpleDynamicClient(scheme, c.objects...)
	return client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}), true, nil
}

func TestSecretsAreMadeUpOnce(t *testing.T) {
	got := renderSecrets(t, nil)
	if got["db-env/POSTGRES_PASSWORD"] != strict.MadeUp {
		t.Errorf("a password is not made up: %v", got)
	}
	if got["web-env/EMPTY"] != "" {
		t.Errorf("an empty value is made up: %v", got)
	}
}

// TestSharedSecretsStayShared looks at the raw text: made up values differ from
// one rendering to the next.
func TestSharedSecretsStayShared(t *testing.T) {
	files, err := helm.Chart(helm.Source{Name: "app", Objects: shared()})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := render(load(t, files), "app", nil)
	if err != nil {
		t.Fatal(err)
	}
	data := func(file string) map[string]any {
		for _, o := range decode(t, documents["templates/"+file]) {
			return at(o, "data").(map[string]any)
		}
		t.Fatalf("no %s", file)
		return nil
	}
	db, web := data("secret-db-env.yaml"), data("secret-web-env.yaml")
	if db["POSTGRES_PASSWORD"] != web["DB_PASSWORD"] {
		t.Errorf("two services that share a password got two: %v and %v", db, web)
	}
	if db["POSTGRES_PASSWORD"] == db["OTHER"] || db["OTHER"] == web["key.der"] {
		t.Errorf("two passwords became one: %v and %v", db, web)
	}
}

func TestSecretsAreKept(t *testing.T) {
	existing := secret("db-env", nil, map[string][]byte{"POSTGRES_PASSWORD": []byte("in the cluster")}).Resource
	got := renderSecrets(t, nil, existing)
	for _, key := range []string{"db-env/POSTGRES_PASSWORD", "web-env/DB_PASSWORD"} {
		if got[key] != "in the cluster" {
			t.Errorf("%s is %q, not what the cluster has", key, got[key])
		}
	}
	// A value that is given wins, and reaches everybody who shares it.
	got = renderSecrets(t, nested("secrets.dbEnv.data.POSTGRES_PASSWORD", "rotated"), existing)
	for _, key := range []string{"db-env/POSTGRES_PASSWORD", "web-env/DB_PASSWORD"} {
		if got[key] != "rotated" {
			t.Errorf("%s is %q, not what was given", key, got[key])
		}
	}
}

func TestExistingSecret(t *testing.T) {
	own := secret("my-own", nil, map[string][]byte{"POSTGRES_PASSWORD": []byte("mine")}).Resource
	got := renderSecrets(t, nested("secrets.dbEnv.existingSecret", "my-own"), own)
	want := map[string]string{
		"web-env/DB_PASSWORD": "mine", "web-env/EMPTY": "",
		"web-env/DSN": "Server=db;Password=mine", "web-env/URL": "mysql://web:mine@db/web",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestDemandedSecrets expects an installation to be refused without what cannot be made
// up, where a cluster could have it, and an upgrade to keep it.
func TestDemandedSecrets(t *testing.T) {
	files, err := helm.Chart(helm.Source{Name: "app", Objects: []manifest.Object{secret("web-env", map[string]string{"PASSWORD": "p4ss"}, map[string][]byte{"key.der": {0xff}})}})
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, files)
	for _, tt := range []struct {
		name   string
		values map[string]any
		change func(*chartutil.ReleaseOptions, *chartutil.Capabilities)
		live   []runtime.Object
		want   string
	}{
		{name: "without a cluster"},
		{name: "installation", change: inCluster, want: "secrets.webEnv.binaryData.key\\.der must be given"},
		{name: "with its value", values: nested("secrets.webEnv.binaryData", map[string]any{"key.der": "/wD+"}), change: inCluster},
		{name: "with a Secret", values: nested("secrets.webEnv.existingSecret", "mine"), change: inCluster},
		{name: "with that of an earlier release", change: inCluster, live: []runtime.Object{
			secret("web-env", nil, map[string][]byte{"key.der": {0xff, 0x00}}).Resource,
		}},
		{name: "upgrade whose cluster may not be looked into", change: func(r *chartutil.ReleaseOptions, c *chartutil.Capabilities) {
			inCluster(r, c)
			r.IsInstall, r.IsUpgrade = false, true
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			options, capabilities := chartutil.ReleaseOptions{Name: "app", Namespace: "default", IsInstall: true}, chartutil.DefaultCapabilities.Copy()
			if tt.change != nil {
				tt.change(&options, capabilities)
			}
			all, err := chartutil.ToRenderValues(c.Chart, tt.values, options, capabilities)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = engine.RenderWithClientProvider(c.Chart, all, cluster{tt.live}); tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestDemandedSecretsTogether expects an installation to tell of everything that it lacks,
// each once, and of nothing that is not needed: the password of the mail server is
// shared, and the key of a service that is not installed is not missed.
func TestDemandedSecretsTogether(t *testing.T) {
	objects := []manifest.Object{
		secret("pay-env", map[string]string{"STRIPE_SECRET_KEY": "sk_live_1", "SMTP_PASSWORD": "mailed"}, nil),
		secret("web-env", map[string]string{"SMTP_PASSWORD": "mailed", "DATABASE_URL": "postgres://u:pw12345@db.example.com/x", "SESSION_SECRET": "abc"}, map[string][]byte{"key.der": {0xff}}),
	}
	files, err := helm.Chart(helm.Source{Name: "app", Objects: objects})
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, files)
	for _, tt := range []struct {
		name    string
		values  map[string]any
		upgrade bool
		live    []runtime.Object
		want    []string
	}{
		{name: "all", want: []string{"secrets.payEnv.data.SMTP_PASSWORD", "secrets.payEnv.data.STRIPE_SECRET_KEY", `secrets.webEnv.binaryData.key\.der`, "secrets.webEnv.data.DATABASE_URL"}},
		{
			name: "its own value and a Secret", want: []string{`secrets.webEnv.binaryData.key\.der`, "secrets.webEnv.data.DATABASE_URL"},
			values: map[string]any{"secrets": map[string]any{
				"payEnv": map[string]any{"existingSecret": "mine"}, "webEnv": map[string]any{"data": map[string]any{"SMTP_PASSWORD": "x"}},
			}},
		},
		{
			name: "new keys of a Secret that an upgrade sees", upgrade: true,
			live: []runtime.Object{secret("web-env", nil, map[string][]byte{"SESSION_SECRET": []byte("kept"), "key.der": {1}}).Resource},
			want: []string{"secrets.payEnv.data.SMTP_PASSWORD", "secrets.payEnv.data.STRIPE_SECRET_KEY", "secrets.webEnv.data.DATABASE_URL"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			options, capabilities := chartutil.ReleaseOptions{Name: "app", Namespace: "default", IsInstall: !tt.upgrade, IsUpgrade: tt.upgrade}, chartutil.DefaultCapabilities.Copy()
			inCluster(&options, capabilities)
			all, err := chartutil.ToRenderValues(c.Chart, tt.values, options, capabilities)
			if err != nil {
				t.Fatal(err)
			}
			_, err = engine.RenderWithClientProvider(c.Chart, all, cluster{tt.live})
			if err == nil {
				t.Fatal("nothing is missed")
			}
			_, after, _ := strings.Cut(err.Error(), "made up:\n")
			list, _, _ := strings.Cut(after, "\ngive each")
			if diff := cmp.Diff(tt.want, strings.Split(list, "\n")); diff != "" {
				t.Errorf("-want +got:\n%s\n%v", diff, err)
			}
		})
	}
}

// inCluster makes the capabilities those of a cluster, which lists its kinds.
func inCluster(_ *chartutil.ReleaseOptions, c *chartutil.Capabilities) {
	c.APIVersions = append(c.APIVersions, "v1/Secret")
}

func TestSecretValues(t *testing.T) {
	dsn, address, upstream := "Server=db;Password=p4ss", "mysql://web:p4ss@db/web", "https://me:elsewhere@example.com"
	want := map[string]any{"secrets": map[string]any{
		"dbEnv": map[string]any{"data": map[string]any{"POSTGRES_PASSWORD": "p4ss\n", "OTHER": "x"}},
		"webEnv": map[string]any{
			"data":       map[string]any{"DB_PASSWORD": "p4ss", "DSN": dsn, "URL": address, "UPSTREAM": upstream},
			"binaryData": map[string]any{"key.der": "/wD+"},
		},
	}}
	if diff := cmp.Diff(want, helm.SecretValues(shared())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got := renderSecrets(t, helm.SecretValues(shared()))
	wantContents := map[string]string{
		"db-env/POSTGRES_PASSWORD": "p4ss\n", "db-env/OTHER": "x", "web-env/DB_PASSWORD": "p4ss", "web-env/EMPTY": "", "web-env/key.der": "\xff\x00\xfe",
		"web-env/DSN": dsn, "web-env/URL": address, "web-env/UPSTREAM": upstream,
	}
	if diff := cmp.Diff(wantContents, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestAddressesFollowPasswords looks at the passwords in addresses: they are those of
// the Secret that holds them, escaped where an address needs it.
func TestAddressesFollowPasswords(t *testing.T) {
	got := renderSecrets(t, nested("secrets.dbEnv.data.POSTGRES_PASSWORD", "p@ss/word"))
	for key, want := range map[string]string{
		"web-env/URL": "mysql://web:p%40ss%2Fword@db/web",
		"web-env/DSN": "Server=db;Password=p@ss/word",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	existing := secret("web-env", nil, map[string][]byte{"UPSTREAM": []byte("https://me:kept@example.com")}).Resource
	if got := renderSecrets(t, nil, existing)["web-env/UPSTREAM"]; got != "https://me:kept@example.com" {
		t.Errorf("an address whose password nobody else has is %q, not what the cluster has", got)
	}
}

// TestWithheldSecrets expects one value in all keys that one variable of the shell is
// for: the one that is given somewhere, or one that is made up.
func TestWithheldSecrets(t *testing.T) {
	withheld := func(name, variable, value string) *workload.Data {
		return &workload.Data{Name: name, Withheld: map[string]workload.Withheld{"key": {Variable: variable, Value: value}}}
	}
	placeholder := map[string]string{"key": workload.Placeholder}
	objects := []manifest.Object{
		secret("a", placeholder, nil), secret("b", placeholder, nil), secret("c", placeholder, nil), secret("d", placeholder, nil),
		secret("web-env", map[string]string{"TOKEN": "t0ken", "URL": "https://me:t0ken@example.com"}, nil),
	}
	files, err := helm.Chart(helm.Source{Name: "app", Objects: objects, Data: []*workload.Data{
		withheld("a", "UNSET", ""), withheld("b", "UNSET", ""), withheld("c", "OTHER", ""), withheld("d", "TOKEN", "t0ken"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, values := range []map[string]any{nil, helm.SecretValues(objects)} {
		documents, err := render(load(t, files), "app", values)
		if err != nil {
			t.Fatal(err)
		}
		content := func(name, key string) string {
			data, _ := decode(t, documents["templates/secret-"+name+".yaml"])["Secret "+name].(map[string]any)["data"].(map[string]any)
			text, err := base64.StdEncoding.DecodeString(data[key].(string))
			if err != nil || len(text) == 0 {
				t.Fatalf("%s of %s: %q, %v", key, name, text, err)
			}
			return string(text)
		}
		if content("a", "key") != content("b", "key") || content("a", "key") == content("c", "key") {
			t.Errorf("one variable, two values: %v", documents)
		}
		token := content("web-env", "TOKEN")
		if content("d", "key") != token || content("web-env", "URL") != "https://me:"+token+"@example.com" {
			t.Errorf("a value that is written down is another: %v", documents)
		}
		if values != nil && token != "t0ken" {
			t.Errorf("a value that was given is %s", token)
		}
	}
}
