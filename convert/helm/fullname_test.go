package helm_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"gantry/convert/helm"
	"gantry/testdata/strict"
)

// TestPrefix renders every chart with a prefix and expects the objects without,
// under other names: what is named after taking the prefix away again is what
// there was before, but for text that the README lists.
func TestPrefix(t *testing.T) {
	for name, app := range applications(t) {
		t.Run(name, func(t *testing.T) {
			c := loadedOf(t, app)
			secrets := helm.SecretValues(app.objects)
			plain, _, err := renderByUs(t.Context(), c, app.name, secrets)
			if err != nil {
				t.Fatal(err)
			}
			prefixed := maps.Clone(secrets)
			prefixed["fullnameOverride"] = "zz9"
			documents, _, err := renderByUs(t.Context(), c, app.name, prefixed)
			if err != nil {
				t.Fatal(err)
			}
			before, after := objects(t, plain), objects(t, documents)
			for key, o := range after {
				if name := at(o, "metadata", "name").(string); len(name) > 63 {
					t.Errorf("%s is longer than the API admits", name)
				}
				kind, object, _ := strings.Cut(key, " ")
				if !strings.HasPrefix(object, "zz9-") && !slices.Contains([]string{"Namespace", "PersistentVolume", "ClusterRole", "ClusterRoleBinding"}, kind) {
					t.Errorf("%s has no prefix: two releases would fight over it", key)
				}
			}
			if slices.ContainsFunc(slices.Collect(maps.Keys(after)), func(key string) bool { return len(key) > 63 }) {
				return // a name that was shortened
			}
			if diff := cmp.Diff(unprefixed(before, ""), unprefixed(after, "zz9-")); diff != "" {
				t.Errorf("with a prefix, the objects differ in more than names (-without +with):\n%s", diff)
			}
		})
	}
}

// unprefixed returns objects without a prefix and what follows from it.
func unprefixed(objects map[string]any, prefix string) map[string]any {
	out := map[string]any{}
	for key, object := range strict.Plain(objects) {
		text := strings.ReplaceAll(asYAML(object), prefix, "")
		out[strings.Replace(key, prefix, "", 1)] = text
	}
	return out
}

func asYAML(object any) string {
	data, err := yaml.Marshal(object)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// TestReferencesFollow checks that no reference to an object of the chart keeps its
// old name when the names have a prefix.
func TestReferencesFollow(t *testing.T) {
	for name, app := range applications(t) {
		documents, _, err := renderByUs(t.Context(), loadedOf(t, app), app.name, map[string]any{"prefixNames": true})
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		found := objects(t, documents)
		for key := range found {
			names[key] = true
		}
		for _, object := range found {
			for _, ref := range referencesOf(object, "") {
				kind, old, _ := strings.Cut(ref, " ")
				if now := kind + " " + app.name + "-" + old; names[now] {
					t.Errorf("%s: something refers to the %s, which is called %s", name, ref, now)
				}
			}
		}
	}
}

// referencesOf lists what an object refers to, by what Kubernetes calls the
// fields: an oracle of its own.
func referencesOf(node any, parent string) []string {
	fields := map[string]string{
		"configMapRef.name": "ConfigMap", "configMapKeyRef.name": "ConfigMap", "configMap.name": "ConfigMap",
		"secretRef.name": "Secret", "secretKeyRef.name": "Secret", "secret.name": "Secret", "secret.secretName": "Secret",
		"persistentVolumeClaim.claimName": "PersistentVolumeClaim", "spec.serviceName": "Service", "spec.subdomain": "Service",
		"service.name": "Service", "backendRefs.name": "Service", "spec.serviceAccountName": "ServiceAccount", "subjects.name": "ServiceAccount",
		"roleRef.name": "Role", "scaleTargetRef.name": "Deployment",
	}
	var refs []string
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			refs = append(refs, referencesOf(item, parent)...)
		}
	case map[string]any:
		for key, value := range n {
			if text, ok := value.(string); ok && fields[parent+"."+key] != "" {
				refs = append(refs, fields[parent+"."+key]+" "+text)
			}
			refs = append(refs, referencesOf(value, key)...)
		}
	}
	return refs
}

// TestAddressesFollow looks at variables that lead to services, and others that
// only look so.
func TestAddressesFollow(t *testing.T) {
	app := applicationOf(t, "names_prefix")
	files := chartOf(t, app)
	documents, err := render(load(t, files), "blue", map[string]any{"prefixNames": true, "web": map[string]any{"env": map[string]any{"MAIL_HOST": "mail.example.com"}}})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{}
	web := objects(t, documents)["Deployment blue-web"]
	for _, v := range at(at(web, "spec", "template", "spec", "containers").([]any)[0], "env").([]any) {
		got[v.(map[string]any)["name"].(string)] = v.(map[string]any)["value"]
	}
	want := map[string]any{
		"BROKERS":       "blue-kafka-1:9092,blue-kafka-2:9092",
		"CACHE_NODES":   "blue-cache,blue-db",
		"DATABASE_HOST": "blue-db",
		"DATABASE_NAME": "db",
		"DATABASE_URL":  "postgres://shop@blue-db:5432/db",
		"MAIL_HOST":     "mail.example.com",
		"METRICS":       "blue-db:9187",
		"SITE_URL":      "https://db.example.com/cache/db",
		"STATIC":        "cache/static",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, want := range []string{"- the command of web\n", "- `cache.conf` of ConfigMap cache-conf\n"} {
		if readme := string(content(t, files, "README.md")); !strings.Contains(readme, want) {
			t.Errorf("the README does not warn of %s", want)
		}
	}
}
