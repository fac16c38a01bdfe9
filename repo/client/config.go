package client

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"sigs.k8s.io/yaml"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/repo"
)

// Repository is an entry of repositories.yaml.
type Repository struct {
	Name     string `json:"name"`
	URL      string `json:"url"`
	Username string `json:"username"`
	Password string `json:"password"`
	// CertFile and KeyFile identify this client; CAFile says whom to trust.
	CertFile string `json:"certFile"`
	KeyFile  string `json:"keyFile"`
	CAFile   string `json:"caFile"`
	// InsecureSkipTLSVerify trusts whoever answers.
	InsecureSkipTLSVerify bool `json:"insecure_skip_tls_verify"`
	// PassCredentialsAll sends the credentials to every host that the index
	// names.
	PassCredentialsAll bool `json:"pass_credentials_all"`
}

// LogValue leaves out the password.
func (r Repository) LogValue() slog.Value {
	return slog.GroupValue(slog.String("name", r.Name), slog.String("url", redact(r.URL)))
}

// file is repositories.yaml as Helm writes it.
type file struct {
	APIVersion   string       `json:"apiVersion"`
	Generated    time.Time    `json:"generated"`
	Repositories []Repository `json:"repositories"`
}

// UnknownRepositoryError reports that no repository of that name is configured.
type UnknownRepositoryError struct {
	Name string
	// Nearest are the names that look most alike.
	Nearest []string
}

// Error names the repository and what it may have been meant to be.
func (e *UnknownRepositoryError) Error() string {
	msg := fmt.Sprintf("no repository %q is configured", e.Name)
	if len(e.Nearest) > 0 {
		msg += ": did you mean " + strings.Join(e.Nearest, " or ") + "?"
	}
	return msg
}

var plainName = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9._@-]*$`)

// CheckName says why a repository cannot be called that: the name becomes part
// of file names, and of references up to a slash.
func CheckName(name string) error {
	if !plainName().MatchString(name) {
		return fmt.Errorf("the name %q of a repository may hold letters, digits, '-', '_', '.' and '@'", name)
	}
	return nil
}

// Repositories returns what is configured, in the order of the file. A file that
// is not there is an empty one.
func (c *Client) Repositories() ([]Repository, error) {
	f, err := readConfig(c.paths.Config)
	return f.Repositories, err
}

// Repository returns the configured repository of that name.
func (c *Client) Repository(name string) (Repository, error) {
	all, err := c.Repositories()
	if err != nil {
		return Repository{}, err
	}
	names := make([]string, len(all))
	for i, r := range all {
		if r.Name == name {
			return r, nil
		}
		names[i] = r.Name
	}
	return Repository{}, &UnknownRepositoryError{Name: name, Nearest: diag.Nearest(name, names)}
}

func readConfig(path string) (file, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return file{}, nil
	}
	if err != nil {
		return file{}, err
	}
	var f file
	if err := yaml.Unmarshal(data, &f); err != nil {
		return file{}, fmt.Errorf("read %s: %w", path, err)
	}
	return f, nil
}

// lockWait is how long another process may hold the configuration; Helm waits
// as long.
const lockWait = 30 * time.Second

// lockPoll is how often it is tried.
const lockPoll = 50 * time.Millisecond

// Configure changes what is configured, under Helm's lock.
func (c *Client) Configure(ctx context.Context, change func([]Repository) ([]Repository, error)) error {
	path := c.paths.Config
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	lock := flock.New(strings.TrimSuffix(path, filepath.Ext(path)) + ".lock")
	if _, err := lock.TryLockContext(ctx, lockPoll); err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer lock.Close()
	f, err := readConfig(path)
	if err != nil {
		return err
	}
	next, err := change(slices.Clone(f.Repositories))
	if err != nil || slices.Equal(next, f.Repositories) && f.APIVersion != "" {
		return err
	}
	f.APIVersion, f.Repositories = repo.APIVersion, next
	if f.Generated.IsZero() {
		f.Generated = c.now().UTC()
	}
	data, err := yaml.Marshal(f)
	if err != nil {
		return err
	}
	// The file holds passwords.
	return writeFile(path, data, 0o600)
}

// writeFile replaces a file as a whole: a reader sees the old or the new.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".gantry-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Chmod(mode), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
