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

// checksums takes the checksum annotations out of a pod's and returns what takes
// their place: the checksum of what the ConfigMaps hold, and of what the values
// make of them.
func (s *sheet) checksums(annotations *manifest.Node) []manifest.Field {
	const key = "checksum/config"
	if annotations == nil || annotations.Get(key) == nil {
		return nil
	}
	annotations.Delete(key)
	argument := []string{"list", "."}
	for _, name := range s.configMaps() {
		argument = append(argument, strconv.Quote(s.configs[name].path))
	}
	return []manifest.Field{{Key: key, Value: expr(s.include("checksum", "("+strings.Join(argument, " ")+")"))}}
}

// configMaps names the ConfigMaps of the chart that the object's pods read.
func (s *sheet) configMaps() []string {
	used := map[string]bool{}
	for _, u := range podUses(podOf(s.object)) {
		if s.configs[u.name] != nil {
			used[u.name] = true
		}
	}
	return slices.Sorted(maps.Keys(used))
}
