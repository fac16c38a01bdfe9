package compose

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// consistency reports keys that contradict each other in the merged model: what
// compose-go's own check finds, all of it and with positions.
func consistency(project *types.Project, root *origin, list *diag.List) {
	origins := newOrigins(root)
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		c := &service{&s, func(key []string, code, summary, hint string) {
			path := append(diag.Path{"services", name}, key...)
			list.Add(diag.Diagnostic{Severity: diag.Error, Pos: origins.At(path...), Path: path, Code: code, Summary: summary, Hint: hint})
		}}
		c.build()
		c.numbers()
		c.mounts()
		c.disabled(project)
	}
}

// service checks one service of the merged model.
type service struct {
	*types.ServiceConfig
	fail func(key []string, code, summary, hint string)
}

func (s *service) build() {
	if s.Build == nil {
		return
	}
	if s.Build.DockerfileInline != "" && s.Build.Dockerfile != "" {
		s.fail([]string{"build", "dockerfile_inline"}, codeConflict, "stands beside dockerfile", "keep one of them")
	}
	if len(s.Build.Platforms) > 0 && s.Platform != "" && !slices.Contains(s.Build.Platforms, s.Platform) {
		s.fail([]string{"build", "platforms"}, codeConflict, fmt.Sprintf("does not have the platform %s on which the service runs", s.Platform), "add it")
	}
}

// numbers reports two spellings of one limit that do not agree.
func (s *service) numbers() {
	if s.GetScale() < 0 {
		s.fail([]string{"scale"}, codeValue, "is below 0", "")
	}
	if s.GetScale() > 1 && s.ContainerName != "" {
		s.fail([]string{"container_name"}, codeConflict, "is one name for several containers", "remove it, or run one container")
	}
	if s.Deploy == nil {
		return
	}
	if s.Scale != nil && s.Deploy.Replicas != nil && *s.Scale != *s.Deploy.Replicas {
		s.differ("scale", "deploy.replicas")
	}
	if l := s.Deploy.Resources.Limits; l != nil {
		alike(s, "cpus", s.CPUS, "deploy.resources.limits.cpus", l.NanoCPUs.Value())
		alike(s, "mem_limit", s.MemLimit, "deploy.resources.limits.memory", l.MemoryBytes)
		alike(s, "pids_limit", s.PidsLimit, "deploy.resources.limits.pids", l.Pids)
	}
	if r := s.Deploy.Resources.Reservations; r != nil {
		alike(s, "mem_reservation", s.MemReservation, "deploy.resources.reservations.memory", r.MemoryBytes)
	}
}

// alike reports a limit that the section of the other does not repeat. Compose
// wants it repeated even where the section says nothing of it.
func alike[T comparable](s *service, key string, value T, other string, repeated T) {
	var none T
	switch {
	case value == none || value == repeated:
	case repeated == none:
		s.fail([]string{key}, codeConflict, fmt.Sprintf("is not repeated in deploy, and Compose wants %s to be the same", other), fmt.Sprintf("move it to %s", other))
	default:
		s.differ(key, other)
	}
}

func (s *service) differ(key, other string) {
	s.fail([]string{key}, codeConflict, "differs from "+other, "keep one of them, or give both one value")
}

// mounts reports two mounts at one place.
func (s *service) mounts() {
	seen := map[string]string{}
	check := func(target string, key ...string) {
		if before, taken := seen[target]; taken {
			s.fail(key, codeConflict, fmt.Sprintf("mounts at %s, as %s does", target, before), "keep one of them")
		}
		seen[target] = strings.Join(key, ".")
	}
	for i, t := range s.Tmpfs {
		target, _, _ := strings.Cut(t, ":")
		check(target, "tmpfs", strconv.Itoa(i))
	}
	for i, v := range s.Volumes {
		check(v.Target, "volumes", strconv.Itoa(i))
	}
}

// disabled reports a dependency that no active profile selects.
func (s *service) disabled(project *types.Project) {
	for _, name := range slices.Sorted(maps.Keys(s.DependsOn)) {
		if _, off := project.DisabledServices[name]; off && s.DependsOn[name].Required {
			s.fail([]string{"depends_on", name}, codeUndefined, fmt.Sprintf("service %q is in no active profile", name), "activate its profile, or set required: false")
		}
	}
}
