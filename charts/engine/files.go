package engine

import (
	"encoding/base64"
	"path"
	"strings"

	"github.com/gobwas/glob"
	"helm.sh/helm/v3/pkg/chart"
)

// files is what templates see as .Files: those of the chart that are not
// templates, by name. Templates can see the name of this type, which is helm's.
type files map[string][]byte

func newFiles(from []*chart.File) files {
	all := files{}
	for _, f := range from {
		all[f.Name] = f.Data
	}
	return all
}

// GetBytes returns the content of a file, and nothing when there is none.
func (f files) GetBytes(name string) []byte {
	if data, ok := f[name]; ok {
		return data
	}
	return []byte{}
}

// Get returns the content of a file as a text.
func (f files) Get(name string) string { return string(f.GetBytes(name)) }

// Glob returns the files whose names match a pattern, and all when it is none.
func (f files) Glob(pattern string) files {
	matches, err := glob.Compile(pattern, '/')
	if err != nil {
		matches = glob.MustCompile("**")
	}
	some := files{}
	for name, data := range f {
		if matches.Match(name) {
			some[name] = data
		}
	}
	return some
}

// AsConfig returns the files as the YAML of a ConfigMap's data.
func (f files) AsConfig() (string, error) {
	return f.asYAML(func(data []byte) string { return string(data) })
}

// AsSecrets returns the files as the YAML of a Secret's data.
func (f files) AsSecrets() (string, error) { return f.asYAML(base64.StdEncoding.EncodeToString) }

func (f files) asYAML(encode func([]byte) string) (string, error) {
	if f == nil {
		return "", nil
	}
	data := map[string]string{}
	for name, content := range f {
		data[path.Base(name)] = encode(content)
	}
	return toYAML(data)
}

// Lines returns the lines of a file.
func (f files) Lines(name string) []string {
	text := string(f[name])
	if text == "" {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
