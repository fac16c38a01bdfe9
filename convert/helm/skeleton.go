package helm

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
	"gantry/convert/trace"
	"gantry/templates"
)

// noted is a Service of which NOTES.txt tells how it is reached.
type noted struct {
	object  manifest.Object
	key     *entry // the values of the Compose service
	service *entry // those of the Service
	ingress *entry // those of its Ingress, or nil
}

// skeleton adds the files that every chart has, filled in.
func (b *builder) skeleton() error {
	data := b.skeletonData()
	return fs.WalkDir(templates.Chart(), ".", func(name string, d fs.DirEntry, err error) error {
		test := name == connectionTest || name == connectionPolicy
		if err != nil || d.IsDir() || test && len(b.checks) == 0 || name == connectionPolicy && !b.apart() {
			return err
		}
		return b.fill(templates.Chart(), name, name, data)
	})
}

// fill adds a file to the chart: a file of the skeleton, filled in.
func (b *builder) fill(from fs.FS, source, name string, data any) error {
	t := b.parsed[source]
	if t == nil {
		text, err := fs.ReadFile(from, source)
		if err != nil {
			return err
		}
		t, err = template.New(source).Delims("[[", "]]").Parse(string(text))
		if err != nil {
			return fmt.Errorf("template %s: %w", source, err)
		}
		b.parsed[source] = t
	}
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		return fmt.Errorf("template %s: %w", source, err)
	}
	b.file(name, out.Bytes())
	return nil
}

// skeletonData is what the files of the skeleton are filled in with.
type skeletonData struct {
	Chart, Title, Description, Release string
	Jobs, Configs, Claims              bool
	// Hosts is the expression that finds Services in text, and Mentions are the
	// places where they are not replaced.
	Hosts    string
	Mentions []string
	// Variables tells that there are some, and Fixed are those that there are not.
	Variables bool
	Fixed     []trace.Fixed
	Services  []noteData
	Checks    []check
	Secrets   []secretData
	Values    []row
	// Rare are the values that each service takes as well.
	Rare []row
}

type noteData struct{ Name, Fullname, Enabled, Ingress, RootIngress, Type, Port, Local string }

type secretData struct{ Name, Fullname, Keys, Condition string }

func (b *builder) skeletonData() skeletonData {
	data := skeletonData{
		Chart: b.chart, Title: b.chart, Description: strings.TrimSuffix(b.src.Description, "."), Release: b.src.Name,
		Configs: len(b.configs) > 0, Claims: len(b.claims) > 0, Values: b.rows(), Rare: b.rareRows(), Checks: b.checks,
		Hosts: b.hosts.pattern, Mentions: b.mentions(),
		Jobs: slices.ContainsFunc(b.objects, func(o manifest.Object) bool { return o.Kind() == "Job" }),
	}
	if b.src.Variables != nil {
		data.Variables, data.Fixed = b.variables.found != nil, b.src.Variables.Fixed
	}
	for _, n := range b.notes {
		if note, ok := n.data(); ok {
			note.Fullname = b.fullname(note.Name)
			data.Services = append(data.Services, note)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.secrets.keys.keys)) {
		var keys []string
		for id := range b.secrets.values {
			if id.secret == name {
				keys = append(keys, "`"+id.key+"`")
			}
		}
		slices.Sort(keys)
		data.Secrets = append(data.Secrets, secretData{name, b.fullname(name), strings.Join(keys, ", "), b.secrets.conditions[name]})
	}
	return data
}

// data returns what NOTES.txt says of a Service that has a port for people.
func (n noted) data() (noteData, bool) {
	s, ok := n.object.Resource.(*corev1.Service)
	if !ok || len(s.Spec.Ports) == 0 {
		return noteData{}, false
	}
	port := int(s.Spec.Ports[0].Port)
	local := port
	if port < 1024 {
		local = 8000 + port // a port that is not only root's
	}
	d := noteData{
		Name: s.Name, Enabled: n.key.ref("enabled"), Type: n.service.ref("type"), Port: strconv.Itoa(port), Local: strconv.Itoa(local),
	}
	for _, ports := range n.service.entries {
		if ports.key == "ports" && len(ports.entries) > 0 {
			d.Port = ports.read(ports.entries[0].key)
		}
	}
	if n.ingress != nil {
		d.Ingress = n.ingress.ref()
		d.RootIngress = "$" + d.Ingress
	}
	return d, true
}

// metadataFile writes Chart.yaml.
func (b *builder) metadataFile() error {
	n := emptyMap()
	for _, f := range []struct{ key, value string }{
		{"apiVersion", "v2"}, {"name", b.chart}, {"description", b.src.Description}, {"type", "application"},
	} {
		n.Set(f.key, manifest.Text(f.value))
	}
	var out bytes.Buffer
	if err := manifest.Encode(&out, n); err != nil {
		return err
	}
	// In quotes even where YAML needs none: people change 1.10.0 to 1.10.
	// The suffix of the range admits the versions of vendors, such as 1.33.1-gke.1.
	fmt.Fprintf(&out, "version: %s\nappVersion: %q\nkubeVersion: \">=1.%d.0-0\"\n",
		b.src.Version, cmp.Or(b.src.AppVersion, b.appVersion(), b.src.Version), max(oldestMinor, b.src.Minor))
	images, err := b.images()
	if err != nil {
		return err
	}
	if images != nil {
		if err := manifest.Encode(&out, images); err != nil {
			return err
		}
	}
	b.file("Chart.yaml", out.Bytes())
	return nil
}

// images returns the annotation in which Artifact Hub looks for what to scan, or
// nil.
func (b *builder) images() (*manifest.Node, error) {
	images, seen := emptyList(), map[string]bool{}
	for _, o := range b.objects {
		pod := podOf(o)
		if pod == nil {
			continue
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if c.Image == "" || seen[c.Image] {
				continue
			}
			seen[c.Image] = true
			image := emptyMap()
			image.Set("name", manifest.Text(c.Name))
			image.Set("image", manifest.Text(c.Image))
			images.Items = append(images.Items, image)
		}
	}
	if len(images.Items) == 0 {
		return nil, nil
	}
	n, annotations := emptyMap(), emptyMap()
	var text bytes.Buffer
	if err := manifest.Encode(&text, images); err != nil {
		return nil, err
	}
	annotations.Set("artifacthub.io/images", manifest.Text(text.String()))
	n.Set("annotations", annotations)
	return n, nil
}

// appVersion is the tag of the image of the first workload that is reached from
// outside, or of the first there is.
func (b *builder) appVersion() string {
	var first string
	for _, o := range b.objects {
		pod := podOf(o)
		if pod == nil || len(pod.Containers) == 0 {
			continue
		}
		tag := splitImage(pod.Containers[0].Image).tag
		if first == "" {
			first = tag
		}
		if tag != "" && slices.ContainsFunc(b.objects, func(i manifest.Object) bool { return i.Kind() == "Ingress" && i.Service == o.Service }) {
			return tag
		}
	}
	return first
}
