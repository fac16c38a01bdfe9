package deps

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/archive"
)

// OutOfSyncError reports a lock file that is for other dependencies than those of
// the chart.
type OutOfSyncError struct {
	// Lock is the path of the file.
	Lock string
}

// Error names the file.
func (e *OutOfSyncError) Error() string {
	return e.Lock + " is not for the dependencies that the chart has now"
}

// lockName is what the lock file of a chart is called; charts of helm 2 have
// another.
func lockName(m *chart.Metadata) string {
	if m.APIVersion == chart.APIVersionV1 {
		return "requirements.lock"
	}
	return "Chart.lock"
}

// digestOf is helm's digest of what was asked for and what was found.
func digestOf(asked, locked []*chart.Dependency) (string, error) {
	return digestJSON([2][]*chart.Dependency{asked, locked})
}

func digestJSON(v any) (string, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// inSync reports whether a lock file is for these dependencies. Charts of helm 2
// may have its digest, which is over what was asked for alone, as it was written.
func inSync(m *chart.Metadata, located []*chart.Dependency, lock *chart.Lock) (bool, error) {
	sum, err := digestOf(located, lock.Dependencies)
	if err != nil || sum == lock.Digest || m.APIVersion != chart.APIVersionV1 {
		return sum == lock.Digest, err
	}
	sum, err = digestJSON(map[string][]*chart.Dependency{"dependencies": m.Dependencies})
	return sum == lock.Digest, err
}

// writeLock writes a lock file, unless the one there says the same.
func writeLock(dir string, c *chart.Chart, located, locked []*chart.Dependency, now time.Time) (written bool, err error) {
	sum, err := digestOf(located, locked)
	if err != nil || c.Lock != nil && c.Lock.Digest == sum {
		return false, err
	}
	data, err := yaml.Marshal(chart.Lock{Generated: now, Digest: sum, Dependencies: locked})
	if err != nil {
		return false, err
	}
	return true, archive.WriteFile(filepath.Join(dir, lockName(c.Metadata)), data)
}

// checkLock refuses a lock file that is a link: it would be another file of the
// machine that is written.
func checkLock(dir string, c *chart.Chart) error {
	name := filepath.Join(dir, lockName(c.Metadata))
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("%s is no plain file, and is not written to", name)
	default:
		return err
	}
}
