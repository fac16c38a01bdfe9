package archive

import (
	"os"
	"path/filepath"
	"strings"
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
