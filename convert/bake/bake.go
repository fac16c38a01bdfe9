package bake

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// defaultGroup is the group that is built when nobody names one.
const defaultGroup = "default"

// New returns the bake file for the builds of a project. Local paths count from
// the folder dir, where the builds are to be run.
func New(project *compose.Project, builds []workload.Build, dir string) *File {
	b := &baker{
		project: project, dir: dir, passed: passedArgs(project), names: map[string]string{},
		file: &File{Comment: comment, Target: map[string]Target{}, Variable: map[string]Variable{}},
	}
	group := Group{Targets: []string{}}
	for _, build := range builds {
		group.Targets = append(group.Targets, b.name(build.Service))
	}
	for _, build := range builds {
		if c := b.config(build.Service); c != nil {
			target := b.target(c, build.Image)
			target.Args = b.args(c.Args, b.passed[build.Service])
			b.file.Target[b.names[build.Service]] = target
		}
	}
	b.file.Group = map[string]Group{defaultGroup: group}
	return b.file
}

// baker fills a file.
type baker struct {
	project *compose.Project
	dir     string
	// passed are the arguments without a value, by service.
	passed map[string][]string
	// names are those of the targets, by service.
	names map[string]string
	file  *File
}

// config returns the build section of a service or job, or nil.
func (b *baker) config(service string) *types.BuildConfig {
	if s, ok := b.project.Services[service]; ok {
		return s.Build
	}
	return b.project.Jobs[service].Build
}

// notInTargets are the characters that names of targets do not have.
var notInTargets = pattern.Lazy(`[^A-Za-z0-9_-]`)

// name gives a service the name of its target.
func (b *baker) name(service string) string {
	name := notInTargets().ReplaceAllString(service, "_")
	taken := slices.Collect(maps.Values(b.names))
	for name == defaultGroup || slices.Contains(taken, name) { // a target is no group
		name += "_"
	}
	b.names[service] = name
	return name
}

// target returns a build as bake knows it.
func (b *baker) target(c *types.BuildConfig, image string) Target {
	t := Target{
		Context:          escape(b.context(c.Context)),
		Dockerfile:       escape(c.Dockerfile),
		DockerfileInline: escape(c.DockerfileInline),
		Target:           escape(c.Target),
		Labels:           escapeMap(c.Labels),
		Tags:             b.tags(image, c.Tags),
		Platforms:        escapeAll(c.Platforms),
		CacheFrom:        escapeAll(c.CacheFrom),
		CacheTo:          escapeAll(c.CacheTo),
		Secret:           b.secrets(c.Secrets),
		SSH:              b.keys(c.SSH),
		Attest:           slices.Concat(attestation("provenance", c.Provenance), attestation("sbom", c.SBOM)),
		NoCache:          c.NoCache,
		NoCacheFilter:    escapeAll(c.NoCacheFilter),
		Pull:             c.Pull,
		Network:          escape(c.Network),
		ExtraHosts:       hosts(c.ExtraHosts),
		Ulimits:          ulimits(c.Ulimits),
		Entitlements:     entitlements(c),
	}
	if t.Dockerfile == "Dockerfile" {
		t.Dockerfile = "" // the default of bake, too
	}
	if c.ShmSize > 0 {
		t.ShmSize = strconv.FormatInt(int64(c.ShmSize), 10)
	}
	for name, context := range c.AdditionalContexts {
		if t.Contexts == nil {
			t.Contexts = map[string]string{}
		}
		t.Contexts[escape(name)] = escape(b.context(context))
	}
	return t
}

// context returns what a target is built from: a folder, a URL, or the image of
// another target.
func (b *baker) context(c string) string {
	if service, ok := strings.CutPrefix(c, types.ServicePrefix); ok {
		return "target:" + cmp.Or(b.names[service], service)
	}
	return b.path(c)
}

// path makes an absolute path relative; anything else is a URL.
func (b *baker) path(p string) string {
	if !filepath.IsAbs(p) {
		return p
	}
	rel, err := filepath.Rel(b.dir, p)
	if err != nil {
		return p
	}
	return filepath.ToSlash(rel)
}

// tags are the names of the image: the one that pods pull, and those that the
// Compose file adds.
func (b *baker) tags(image string, more []string) []string {
	tags := escapeAll(append([]string{image}, more...))
	return slices.Compact(tags)
}

// identifier is a name that a variable of bake may have.
var identifier = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)

// passedArgs finds the arguments that were written without a value: the loader
// drops those that its own environment does not have.
func passedArgs(project *compose.Project) map[string][]string {
	passed := map[string][]string{}
	for key := range project.Origins.Keys() {
		if p := key.Path; len(p) == 5 && p[2] == "build" && p[3] == "args" {
			passed[p[1]] = append(passed[p[1]], p[4])
		}
	}
	return passed
}

// args returns the arguments of a build. One that has no value takes it from the
// environment of the build, and so does one that is a secret by its name.
func (b *baker) args(args types.MappingWithEquals, passed []string) map[string]string {
	out := map[string]string{}
	for name, value := range args {
		if value != nil && !charts.IsSecretName(name) {
			out[escape(name)] = escape(*value)
			continue
		}
		passed = append(passed, name)
	}
	for _, name := range passed {
		if _, known := out[name]; !known && identifier().MatchString(name) {
			b.file.Variable[name] = Variable{}
			out[name] = "${" + name + "}"
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// secrets names the secrets of a build, and where the build finds their values.
func (b *baker) secrets(list []types.ServiceSecretConfig) []string {
	var out []string
	for _, s := range list {
		id := s.Source
		if s.Target != "" {
			id = path.Base(s.Target)
		}
		secret := "id=" + id
		switch c := b.project.Secrets[s.Source]; {
		case c.File != "":
			secret += ",src=" + b.path(c.File)
		case c.Environment != "":
			secret += ",env=" + c.Environment
		}
		out = append(out, escape(secret))
	}
	return out
}

// keys are the SSH agents and keys that a build may use.
func (b *baker) keys(config types.SSHConfig) []string {
	var out []string
	for _, k := range config {
		key := k.ID
		if k.Path != "" {
			key += "=" + b.path(k.Path)
		}
		out = append(out, escape(key))
	}
	slices.Sort(out)
	return out
}

// attestation writes what Compose gives as true, false, or attributes.
func attestation(kind, value string) []string {
	if value == "" {
		return nil
	}
	if on, err := strconv.ParseBool(value); err == nil {
		return []string{fmt.Sprintf("type=%s,disabled=%t", kind, !on)}
	}
	return []string{escape(fmt.Sprintf("type=%s,%s", kind, value))}
}

func hosts(list types.HostsList) map[string]string {
	var out map[string]string
	for host, addresses := range list {
		if out == nil {
			out = map[string]string{}
		}
		out[escape(host)] = escape(strings.Join(addresses, ","))
	}
	return out
}

func ulimits(limits map[string]*types.UlimitsConfig) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		limit := limits[name]
		if limit.Single != 0 {
			out = append(out, fmt.Sprintf("%s=%d", name, limit.Single))
			continue
		}
		out = append(out, fmt.Sprintf("%s=%d:%d", name, limit.Soft, limit.Hard))
	}
	return out
}

// The entitlements that attributes of Compose imply.
const (
	insecure    = "security.insecure"
	hostNetwork = "network.host"
)

func entitlements(c *types.BuildConfig) []string {
	out := slices.Clone(c.Entitlements)
	if c.Privileged && !slices.Contains(out, insecure) {
		out = append(out, insecure)
	}
	if c.Network == "host" && !slices.Contains(out, hostNetwork) {
		out = append(out, hostNetwork)
	}
	return escapeAll(out)
}

// escape protects text from bake, which reads ${NAME} and %{if} in strings.
func escape(s string) string {
	return strings.NewReplacer("${", "$${", "%{", "%%{").Replace(s)
}

func escapeAll(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, escape(s))
	}
	return out
}

func escapeMap(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for k, v := range m {
		out[escape(k)] = escape(v)
	}
	return out
}
