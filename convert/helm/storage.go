package helm

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
)

// claimRef says where the values of a claim are.
type claimRef struct {
	name string
	path []string
}

// ref returns the expression for a value of the claim.
func (c claimRef) ref(key string) string {
	return valueRef(append(slices.Clip(c.path), key))
}

// findClaims lists the claims of the chart. Templates of a StatefulSet's claims
// have the name of the StatefulSet in front.
func (b *builder) findClaims() map[string]claimRef {
	names := map[string][]string{} // by Compose service
	for _, o := range b.objects {
		if o.Kind() == "PersistentVolumeClaim" {
			names[o.Service] = append(names[o.Service], o.GetName())
		}
		if set, ok := o.Resource.(*appsv1.StatefulSet); ok {
			for _, t := range set.Spec.VolumeClaimTemplates {
				names[o.Service] = append(names[o.Service], t.Name)
			}
		}
	}
	claims := map[string]claimRef{}
	for service, list := range names {
		keys := newKeyring(list, nil)
		for _, name := range list {
			path := []string{"persistence", keys.of(name)}
			if service != "" {
				path = append([]string{b.services.of(service)}, path...)
			}
			claims[service+"/"+name] = claimRef{name, path}
		}
	}
	return claims
}

// claimOf finds a claim that a pod of the sheet's service mounts.
func (s *sheet) claimOf(name string) (claimRef, bool) {
	for _, o := range s.objects {
		if o.Kind() == "PersistentVolumeClaim" && o.GetName() == name {
			return s.claims[o.Service+"/"+name], true
		}
	}
	return claimRef{}, false
}

// claim draws a PersistentVolumeClaim.
func (s *sheet) claim() {
	c := s.claims[s.object.Service+"/"+s.object.GetName()]
	s.conditions = append(s.conditions, c.ref("enabled"), "not "+c.ref("existingClaim"))
	s.claimSpec(s.tree, c, true)
}

// claimSpec draws a claim, or the template of one.
func (s *sheet) claimSpec(n *manifest.Node, c claimRef, keep bool) {
	at := s.at.group("persistence", "Storage that outlives the pods").group(c.path[len(c.path)-1], "Volume "+c.name)
	at.add("enabled", "Whether there is a claim; false: the data is lost with the pod", literal("true"), ofType("boolean"))
	at.add("existingClaim", "Name of a claim to use in place of a new one", text(), ofType("string"))
	spec := n.Get("spec")
	if size := spec.Get("resources", "requests"); size != nil && size.Get("storage") != nil {
		size.Set("storage", expr(at.add("size", "Size of the volume", size.Get("storage"), definition("quantity"))))
	}
	if modes := spec.Get("accessModes"); modes != nil {
		ref := at.add("accessModes", "How nodes may mount the volume", modes, listOf(oneOf("ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod")))
		spec.Set("accessModes", insert("toYaml "+ref))
	}
	s.storageClass(spec, at)
	if keep {
		s.keep(n.Get("metadata"), at, "claim")
	}
	if volume := spec.Get("volumeName"); volume != nil {
		spec.Set("volumeName", s.perRelease(volume.Value))
	}
	sortFields(spec, []string{"accessModes", "storageClassName", "volumeName", "resources"})
}

// exported draws the volume behind a claim, which comes and goes with the claim.
func (s *sheet) exported() {
	spec, name := s.tree.Get("spec"), s.object.GetName()
	i := slices.IndexFunc(s.objects, func(o manifest.Object) bool {
		claim, ok := o.Resource.(*corev1.PersistentVolumeClaim)
		return ok && claim.Spec.VolumeName == name
	})
	if i < 0 {
		return
	}
	claim := s.objects[i]
	c := s.claims[claim.Service+"/"+claim.GetName()]
	of := &sheet{builder: s.builder, object: claim, at: s.at}
	of.enabled()
	s.conditions = append(of.conditions, c.ref("enabled"), "not "+c.ref("existingClaim"))
	s.tree.Get("metadata").Set("name", s.perRelease(name))
	at := s.at.group("persistence", "").group(c.path[len(c.path)-1], "")
	spec.Get("capacity").Set("storage", expr(at.read("size")))
	spec.Set("accessModes", insert("toYaml "+c.ref("accessModes")))
	s.draw(spec, at, []place{{"mountOptions", "mountOptions", "Options with which nodes mount the volume", listOf(ofType("string")), emptyList}})
	if nfs := spec.Get("nfs"); nfs != nil {
		server := at.group("nfs", "Folder of an NFS server that holds the data")
		nfs.Set("server", expr(server.add("server", "Name or address of the server", nfs.Get("server"), ofType("string"))+" | quote"))
		nfs.Set("path", expr(server.add("path", "Path of the folder", nfs.Get("path"), ofType("string"))+" | quote"))
	}
	s.keep(s.tree.Get("metadata"), at.group("volume", "PersistentVolume of the claim"), "volume")
	sortFields(spec, []string{"capacity", "accessModes", "persistentVolumeReclaimPolicy", "storageClassName", "mountOptions", "nfs"})
}

// perRelease returns the name of an object that lies in no namespace: the name of
// the application in front of it gives way to that of the release.
func (s *sheet) perRelease(name string) *manifest.Node {
	rest, ok := strings.CutPrefix(name, s.src.Name+"-")
	if !ok {
		return manifest.Text(name)
	}
	return expr(fmt.Sprintf("printf %q .Release.Name", "%s-"+rest))
}

// storageClass draws the storage class. One that is empty on purpose, to bind a
// certain volume, stays so.
func (s *sheet) storageClass(spec *manifest.Node, at *entry) {
	class := spec.Get("storageClassName")
	switch {
	case class == nil:
		class = text()
	case class.Value == "":
		return
	}
	ref := at.add("storageClass", "Storage class; empty: the global one, and then the default of the cluster", class, ofType("string"))
	spec.Set("storageClassName", manifest.Wrap(
		manifest.Line("with "+ref+" | default .Values.global.storageClass"),
		manifest.Field{Key: "storageClassName", Value: expr(". | quote")},
		manifest.Line("end"),
	))
}

// keepPolicy makes Helm leave an object behind when the release is uninstalled.
const keepPolicy = "helm.sh/resource-policy"

// keep makes the data survive the release, as volumes survive docker compose
// down.
func (s *sheet) keep(meta *manifest.Node, at *entry, of string) {
	annotations := meta.Get("annotations")
	if annotations == nil {
		annotations = emptyMap()
		meta.Set("annotations", annotations)
	}
	annotations.Set(keepPolicy, manifest.Text("keep"))
	s.annotations(meta, at, "Annotations of the "+of+"; with the policy, the data stays when the release is uninstalled")
}

// claimVolume draws a volume of a pod that is a claim of the chart.
func (s *sheet) claimVolume(v *manifest.Node) {
	claim := v.Get("persistentVolumeClaim")
	if claim == nil {
		return
	}
	c, ok := s.claimOf(claim.Get("claimName").Value)
	if !ok {
		return
	}
	claim.Set("claimName", s.otherwise(c.ref("existingClaim"), c.name))
	v.Set("persistentVolumeClaim", manifest.Wrap(
		manifest.Line("if "+c.ref("enabled")),
		manifest.Field{Key: "persistentVolumeClaim", Value: claim},
		manifest.Line("else"),
		manifest.Field{Key: "emptyDir", Value: emptyMap()},
		manifest.Line("end"),
	))
}

// claimTemplates draws the templates of a StatefulSet's claims, and returns them.
func (s *sheet) claimTemplates(spec *manifest.Node) []claimRef {
	templates := spec.Get("volumeClaimTemplates")
	if templates == nil {
		return nil
	}
	var (
		claims     []claimRef
		items      []*manifest.Node
		conditions []string
	)
	for _, t := range templates.Items {
		c := s.claims[s.object.Service+"/"+t.Get("metadata", "name").Value]
		claims = append(claims, c)
		s.claimSpec(t, c, false)
		condition := allOf(c.ref("enabled"), "not "+c.ref("existingClaim"))
		conditions = append(conditions, condition)
		if len(templates.Items) == 1 {
			items = append(items, t)
			continue
		}
		items = append(items, action("if "+condition), t, action("end"))
	}
	spec.Set("volumeClaimTemplates", manifest.Wrap(
		manifest.Line("if "+anyOf(conditions...)), manifest.Field{Key: "volumeClaimTemplates", Value: list(items...)}, manifest.Line("end"),
	))
	return claims
}

// standIn returns the volume that takes the place of a claim that a StatefulSet
// does not make.
func (c claimRef) standIn() []*manifest.Node {
	volume := func(kind string, value *manifest.Node) *manifest.Node {
		n := emptyMap()
		n.Set("name", manifest.Text(c.name))
		n.Set(kind, value)
		return n
	}
	claim := emptyMap()
	claim.Set("claimName", expr(c.ref("existingClaim")+" | quote"))
	return []*manifest.Node{
		action("if not " + c.ref("enabled")), volume("emptyDir", emptyMap()),
		action("else if " + c.ref("existingClaim")), volume("persistentVolumeClaim", claim),
		action("end"),
	}
}
