package helm

import (
	"slices"
	"strings"

	"gantry/convert/manifest"
)

// containerKind says how much of a container people tune.
type containerKind int

const (
	mainContainer containerKind = iota
	sidecar
	initContainer
)

// container draws a container whose values are in the group at.
func (s *sheet) container(n *manifest.Node, at *entry, kind containerKind) {
	s.image(n, at)
	s.env(n, at)
	s.envFrom(n, at)
	s.draw(n, at, containerPlaces(kind != initContainer && !s.runsOnce()))
	mounts := at.add("extraVolumeMounts", "More volume mounts of the container", emptyList(), definition("mounts"))
	extend(n, "volumeMounts", mounts)
	sortFields(n, containerOrder())
}

// image draws the image. Its parts put together give the same text.
func (s *sheet) image(n *manifest.Node, at *entry) {
	if n.Get("image") == nil {
		return
	}
	group := at.group("image", "")
	group.image(s.variables.image(n.Get("image").Value))
	n.Set("image", expr(s.include("image", "(dict \"root\" . \"image\" "+group.ref()+")")+" | quote"))
	s.draw(n, group, []place{pullPolicy()})
}

func pullPolicy() place {
	return place{
		"imagePullPolicy", "pullPolicy", "Always, IfNotPresent or Never; empty: Always for the tag latest, IfNotPresent otherwise",
		oneOf("", "Always", "IfNotPresent", "Never"), text,
	}
}

// image adds the parts of an image.
func (e *entry) image(image image) {
	e.add("registry", "Registry of the image; empty: Docker Hub", manifest.Text(image.registry), ofType("string"))
	e.add("repository", "Name of the image in its registry", manifest.Text(image.repository), ofType("string"))
	e.add("tag", "Tag of the image", manifest.Text(image.tag), ofType("string"))
	e.add("digest", "Digest of the image, such as sha256:…, to pin its content", manifest.Text(image.digest), ofType("string"))
}

// image is the reference of an image in its parts.
type image struct{ registry, repository, tag, digest string }

// splitImage splits [REGISTRY/]NAME[:TAG][@DIGEST] as Docker does: the first part
// of the name is a registry when it looks like a host.
func splitImage(ref string) image {
	var i image
	rest := ref
	if name, digest, ok := strings.Cut(rest, "@"); ok && digest != "" {
		rest, i.digest = name, digest
	}
	if n := strings.LastIndex(rest, ":"); n > strings.LastIndex(rest, "/") && n < len(rest)-1 {
		rest, i.tag = rest[:n], rest[n+1:]
	}
	if host, name, ok := strings.Cut(rest, "/"); ok && (strings.ContainsAny(host, ".:") || host == "localhost") && name != "" {
		rest, i.registry = name, host
	}
	i.repository = rest
	return i
}

// env draws the environment: plain variables are a mapping in the values, what
// is taken from elsewhere stays in the template.
func (s *sheet) env(n *manifest.Node, at *entry) {
	var items []*manifest.Node
	if env := n.Get("env"); env != nil {
		items = env.Items
	}
	plain, rest := splitEnv(items)
	for _, item := range rest {
		s.secretName(item.Get("valueFrom", "secretKeyRef"), "name")
	}
	values := at.add("env", "Environment variables, by name; null takes one away", plain, mapOf(scalar()))
	extra := at.add("extraEnv", "More environment variables, as Kubernetes writes them, such as those with valueFrom", emptyList(), definition("env"))
	lines := []*manifest.Node{action("with " + values), insert(s.texts("env", plain)), action("end")}
	value := list(slices.Concat(lines, rest, appended(extra))...)
	if len(rest) == 0 {
		value = manifest.Wrap(manifest.Line("if "+anyOf(values, extra)), manifest.Field{Key: "env", Value: value}, manifest.Line("end"))
	}
	n.Set("env", value)
}

// splitEnv takes the variables with plain values apart from the others. They
// must come first, each once and in the order of their names, which is the order
// that a mapping has; otherwise the list stays as it is.
func splitEnv(items []*manifest.Node) (plain *manifest.Node, rest []*manifest.Node) {
	plain = emptyMap()
	last := ""
	for i, item := range items {
		name, value := item.Get("name"), item.Get("value")
		if item.Get("valueFrom") != nil {
			if slices.ContainsFunc(items[i:], func(n *manifest.Node) bool { return n.Get("valueFrom") == nil }) {
				return emptyMap(), items
			}
			return plain, items[i:]
		}
		if value == nil {
			value = text()
		}
		if i > 0 && name.Value <= last || lossy(name.Value) {
			return emptyMap(), items
		}
		last = name.Value
		plain.Fields = append(plain.Fields, manifest.Field{Key: name.Value, Value: value})
	}
	return plain, nil
}

// envFrom draws the sources of whole sets of variables.
func (s *sheet) envFrom(n *manifest.Node, at *entry) {
	if from := n.Get("envFrom"); from != nil {
		for _, item := range from.Items {
			s.secretName(item.Get("secretRef"), "name")
		}
	}
	extra := at.add("extraEnvFrom", "More ConfigMaps and Secrets whose keys become environment variables", emptyList(), definition("objects"))
	extend(n, "envFrom", extra)
}
