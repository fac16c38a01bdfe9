package extension

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/schema"
	"gantry/convert/young"
)

// Key is the key of the extension in Compose files.
const Key = "x-kubernetes"

// Set is every extension of a project. What says nothing is empty, never nil.
type Set struct {
	App            App
	services, jobs map[string]*Service
	ports          map[string][]Port
	volumes        map[string]*Volume
	networks       map[string]*Network
	configs        map[string]*Config
	secrets        map[string]*Secret
}

// Service returns what a service says.
func (s *Set) Service(name string) *Service { return found(s.services, name) }

// Job returns what a job says.
func (s *Set) Job(name string) *Service { return found(s.jobs, name) }

// Port returns what a port of a service says, by its index in the merged file.
func (s *Set) Port(service string, i int) Port {
	if ports := s.ports[service]; i < len(ports) {
		return ports[i]
	}
	return Port{}
}

// Volume returns what a named volume says.
func (s *Set) Volume(name string) *Volume { return found(s.volumes, name) }

// Network returns what a network says.
func (s *Set) Network(name string) *Network { return found(s.networks, name) }

// Config returns what a config says.
func (s *Set) Config(name string) *Config { return found(s.configs, name) }

// Secret returns what a secret says.
func (s *Set) Secret(name string) *Secret { return found(s.secrets, name) }

func found[T any](m map[string]*T, name string) *T {
	if v := m[name]; v != nil {
		return v
	}
	return new(T)
}

// Read decodes the extensions of a project, those of services without an active
// profile included. The list holds what is wrong with them, and a note for each
// label of kompose.
//
// Fields that Kubernetes 1.minor does not have are left out, and reported; 0 has all.
func Read(project *compose.Project, minor int) (*Set, diag.List) {
	r := &reader{project: project, minor: minor, young: young.Since(minor), set: &Set{
		services: map[string]*Service{}, jobs: map[string]*Service{}, ports: map[string][]Port{},
		volumes: map[string]*Volume{}, networks: map[string]*Network{}, configs: map[string]*Config{}, secrets: map[string]*Secret{},
	}}
	decode(r, source{kind: "App", path: diag.Path{Key}, value: project.Extensions[Key]}, &r.set.App)
	for _, services := range []types.Services{project.Services, project.DisabledServices} {
		for _, name := range slices.Sorted(maps.Keys(services)) {
			r.service(name, services[name])
		}
	}
	for _, jobs := range []types.Jobs{project.Jobs, project.DisabledJobs} {
		for _, name := range slices.Sorted(maps.Keys(jobs)) {
			job := jobs[name]
			r.set.jobs[name] = r.workload(diag.Path{"jobs", name}, job.Extensions[Key], labels{at: diag.Path{"jobs", name, "labels"}, values: job.Labels})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(project.Volumes)) {
		r.volume(name, project.Volumes[name])
	}
	for _, name := range slices.Sorted(maps.Keys(project.Networks)) {
		r.set.networks[name] = new(Network)
		decode(r, source{kind: "Network", path: diag.Path{"networks", name, Key}, value: project.Networks[name].Extensions[Key]}, r.set.networks[name])
	}
	for _, name := range slices.Sorted(maps.Keys(project.Configs)) {
		r.set.configs[name] = new(Config)
		decode(r, source{kind: "Config", path: diag.Path{"configs", name, Key}, value: project.Configs[name].Extensions[Key]}, r.set.configs[name])
	}
	for _, name := range slices.Sorted(maps.Keys(project.Secrets)) {
		r.set.secrets[name] = new(Secret)
		decode(r, source{kind: "Secret", path: diag.Path{"secrets", name, Key}, value: project.Secrets[name].Extensions[Key]}, r.set.secrets[name])
	}
	r.misplaced()
	return r.set, r.list
}

// reader collects what is wrong on the way through a project.
type reader struct {
	project *compose.Project
	set     *Set
	list    diag.List
	// minor is the version of Kubernetes, and young are the fields it lacks.
	minor int
	young map[string]young.Field
}

func (r *reader) service(name string, in types.ServiceConfig) {
	path := diag.Path{"services", name}
	all := []labels{{at: append(path, "labels"), values: in.Labels}}
	if in.Deploy != nil {
		all = append(all, labels{at: append(path, "deploy", "labels"), values: in.Deploy.Labels})
	}
	r.set.services[name] = r.workload(path, in.Extensions[Key], all...)
	ports := make([]Port, len(in.Ports))
	for i, p := range in.Ports {
		decode(r, source{kind: "Port", path: append(path, "ports", strconv.Itoa(i), Key), value: p.Extensions[Key]}, &ports[i])
	}
	r.set.ports[name] = ports
}

// workload decodes what a service or job says, and lays it over what its labels
// say.
func (r *reader) workload(path diag.Path, value any, all ...labels) *Service {
	s := &Service{labels: map[string]diag.Path{}}
	src := source{kind: "Service", path: append(path, Key), value: value, from: s.labels}
	for _, l := range all {
		src.value = r.fromLabels(l, src)
	}
	decode(r, src, s)
	return s
}

func (r *reader) volume(name string, in types.VolumeConfig) {
	v := new(Volume)
	src := source{kind: "Volume", path: diag.Path{"volumes", name, Key}, value: in.Extensions[Key], from: map[string]diag.Path{}}
	src.value = r.fromLabels(labels{at: diag.Path{"volumes", name, "labels"}, values: in.Labels, volume: true}, src)
	decode(r, src, v)
	r.set.volumes[name] = v
}

// source is one extension as the Compose file has it.
type source struct {
	// kind is the name of its schema.
	kind string
	path diag.Path
	// value is what stands there; nil where nothing does.
	value any
	// from are the labels that fields come from, by field.
	from map[string]diag.Path
}

// at returns the path of a field in the Compose file: the label that it, or a
// part of it, comes from, or else its key.
func (s source) at(field []string) diag.Path {
	for i := len(field); i > 0; i-- {
		if label, ok := s.from[strings.Join(field[:i], ".")]; ok {
			return label
		}
	}
	below := strings.Join(field, ".") + "."
	for _, name := range slices.Sorted(maps.Keys(s.from)) {
		if strings.HasPrefix(name, below) {
			return s.from[name] // what is wrong is what labels make together
		}
	}
	return append(slices.Clip(s.path), field...)
}

// Empty reports whether nothing is said.
func (s *Service) Empty() bool {
	c := *s
	c.labels = nil
	return reflect.ValueOf(c).IsZero()
}

// Where returns the path of a field of the service below the service: its key in
// the extension, or the label of kompose that it comes from.
func (s *Service) Where(field ...string) []string {
	src := source{path: diag.Path{Key}, from: s.labels}
	path := src.at(field)
	if path[0] != Key {
		return path[2:] // behind services and the name
	}
	return path
}

// decode checks an extension against its schema and, if nothing is wrong, writes
// it into a value.
func decode(r *reader, src source, into any) {
	if src.value == nil {
		return
	}
	spec, err := compiled(src.kind)
	if err != nil {
		panic(err) // the schema is part of the program
	}
	value := cast(schema.Value(src.value), spec)
	problems := schema.Problems(spec.Validate(value), words(spec))
	for _, p := range problems {
		r.fail(src.at(p.Path), p.Code, p.Summary, p.Hint)
	}
	if len(problems) > 0 {
		return
	}
	if len(r.young) > 0 {
		r.dropYoung(src, value, spec, nil)
	}
	data, err := json.Marshal(value)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(into)
	}
	if err != nil {
		r.fail(src.path, schema.CodeValue, "cannot be read: "+strings.TrimPrefix(err.Error(), "json: "), "")
	}
}

func (r *reader) fail(path diag.Path, code, summary, hint string) {
	r.report(diag.Error, path, code, summary, hint)
}

func (r *reader) report(severity diag.Severity, path diag.Path, code, summary, hint string) {
	r.add(diag.Diagnostic{Severity: severity, Path: slices.Clone(path), Code: code, Summary: summary, Hint: hint})
}

// add adds a diagnostic with the position of its path.
func (r *reader) add(d diag.Diagnostic) {
	d.Pos = r.project.Origins.At(d.Path...)
	r.list.Add(d)
}

// misplaced reports the extensions at places where they mean nothing. Other
// extensions are whatever their authors like.
func (r *reader) misplaced() {
	for key := range r.project.Origins.Keys() {
		i := slices.IndexFunc(key.Path, func(s string) bool { return strings.HasPrefix(s, "x-") })
		if i != len(key.Path)-1 || key.Path[i] != Key || hasPlace(key.Path) {
			continue
		}
		r.list.Add(diag.Diagnostic{
			Severity: diag.Error, Pos: key.Pos, Path: key.Path, Code: "extension-place",
			Summary: "means nothing here",
			Hint:    "it belongs to a service, job, port, volume, network, config or secret, or to the top level",
		})
	}
}

func hasPlace(path diag.Path) bool {
	switch len(path) {
	case 1:
		return true
	case 3:
		return slices.Contains([]string{"services", "jobs", "volumes", "networks", "configs", "secrets"}, path[0])
	case 5:
		return path[0] == "services" && path[2] == "ports"
	default:
		return false
	}
}

// named prints a value of a field as one would write it.
func named(field string, value any) string {
	if list, ok := strings.CutSuffix(field, ".0"); ok {
		field, value = list, []any{value}
	}
	field = strings.ReplaceAll(field, ".0.", "[0].")
	data, err := json.Marshal(value)
	if err != nil {
		return field
	}
	text := string(data)
	if s, ok := value.(string); ok && s != "" && !strings.ContainsAny(s, " \"'#:{}[],&*?|<>=!%@\\") {
		text = s
	}
	return fmt.Sprintf("%s.%s: %s", Key, field, text)
}
