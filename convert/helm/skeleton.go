package helm

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	corev1 "k8s.io/api/core/v1"

	"gantry/convert/hosts"
	"gantry/convert/manifest"
	"gantry/convert/trace"
	"gantry/convert/workload"
	"gantry/templates"
)

// noted is a Service of which NOTES.txt tells how it is reached.
type noted struct {
	object  manifest.Object
	key     *entry // the values of the Compose service
	service *entry // those of the Service
	ingress *entry // those of its Ingress, or nil
	route   *entry // those of its HTTPRoute, or nil
	routed  string // the value by which there is a route
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
	// Hosts is the expression that finds Services in text, Replacement what takes their
	// place, and Mentions are the places where they stay.
	Hosts, Replacement string
	Mentions           []string
	// Demands are the secrets that the chart cannot make up.
	Demands []demand
	// Variables tells that there are some, and Fixed are those that there are not.
	Variables bool
	Fixed     []trace.Fixed
	Services  []noteData
	Checks    [][]check // those of a service together
	// Tested are the services whose health checks are tests, and Untested the others.
	Tested   []string
	Untested []untested
	Secrets  []secretData
	Charts   []workload.Chart
	Values   []row
	// Rare are the values that each service takes as well.
	Rare []row
}

type noteData struct{ Name, Fullname, Enabled, Ingress, RootIngress, Route, Routed, Type, Port, Local string }

type secretData struct{ Name, Fullname, Keys, Condition string }

func (b *builder) skeletonData() skeletonData {
	data := skeletonData{
		Chart: b.chart, Title: b.chart, Description: strings.TrimSuffix(b.src.Description, "."), Release: b.src.Name,
		Configs: len(b.configs) > 0, Claims: len(b.claims) > 0, Values: b.rows(), Rare: b.rareRows(), Checks: together(b.checks), Tested: b.tested, Untested: b.untested, Demands: b.secrets.demands(),
		Hosts: b.addressPattern(), Replacement: strconv.Quote(hosts.Replacement), Mentions: b.mentions(),
		Jobs: slices.ContainsFunc(b.objects, func(o manifest.Object) bool { return o.Kind() == "Job" }),
	}
	if b.src.Variables != nil {
		data.Variables, data.Fixed = b.variables.values != nil, b.src.Variables.Fixed
	}
	for _, d := range b.src.Charts {
		c := *d
		c.Alias, c.Version = aliasOf(d), cell(c.Version)
		data.Charts = append(data.Charts, c)
	}
	for _, n := range b.notes {
		if note, ok := n.data(); ok && !b.isAlias(n) {
			note.Fullname = b.fullname(note.Name)
			data.Services = append(data.Services, note)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.secrets.keys.keys)) {
		var keys []string
		for id := range b.secrets.values {
			if id.secret != name {
				continue
			}
			key := "`" + id.key + "`"
			if b.secrets.demanded(b.secrets.homes[id]) {
				key += "\\*"
			}
			keys = append(keys, key)
		}
		slices.Sort(keys)
		data.Secrets = append(data.Secrets, secretData{name, b.fullname(name), strings.Join(keys, ", "), b.secrets.conditions[name]})
	}
	return data
}

// isAlias reports whether the Service is another name for what one of the service's own
// name leads to.
func (b *builder) isAlias(n noted) bool {
	service, ok := n.object.Resource.(*corev1.Service)
	return ok && slices.ContainsFunc(b.notes, func(other noted) bool {
		main, ok := other.object.Resource.(*corev1.Service)
		return ok && other.key == n.key && main.Name == folder(other.object) && main.Name != service.Name &&
			!slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
				return !slices.ContainsFunc(main.Spec.Ports, func(q corev1.ServicePort) bool { return p.Port == q.Port && p.Protocol == q.Protocol })
			})
	})
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
	if n.route != nil {
		d.Route, d.Routed = n.route.ref(), n.routed
	}
	return d, true
}
