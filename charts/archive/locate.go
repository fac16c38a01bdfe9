package archive

import (
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
)

// Locate names a file of the chart that lies at path so that a person can open
// it: below the folder, or after the name of the archive and a colon. The
// chart's own name may stand in front of the file, as in the errors of the
// template engine.
func Locate(path, chartName, file string) string {
	if below, ok := strings.CutPrefix(file, chartName+"/"); ok {
		file = below
	}
	if file == "" {
		return path
	}
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return path + ":" + file
	}
	return filepath.Join(path, filepath.FromSlash(file))
}

// File returns the content of a file of a chart or of a chart within it, named
// as in the errors of the template engine: shop/charts/cache/templates/web.yaml.
// It is nil when there is none.
func File(c *chart.Chart, name string) []byte {
	below, ok := strings.CutPrefix(name, c.Name()+"/")
	if !ok {
		return nil
	}
	for _, f := range c.Raw {
		if f.Name == below {
			return f.Data
		}
	}
	for _, sub := range c.Dependencies() {
		if data := File(sub, strings.TrimPrefix(below, "charts/")); data != nil {
			return data
		}
	}
	return nil
}
