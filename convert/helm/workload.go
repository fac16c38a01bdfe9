package helm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/pattern"
	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// workload draws a Deployment, StatefulSet, DaemonSet, Job or CronJob.
func (s *sheet) workload() {
	spec := s.tree.Get("spec")
	job := spec
	if t := spec.Get("jobTemplate", "spec"); t != nil {
		job = t
	}
	template := job.Get("template")
	s.replicas(spec)
	s.schedule(spec)
	s.serviceAccount(template.Get("spec"))
	s.disruptionBudget()
	s.networkPolicy()
	s.healthCheck(template.Get("spec"))
	s.mainContainer(template.Get("spec"))
	s.helpers(template.Get("spec"))
	s.pod(template.Get("spec"), spec)
	s.podMeta(template)
	s.controller(spec)
	if s.object.Kind() == "Job" {
		s.jobName()
	}
}

// mainContainer draws the container that is the Compose service.
func (s *sheet) mainContainer(pod *manifest.Node) {
	if main := s.main(pod); main != nil {
		s.container(main, s.at, mainContainer)
	}
}

// main finds the container that has the name of the service. It is among the init
// containers where others of its pod start after it.
func (s *sheet) main(pod *manifest.Node) *manifest.Node {
	name := s.object.GetLabels()[workload.LabelName]
	for _, field := range []string{"containers", "initContainers"} {
		for _, c := range items(pod.Get(field)) {
			if c.Get("name").Value == name {
				return c
			}
		}
	}
	for _, c := range items(pod.Get("containers")) {
		return c
	}
	return nil
}

func items(n *manifest.Node) []*manifest.Node {
	if n == nil {
		return nil
	}
	return n.Items
}

// helpers draws the other containers of the pod.
func (s *sheet) helpers(pod *manifest.Node) {
	main := s.main(pod)
	for _, list := range []struct {
		field, key, comment string
		kind                containerKind
	}{
		{"initContainers", "initContainers", "Containers that run before the service", initContainer},
		{"containers", "sidecars", "Containers that run beside the service", sidecar},
	} {
		containers := items(pod.Get(list.field))
		names := make([]string, 0, len(containers))
		for _, c := range containers {
			names = append(names, c.Get("name").Value)
		}
		keys := newKeyring(names, nil)
		for _, c := range containers {
			if c != main {
				name := c.Get("name").Value
				s.container(c, s.at.group(list.key, list.comment).group(keys.of(name), "Container "+name), list.kind)
			}
		}
	}
}

func (s *sheet) replicas(spec *manifest.Node) {
	if spec.Get("replicas") == nil {
		return
	}
	ref := s.at.add("replicas", "Number of pods", spec.Get("replicas"), integer(new(0), nil))
	value := manifest.Field{Key: "replicas", Value: expr(ref)}
	if s.scales(spec) {
		scaled := s.autoscaling(spec.Get("replicas"))
		spec.Set("replicas", manifest.Wrap(manifest.Line("if not "+scaled), value, manifest.Line("end")))
		return
	}
	spec.Set("replicas", value.Value)
}

// schedule draws when a CronJob runs.
func (s *sheet) schedule(spec *manifest.Node) {
	if s.object.Kind() != "CronJob" {
		return
	}
	ref := s.at.add("schedule", "When the job runs, as a cron expression", spec.Get("schedule"), ofType("string"))
	spec.Set("schedule", expr(ref+" | quote"))
	suspend := spec.Get("suspend")
	if suspend == nil {
		suspend = literal("false")
	}
	s.draw(spec, s.at, []place{{"timeZone", "timeZone", "Time zone of the schedule; empty: that of the cluster", ofType("string"), text}})
	suspended := s.at.add("suspend", "Whether the schedule is suspended", suspend, ofType("boolean"))
	spec.Set("suspend", manifest.Wrap(manifest.Line("if "+suspended), manifest.Field{Key: "suspend", Value: literal("true")}, manifest.Line("end")))
}

// controller draws what belongs to the controller itself.
func (s *sheet) controller(spec *manifest.Node) {
	field := "strategy"
	switch s.object.Kind() {
	case "StatefulSet", "DaemonSet":
		field = "updateStrategy"
	case "Deployment":
	default:
		field = ""
	}
	if field != "" {
		s.draw(spec, s.at, []place{{field, field, "How pods are replaced by new ones", ofType("object"), emptyMap}})
	}
	sortFields(spec, specOrder())
	s.annotations(s.tree.Get("metadata"), s.at, "Annotations of the Deployment, StatefulSet or whatever runs the pods")
}

// annotations makes the annotations of a meta a value.
func (s *sheet) annotations(meta *manifest.Node, at *entry, comment string) {
	s.draw(meta, at, []place{{"annotations", "annotations", comment, mapOf(ofType("string")), emptyMap}})
	sortFields(meta, metaOrder())
}

// podMeta draws the labels and annotations of a pod template. Pods carry no
// label that changes with the version of the chart: they would be replaced.
func (s *sheet) podMeta(template *manifest.Node) {
	meta := template.Get("metadata")
	labels := s.at.add("podLabels", "More labels for the pods", emptyMap(), mapOf(ofType("string")))
	if n := meta.Get("labels"); n != nil {
		s.labels(n, "podLabels")
		for _, line := range appended(labels) {
			n.Fields = append(n.Fields, manifest.Field{Value: line})
		}
	}
	s.podAnnotations(meta)
	sortFields(meta, metaOrder())
}

// podAnnotations draws the annotations of pods, the checksums of what they read
// before those that people set.
func (s *sheet) podAnnotations(meta *manifest.Node) {
	p := place{"annotations", "podAnnotations", "Annotations of the pods", mapOf(ofType("string")), emptyMap}
	annotations := meta.Get("annotations")
	if annotations == nil {
		annotations = emptyMap()
	}
	fixed := s.checksums(annotations)
	if len(fixed) == 0 {
		s.draw(meta, s.at, []place{p})
		return
	}
	if s.holds(annotations) {
		fixed, annotations = append(fixed, annotations.Fields...), emptyMap()
	}
	ref := s.at.add(p.value, p.comment, annotations, p.schema)
	for _, line := range appended(ref) {
		fixed = append(fixed, manifest.Field{Value: line})
	}
	meta.Set("annotations", &manifest.Node{Kind: manifest.Map, Fields: fixed})
}

// jobHash is the end of a Job's name that changes with its pod template.
var jobHash = pattern.Lazy(`-[0-9a-f]{6}$`)

// jobName gives the Job a new name whenever a value changes that its pods depend
// on: the pod template of a Job cannot be changed, so there must be a new Job.
func (s *sheet) jobName() {
	name := s.object.GetName()
	hash := jobHash().FindString(name)
	if hash == "" {
		return
	}
	changing := []string{"list", strconv.Quote(hash[1:]), s.at.ref(), ".Values.global", ".Values.nameOverride"}
	if s.variables.values != nil {
		changing = append(changing, ".Values.variables")
	}
	if sum := s.configChecksum(); sum != "" {
		changing = append(changing, "("+sum+")")
	}
	for _, secret := range s.secrets.closure(s.used("Secret")) {
		changing = append(changing, valueRef([]string{"secrets", s.secrets.keys.of(secret), "existingSecret"}))
	}
	if slices.ContainsFunc(s.objects, func(o manifest.Object) bool { return o.Service == "" && o.Kind() == "PersistentVolumeClaim" }) {
		changing = append(changing, ".Values.persistence")
	}
	s.tree.Get("metadata").Set("name", expr(fmt.Sprintf("printf \"%%s-%%s\" (%s) (%s)", s.fullname(strings.TrimSuffix(name, hash)), s.include("hash", "("+strings.Join(changing, " ")+")"))))
}

func specOrder() []string {
	return []string{
		"schedule", "timeZone", "suspend", "concurrencyPolicy", "startingDeadlineSeconds", "replicas", "strategy", "updateStrategy",
		"minReadySeconds", "progressDeadlineSeconds", "completions", "parallelism", "backoffLimit", "selector", "serviceName", "template", "jobTemplate",
		"volumeClaimTemplates",
	}
}

func metaOrder() []string { return []string{"name", "labels", "annotations"} }
