package bake_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/convert/bake"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// TestEveryAttributeOfABuild writes each attribute of a build section alone, and
// wants the file to show it.
func TestEveryAttributeOfABuild(t *testing.T) {
	attributes := map[string]string{
		"context": "./web", "dockerfile": "x", "dockerfile_inline": "FROM scratch", "entitlements": "[a]", "args": "[A=1]",
		"provenance": "mode=max", "sbom": "true", "ssh": "[default]", "labels": "[a=b]", "cache_from": "[a]", "cache_to": "[a]", "no_cache": "true",
		"no_cache_filter": "[a]", "additional_contexts": "[a=./b]", "pull": "true", "extra_hosts": "[\"a:1.2.3.4\"]", "network": "none", "target": "a",
		"secrets": "[s]", "shm_size": "1m", "tags": "[a]", "ulimits": "{nofile: 3}", "platforms": "[linux/arm64]", "privileged": "true",
	}
	// Bake has no word for it, and the support table says so.
	attributes["isolation"] = ""
	plain := write(t, "context: .")
	for field := range reflect.TypeFor[types.BuildConfig]().Fields() {
		key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		value, known := attributes[key]
		switch {
		case strings.HasPrefix(key, "#") || known && value == "":
		case !known:
			t.Errorf("nobody says what becomes of build.%s", key)
		case write(t, key+": "+value) == plain:
			t.Errorf("build.%s is not in the file", key)
		}
	}
}

func TestSecretsStayOut(t *testing.T) {
	t.Setenv("NPM_TOKEN", "geheim")
	got := write(t, `args: {NPM_TOKEN: geheim, DB_PASSWORD: geheim, PLAIN: "1", NOT_SET: }`)
	if strings.Contains(got, "geheim") {
		t.Errorf("the file has a secret:\n%s", got)
	}
	for _, want := range []string{`"NPM_TOKEN": "${NPM_TOKEN}"`, `"DB_PASSWORD": {}`, `"NOT_SET": "${NOT_SET}"`, `"PLAIN": "1"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the file lacks %s:\n%s", want, got)
		}
	}
}

// write returns the bake file of a service with this build section.
func write(t *testing.T, section string) string {
	t.Helper()
	dir := t.TempDir()
	text := "name: x\nservices:\n  web:\n    build:\n      " + section + "\nsecrets: {s: {file: s.txt}}\n"
	if err := os.WriteFile(filepath.Join(dir, "compose.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	project, problems, err := compose.Load(t.Context(), compose.Source{WorkingDir: dir})
	if err != nil || project == nil {
		t.Fatalf("%s: %v %v", section, err, problems)
	}
	var b bytes.Buffer
	if err := bake.New(project, []workload.Build{{Service: "web", Image: "x-web"}}, dir).Write(&b); err != nil {
		t.Fatal(err)
	}
	if !bake.IsOurs(b.Bytes()) {
		t.Error("the file does not say who made it")
	}
	return b.String()
}

// reference is what the documentation of bake says that a file may have, and of
// which type: https://docs.docker.com/build/bake/reference/
type reference struct {
	Comment string `json:"//"`
	Group   map[string]struct {
		Description string   `json:"description"`
		Targets     []string `json:"targets"`
	} `json:"group"`
	Variable map[string]struct {
		Default     any    `json:"default"`
		Description string `json:"description"`
	} `json:"variable"`
	Target map[string]struct {
		Inherits         []string           `json:"inherits"`
		Annotations      []string           `json:"annotations"`
		Attest           []string           `json:"attest"`
		Call             *string            `json:"call"`
		Context          *string            `json:"context"`
		Contexts         map[string]string  `json:"contexts"`
		Description      string             `json:"description"`
		Dockerfile       *string            `json:"dockerfile"`
		DockerfileInline *string            `json:"dockerfile-inline"`
		Args             map[string]*string `json:"args"`
		Labels           map[string]*string `json:"labels"`
		Tags             []string           `json:"tags"`
		CacheFrom        []string           `json:"cache-from"`
		CacheTo          []string           `json:"cache-to"`
		Entitlements     []string           `json:"entitlements"`
		ExtraHosts       map[string]*string `json:"extra-hosts"`
		Matrix           map[string]any     `json:"matrix"`
		Name             string             `json:"name"`
		Network          *string            `json:"network"`
		NoCache          *bool              `json:"no-cache"`
		NoCacheFilter    []string           `json:"no-cache-filter"`
		Output           []string           `json:"output"`
		Platforms        []string           `json:"platforms"`
		Pull             *bool              `json:"pull"`
		Secret           []string           `json:"secret"`
		ShmSize          *string            `json:"shm-size"`
		SSH              []string           `json:"ssh"`
		Target           *string            `json:"target"`
		Ulimits          []string           `json:"ulimits"`
	} `json:"target"`
}

// TestFileIsBakes decodes a file with everything strictly, as bake documents it.
func TestFileIsBakes(t *testing.T) {
	text := write(t, `{context: ./web, dockerfile: x, entitlements: [a], args: {A: "1", DB_PASSWORD: geheim}, provenance: mode=max, sbom: true, ssh: [default],
        labels: [a=b], cache_from: [a], cache_to: [a], no_cache: true, no_cache_filter: [a], additional_contexts: [a=./b], pull: true,
        extra_hosts: ["a:1.2.3.4"], network: none, target: a, secrets: [s], shm_size: 1m, tags: [a], ulimits: {nofile: 3}, platforms: [linux/arm64], privileged: true}`)
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var file reference
	if err := dec.Decode(&file); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	for name, group := range file.Group {
		for _, target := range group.Targets {
			if _, ok := file.Target[target]; !ok {
				t.Errorf("group %s builds %s, which is not there", name, target)
			}
		}
	}
}
