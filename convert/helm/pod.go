package helm

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"gantry/convert/manifest"
)

// pod draws what surrounds the containers. spec is that of the controller, which
// may have templates of claims.
func (s *sheet) pod(pod, spec *manifest.Node) {
	s.draw(pod, s.at, podPlaces(s.runsOnce()))
	extend(pod, "imagePullSecrets", ".Values.global.imagePullSecrets")
	s.volumes(pod, s.claimTemplates(spec))
	before := s.at.add("extraInitContainers", "More containers that run before the service", emptyList(), definition("named"))
	extend(pod, "initContainers", before)
	if !s.runsOnce() {
		extra := s.at.add("extraContainers", "More containers for the pods", emptyList(), definition("named"))
		extend(pod, "containers", extra)
	}
	sortFields(pod, podOrder())
}

// runsOnce reports whether the pods run to completion.
func (s *sheet) runsOnce() bool { return s.object.Kind() == "Job" || s.object.Kind() == "CronJob" }

// volumes draws the volumes of a pod. lines are those that stand in for claim
// templates.
func (s *sheet) volumes(pod *manifest.Node, claims []claimRef) {
	var items []*manifest.Node
	if n := pod.Get("volumes"); n != nil {
		items = n.Items
	}
	for _, v := range items {
		s.secretName(v.Get("secret"), "secretName")
		if sources := v.Get("projected", "sources"); sources != nil {
			for _, source := range sources.Items {
				s.secretName(source.Get("secret"), "name")
			}
		}
		s.claimVolume(v)
	}
	extra := s.at.add("extraVolumes", "More volumes for the pods", emptyList(), definition("named"))
	if len(claims) == 0 {
		extend(pod, "volumes", extra)
		return
	}
	conditions := []string{extra}
	for _, c := range claims {
		items = append(items, c.standIn()...)
		conditions = append(conditions, "not "+c.ref("enabled"), c.ref("existingClaim"))
	}
	always := pod.Get("volumes") != nil
	value := list(slices.Concat(items, appended(extra))...)
	if !always {
		value = manifest.Wrap(manifest.Line("if "+anyOf(conditions...)), manifest.Field{Key: "volumes", Value: value}, manifest.Line("end"))
	}
	pod.Set("volumes", value)
}

// checksums takes the checksum annotation out of a pod's and returns what takes its
// place: checksums of what the ConfigMaps and Secrets of the chart hold, so that
// pods roll when that changes.
func (s *sheet) checksums(annotations *manifest.Node) []manifest.Field {
	annotations.Delete(checksumKey)
	var fields []manifest.Field
	if sum := s.configChecksum(); sum != "" && s.object.Kind() != "CronJob" {
		fields = append(fields, manifest.Field{Key: checksumKey, Value: expr(sum)})
	}
	if sum := s.secretChecksum(); sum != "" && !s.runsOnce() {
		fields = append(fields, manifest.Field{Key: "checksum/secret", Value: expr(sum)})
	}
	return fields
}

// checksumKey is the annotation in which convert keeps the checksum of what a pod
// reads.
const checksumKey = "checksum/config"

// configChecksum returns the expression for the checksum of the ConfigMaps that
// the pods read, or "".
func (s *sheet) configChecksum() string {
	argument := []string{"list", "."}
	for _, name := range s.used("ConfigMap") {
		if c := s.configs[name]; c != nil {
			argument = append(argument, strconv.Quote(c.path))
		}
	}
	if len(argument) == 2 {
		return ""
	}
	return s.include("checksum", "("+strings.Join(argument, " ")+")")
}

// secretChecksum is configChecksum for what the values say of Secrets.
func (s *sheet) secretChecksum() string {
	argument := []string{"list"}
	for _, name := range s.secrets.closure(s.used("Secret")) {
		argument = append(argument, valueRef([]string{"secrets", s.secrets.keys.of(name)}))
	}
	if len(argument) == 1 {
		return ""
	}
	return s.include("secretChecksum", "("+strings.Join(argument, " ")+")")
}

// used names the objects of a kind that the pods use.
func (s *sheet) used(kind string) []string {
	names := map[string]bool{}
	for _, u := range podUses(podOf(s.object)) {
		if u.kind == kind {
			names[u.name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
