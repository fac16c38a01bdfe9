package bake

import (
	"encoding/json"
	"io"
)

// File is a bake file.
// https://docs.docker.com/build/bake/reference/
type File struct {
	Comment  string              `json:"//"`
	Group    map[string]Group    `json:"group"`
	Variable map[string]Variable `json:"variable,omitempty"`
	Target   map[string]Target   `json:"target"`
}

// Group is a list of targets that are built together.
type Group struct {
	Targets []string `json:"targets"`
}

// Variable is a value that the environment of the build gives.
type Variable struct{}

// Target is one build.
type Target struct {
	Context          string            `json:"context,omitempty"`
	Contexts         map[string]string `json:"contexts,omitempty"`
	Dockerfile       string            `json:"dockerfile,omitempty"`
	DockerfileInline string            `json:"dockerfile-inline,omitempty"`
	Target           string            `json:"target,omitempty"`
	Args             map[string]string `json:"args,omitempty"`
	Labels           map[string]string `json:"labels,omitempty"`
	Tags             []string          `json:"tags"`
	Platforms        []string          `json:"platforms,omitempty"`
	CacheFrom        []string          `json:"cache-from,omitempty"`
	CacheTo          []string          `json:"cache-to,omitempty"`
	Secret           []string          `json:"secret,omitempty"`
	SSH              []string          `json:"ssh,omitempty"`
	Attest           []string          `json:"attest,omitempty"`
	NoCache          bool              `json:"no-cache,omitempty"`
	NoCacheFilter    []string          `json:"no-cache-filter,omitempty"`
	Pull             bool              `json:"pull,omitempty"`
	Network          string            `json:"network,omitempty"`
	ExtraHosts       map[string]string `json:"extra-hosts,omitempty"`
	ShmSize          string            `json:"shm-size,omitempty"`
	Ulimits          []string          `json:"ulimits,omitempty"`
	Entitlements     []string          `json:"entitlements,omitempty"`
}

// comment stands in every file that gantry makes: bake reads over it.
const comment = "This file was made by gantry, which replaces it when it is made again."

// IsOurs reports whether gantry made the file with this content.
func IsOurs(data []byte) bool {
	var f struct {
		Comment string `json:"//"`
	}
	return json.Unmarshal(data, &f) == nil && f.Comment == comment
}

// Write writes the file. The same builds give the same bytes.
func (f *File) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(f)
}
