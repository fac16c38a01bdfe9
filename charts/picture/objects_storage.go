package picture

import "slices"

// keep gives the boxes what their pods mount and read, and makes a box of each
// claim that several of them mount.
func (s *sketch) keep() {
	users := map[string][]int{}
	for i, r := range s.runs {
		targets := mountTargets(r)
		for _, v := range r.pod().list("volumes") {
			m, o := volumeOf(v)
			if m.Kind == "" {
				continue
			}
			m.Target = targets[v.text("name")]
			s.out.Boxes[i].Mounts = append(s.out.Boxes[i].Mounts, m)
			s.giveFound(i, o)
			if o.Kind == "PersistentVolumeClaim" {
				users[o.Name] = append(users[o.Name], i)
			}
		}
		for _, claim := range r.object.list("spec", "volumeClaimTemplates") {
			m := Mount{Kind: "volume", Source: claim.name(), Target: targets[claim.name()]}
			s.out.Boxes[i].Mounts = append(s.out.Boxes[i].Mounts, m)
		}
		for _, o := range readByVariables(r) {
			s.giveFound(i, o)
		}
	}
	for _, o := range s.objects {
		if by := users[o.name()]; o.kind() == "PersistentVolumeClaim" && len(by) > 1 {
			s.shared(o, by)
		}
	}
}

// shared moves a claim from the boxes of those who mount it to one of its own.
func (s *sketch) shared(claim tree, users []int) {
	to := len(s.out.Boxes)
	size := claim.text("spec", "resources", "requests", "storage")
	s.out.Boxes = append(s.out.Boxes, &Box{Kind: VolumeBox, Name: claim.name(), Image: size, Objects: []Object{claim.ref()}})
	for _, from := range slices.Compact(users) {
		box := s.out.Boxes[from]
		box.Objects = slices.DeleteFunc(box.Objects, func(o Object) bool { return o == claim.ref() })
		s.out.Arrows = append(s.out.Arrows, Arrow{from, to, MountsArrow, box.Name + " mounts " + claim.name()})
	}
}

// giveFound gives a box an object that it refers to, if that is of the chart.
func (s *sketch) giveFound(i int, ref Object) {
	if o := s.byName[ref]; o != nil {
		s.give(i, o)
	}
}

// mountTargets returns where the first container that mounts a volume has it.
func mountTargets(r running) map[string]string {
	targets := map[string]string{}
	for _, c := range append(r.pod().list("containers"), r.pod().list("initContainers")...) {
		for _, m := range c.list("volumeMounts") {
			if name := m.text("name"); targets[name] == "" {
				targets[name] = m.text("mountPath")
			}
		}
	}
	return targets
}

// volumeOf returns a volume as a mount without its target, and the object behind
// it. Kinds that say nothing about the application have none.
func volumeOf(v tree) (Mount, Object) {
	switch {
	case v["persistentVolumeClaim"] != nil:
		claim := v.text("persistentVolumeClaim", "claimName")
		return Mount{Kind: "volume", Source: claim}, Object{"PersistentVolumeClaim", claim}
	case v["configMap"] != nil:
		name := v.text("configMap", "name")
		return Mount{Kind: "config", Source: name}, Object{"ConfigMap", name}
	case v["secret"] != nil:
		name := v.text("secret", "secretName")
		return Mount{Kind: "secret", Source: name}, Object{"Secret", name}
	case v["hostPath"] != nil:
		return Mount{Kind: "bind", Source: v.text("hostPath", "path")}, Object{}
	case v["emptyDir"] != nil:
		return Mount{Kind: "tmpfs"}, Object{}
	default:
		return Mount{}, Object{}
	}
}

// readByVariables returns the ConfigMaps and Secrets that variables come from.
func readByVariables(r running) []Object {
	var found []Object
	for _, c := range r.containers() {
		for _, from := range c.list("envFrom") {
			found = append(found, Object{"ConfigMap", from.text("configMapRef", "name")}, Object{"Secret", from.text("secretRef", "name")})
		}
		for _, env := range c.list("env") {
			from := env.at("valueFrom")
			found = append(found, Object{"ConfigMap", from.text("configMapKeyRef", "name")}, Object{"Secret", from.text("secretKeyRef", "name")})
		}
	}
	return found
}
