package convert_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"go.yaml.in/yaml/v4"

	"gantry/convert/extension"
)

// TestExtensionFieldsAreShown wants a case for each field of x-kubernetes at each
// place where it may stand.
func TestExtensionFieldsAreShown(t *testing.T) {
	shown := map[string]bool{}
	for _, name := range glob(t, "../testdata/convert/*.txtar") {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			var root any
			if strings.HasPrefix(f.Name, "want.") || yaml.Unmarshal(f.Data, &root) != nil {
				continue // what is expected, or no YAML on purpose
			}
			noteExtensions(root, "the top level", shown)
		}
	}
	for _, f := range extension.Fields() {
		if !shown[f.Place+" "+f.Path] {
			t.Errorf("no case uses x-kubernetes.%s on %s", f.Path, f.Place)
		}
	}
}

// noteExtensions notes the fields of the extensions in a part of a Compose file.
func noteExtensions(value any, place string, shown map[string]bool) {
	sections := map[string]string{
		"services": "services and jobs", "jobs": "services and jobs", "ports": "ports of services",
		"volumes": "volumes", "networks": "networks", "configs": "configs", "secrets": "secrets",
	}
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			switch at, ok := sections[key]; {
			case key == extension.Key:
				noteFields(below, place+" ", shown)
			case ok:
				noteExtensions(below, at, shown)
			default:
				noteExtensions(below, place, shown)
			}
		}
	case []any:
		for _, item := range v {
			noteExtensions(item, place, shown)
		}
	}
}

func noteFields(value any, path string, shown map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for key, below := range v {
			field := path + key
			shown[field] = true
			noteFields(below, field+".", shown)
		}
	case []any:
		for _, item := range v {
			noteFields(item, strings.TrimSuffix(path, ".")+"[].", shown)
		}
	}
}
