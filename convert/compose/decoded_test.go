package compose_test

import (
	"path/filepath"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/google/go-cmp/cmp"

	"gantry/convert/compose"
)

// What compose-go is handed decoded, and the name, come out as if it had read the
// files itself.
func TestDecodedAsComposeGo(t *testing.T) {
	const web = "services: {web: {image: nginx, environment: {A: 1, B: ~, C: 0x10, D: 1_0, E: 2001-01-01, F: '${HOST:-h}', G: !!str 5}}}\n"
	for name, files := range map[string][]string{
		"no name":        {web},
		"name":           {"name: shop\n" + web},
		"variable":       {"name: ${TEAM:-red}_${HOST}\n" + web},
		"normalized":     {"name: My.Shop\n" + web},
		"last file":      {"name: shop\n" + web, "name: outlet\n"},
		"last document":  {"name: shop\n" + web + "---\nname: outlet\n"},
		"merged":         {"x-all: &all {name: shop}\n<<: *all\n" + web},
		"reset":          {web, "services: {web: {image: caddy, environment: !reset ~}}\n"},
		"reset by alias": {web, "x-none: &none !reset ~\nservices: {web: {image: caddy, environment: *none}}\n"},
		"override":       {web, "services: {web: {environment: !override {Z: 1}}}\n"},
		"aliases":        {"x-env: &env {A: 1}\nservices: {web: {image: nginx, environment: &e {<<: *env, B: 2}}, db: {image: db, environment: *e}}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "folder")
			var paths []string
			for i, content := range files {
				paths = append(paths, filepath.Join(dir, []string{"compose.yaml", "override.yaml"}[i]))
				write(t, paths[i], []byte(content))
			}
			got, list, err := compose.Load(t.Context(), compose.Source{Files: paths, Environ: []string{"HOST=here"}})
			if err != nil || list.HasErrors() {
				t.Fatalf("%v\n%v", err, list)
			}
			o, err := cli.NewProjectOptions(paths, cli.WithEnv([]string{"HOST=here"}), cli.WithoutEnvironmentResolution)
			if err != nil {
				t.Fatal(err)
			}
			want, err := o.LoadProject(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got.Name != want.Name {
				t.Errorf("the name is %q, want %q", got.Name, want.Name)
			}
			if diff := cmp.Diff(want.Services, got.Services); diff != "" {
				t.Error(diff)
			}
		})
	}
}
