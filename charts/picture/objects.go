package picture

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

// Of returns the picture of Kubernetes objects, as a chart renders to them and as
// YAML or JSON decodes them: a box for each workload with the Services that lead
// to its pods and the hosts that lead to these, and what the pods mount and read.
// An arrow leads from a workload to one whose Service its variables name. Objects
// that belong to no workload, and the pods that test a release, are left out.
func Of(name string, objects []map[string]any) *Picture {
	s := &sketch{out: &Picture{Name: name}, byName: map[Object]tree{}, services: map[string]int{}}
	for _, o := range objects {
		if o := tree(o); !isTest(o) {
			s.objects, s.byName[o.ref()] = append(s.objects, o), o
		}
	}
	slices.SortStableFunc(s.objects, func(a, b tree) int {
		return cmp.Or(cmp.Compare(a.name(), b.name()), CompareKinds(a.kind(), b.kind()))
	})
	s.workloads()
	s.reach()
	s.keep()
	s.govern()
	s.needs()
	for _, b := range s.out.Boxes {
		b.SortObjects()
	}
	return s.out
}

func isTest(o tree) bool {
	hook := o.text("metadata", "annotations", "helm.sh/hook")
	return hook == "test" || strings.HasPrefix(hook, "test-")
}

// sketch is a picture of objects on its way.
type sketch struct {
	objects []tree
	byName  map[Object]tree
	out     *Picture
	runs    []running
	// services finds the box behind a Service.
	services map[string]int
}

// running is the workload of the box with the same index.
type running struct {
	object, template tree
}

// pod returns the pods' specification.
func (r running) pod() tree { return r.template.at("spec") }

// containers returns all containers, those that run first in front.
func (r running) containers() []tree {
	return append(r.pod().list("initContainers"), r.pod().list("containers")...)
}

// workloads makes a box of everything that runs.
func (s *sketch) workloads() {
	for _, o := range s.objects {
		r, kind := running{object: o}, ServiceBox
		switch o.kind() {
		case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
			r.template = o.at("spec", "template")
		case "Pod":
			r.template = o
		case "Job":
			r.template, kind = o.at("spec", "template"), JobBox
		case "CronJob":
			r.template, kind = o.at("spec", "jobTemplate", "spec", "template"), JobBox
		default:
			continue
		}
		box := &Box{Kind: kind, Name: o.name(), Scale: scaleOf(o), Objects: []Object{o.ref()}}
		if main := r.pod().list("containers"); len(main) > 0 {
			box.Image = main[0].text("image")
		}
		s.runs, s.out.Boxes = append(s.runs, r), append(s.out.Boxes, box)
	}
}

func scaleOf(o tree) string {
	if schedule := o.text("spec", "schedule"); schedule != "" {
		return schedule
	}
	if n := o.text("spec", "replicas"); n != "" && n != "1" {
		return "×" + n
	}
	return ""
}

// reach finds the Services of the workloads, and who leads to these from outside.
func (s *sketch) reach() {
	for _, o := range s.objects {
		if o.kind() != "Service" {
			continue
		}
		for i, r := range s.runs {
			if o.at("spec", "selector").selects(r.template.at("metadata", "labels")) {
				s.services[o.name()] = i
				s.give(i, o)
				s.ports(s.out.Boxes[i], o)
			}
		}
	}
	for _, o := range s.objects {
		switch o.kind() {
		case "Ingress":
			s.ingress(o)
		case "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute":
			s.route(o)
		default:
		}
	}
}

func (s *sketch) ingress(o tree) {
	for _, rule := range o.list("spec", "rules") {
		for _, path := range rule.list("http", "paths") {
			s.lead(o, path.text("backend", "service", "name"), rule.text("host"))
		}
	}
	s.lead(o, o.text("spec", "defaultBackend", "service", "name"), "")
}

// route reads a route of the Gateway API.
func (s *sketch) route(o tree) {
	for _, rule := range o.list("spec", "rules") {
		for _, backend := range rule.list("backendRefs") {
			for _, host := range append(o.texts("spec", "hostnames"), "") {
				s.lead(o, backend.text("name"), host)
			}
		}
	}
}

// ports adds the ports of a Service to the box that it leads to.
func (s *sketch) ports(box *Box, service tree) {
	for _, p := range service.list("spec", "ports") {
		port := Port{Target: p.text("port"), Protocol: strings.ToLower(p.text("protocol"))}
		if port.Protocol == "tcp" {
			port.Protocol = ""
		}
		switch service.text("spec", "type") {
		case "LoadBalancer":
			port.Published = port.Target
		case "NodePort":
			port.Published = cmp.Or(p.text("nodePort"), "any")
		default:
		}
		same := func(have Port) bool { return have.Target == port.Target && have.Protocol == port.Protocol }
		if i := slices.IndexFunc(box.Ports, same); i < 0 {
			box.Ports = append(box.Ports, port)
		} else if box.Ports[i].Published == "" {
			box.Ports[i].Published = port.Published
		}
	}
}

// lead gives what leads to a Service, and the host that it does it for, to the
// box behind the Service.
func (s *sketch) lead(o tree, service, host string) {
	i, ok := s.services[service]
	if !ok {
		return
	}
	s.give(i, o)
	if box := s.out.Boxes[i]; host != "" && !slices.Contains(box.Hosts, host) {
		box.Hosts = append(box.Hosts, host)
	}
}

// give adds an object to a box, once.
func (s *sketch) give(i int, o tree) {
	if box := s.out.Boxes[i]; !slices.Contains(box.Objects, o.ref()) {
		box.Objects = append(box.Objects, o.ref())
	}
}

// govern gives a box what scales, protects, fences and names its pods.
func (s *sketch) govern() {
	for _, o := range s.objects {
		for i, r := range s.runs {
			if !r.governedBy(o) {
				continue
			}
			s.give(i, o)
			if most := o.text("spec", "maxReplicas"); most != "" {
				s.out.Boxes[i].Scale = "×" + cmp.Or(o.text("spec", "minReplicas"), "1") + "–" + most
			}
		}
	}
}

func (r running) governedBy(o tree) bool {
	labels := r.template.at("metadata", "labels")
	switch o.kind() {
	case "HorizontalPodAutoscaler":
		target := o.at("spec", "scaleTargetRef")
		return target.text("kind") == r.object.kind() && target.text("name") == r.object.name()
	case "PodDisruptionBudget":
		return o.at("spec", "selector", "matchLabels").selects(labels)
	case "NetworkPolicy":
		return o.at("spec", "podSelector", "matchLabels").selects(labels)
	case "ServiceAccount":
		return r.pod().text("serviceAccountName") == o.name()
	default:
		return false
	}
}

// needs draws an arrow to every workload whose Service a variable of another
// names as a host.
func (s *sketch) needs() {
	for from, r := range s.runs {
		for _, v := range s.variables(r) {
			for _, host := range hosts(v.value) {
				to, ok := s.services[host]
				arrow := Arrow{from, to, DependsArrow, s.out.Boxes[from].Name + " names " + host + " in " + v.name}
				if ok && to != from && !slices.ContainsFunc(s.out.Arrows, func(a Arrow) bool { return a.From == from && a.To == to }) {
					s.out.Arrows = append(s.out.Arrows, arrow)
				}
			}
		}
	}
}

type variable struct{ name, value string }

// variables returns the environment of a workload's containers, as far as the
// objects tell it.
func (s *sketch) variables(r running) []variable {
	var all []variable
	for _, c := range r.containers() {
		for _, env := range c.list("env") {
			value := env.text("value")
			if ref := env.at("valueFrom", "configMapKeyRef"); len(ref) > 0 {
				value = s.byName[Object{"ConfigMap", ref.text("name")}].text("data", ref.text("key"))
			}
			all = append(all, variable{env.text("name"), value})
		}
		for _, from := range c.list("envFrom") {
			data := s.byName[Object{"ConfigMap", from.text("configMapRef", "name")}].at("data")
			for _, key := range data.keys() {
				all = append(all, variable{key, data.text(key)})
			}
		}
	}
	return all
}

// hosts returns what in a value could be the name of a Service: the first label of
// each word, whether it stands in a URL, before a port, or alone.
func hosts(value string) []string {
	words := strings.FieldsFunc(value, func(r rune) bool {
		return r != '-' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	for i := range words {
		words[i], _, _ = strings.Cut(words[i], ".")
	}
	return words
}
