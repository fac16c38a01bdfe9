package client

import (
	"cmp"
	"path/filepath"
)

// Paths says where Helm keeps what this package shares with it.
type Paths struct {
	// Config is repositories.yaml.
	Config string
	// Cache is the folder of indexes and downloaded charts.
	Cache string
	// Registry is the file with the credentials for OCI registries, in
	// Docker's format.
	Registry string
}

// FindPaths resolves the paths as Helm does: the variable of the one path, then
// Helm's variable for the folder, then the XDG variable, then the custom of the
// operating system.
func FindPaths(goos string, getenv func(string) string) Paths {
	config, cache := homes(goos, getenv)
	if dir := getenv("XDG_CONFIG_HOME"); dir != "" {
		config = filepath.Join(dir, "helm")
	}
	if dir := getenv("XDG_CACHE_HOME"); dir != "" {
		cache = filepath.Join(dir, "helm")
	}
	config = cmp.Or(getenv("HELM_CONFIG_HOME"), config)
	cache = cmp.Or(getenv("HELM_CACHE_HOME"), cache)
	return Paths{
		Config:   cmp.Or(getenv("HELM_REPOSITORY_CONFIG"), filepath.Join(config, "repositories.yaml")),
		Cache:    cmp.Or(getenv("HELM_REPOSITORY_CACHE"), filepath.Join(cache, "repository")),
		Registry: cmp.Or(getenv("HELM_REGISTRY_CONFIG"), filepath.Join(config, "registry", "config.json")),
	}
}

func homes(goos string, getenv func(string) string) (config, cache string) {
	home := getenv("HOME")
	switch goos {
	case "windows":
		return filepath.Join(getenv("APPDATA"), "helm"), filepath.Join(getenv("TEMP"), "helm")
	case "darwin":
		return filepath.Join(home, "Library", "Preferences", "helm"), filepath.Join(home, "Library", "Caches", "helm")
	default:
		return filepath.Join(home, ".config", "helm"), filepath.Join(home, ".cache", "helm")
	}
}
