package helm

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/template"

	"gantry/charts"
	"gantry/convert/manifest"
	"gantry/convert/trace"
	"gantry/convert/workload"
)

// Source is what a chart is made of.
type Source struct {
	// Name is the name of the application: the instance label of its objects. The
	// chart is named for it, and gives exactly the objects when it is installed
	// under this name.
	Name string
	// Version is the version of the chart; default 0.1.0.
	Version string
	// AppVersion is the version of the application; default: the tag that its own images
	// have, where that can be told.
	AppVersion string
	// Description is one sentence; default: what a label of the Compose file says, or a
	// plain one.
	Description string
	// Icon is the address of a picture; default: what a label of the Compose file says.
	Icon string
	// Minor is the oldest version of Kubernetes, 1.Minor, for which the objects are;
	// default 29.
	Minor int
	// Objects are the application.
	Objects []manifest.Object
	// Variables are those of the Compose file that the chart offers; nil: none.
	Variables *trace.Found
	// Charts are those that the chart depends on.
	Charts []*workload.Chart
	// Data are the sources of the Secrets: keys whose values were withheld are made up
	// together with those that have the same value.
	Data []*workload.Data
	// Own are the Compose services that are the application itself; default: all.
	Own []string
	// Disabled are Compose services that are not installed unless a value says so.
	Disabled []string
}

const defaultVersion = "0.1.0"

// oldestMinor is the oldest version of Kubernetes, 1.29, for which gantry makes
// charts.
const oldestMinor = 29

// Chart returns the files of a chart, sorted by name. With its default values
// and the release name Source.Name it renders to the objects of the source; the
// package comment tells what differs.
func Chart(src Source) ([]charts.File, error) {
	b, err := newBuilder(src)
	if err != nil {
		return nil, err
	}
	b.topValues()
	for _, o := range b.objects {
		if err := b.template(o); err != nil {
			return nil, fmt.Errorf("%s %s: %w", o.Kind(), o.GetName(), err)
		}
	}
	if err := b.dependencyValues(); err != nil {
		return nil, err
	}
	b.testValues()
	if err := b.drawHealthTests(); err != nil {
		return nil, err
	}
	b.root.prune()
	if err := b.root.check(); err != nil {
		return nil, err
	}
	for _, e := range b.root.entries {
		if e.value == nil && !slices.Contains(reservedKeys(), e.key) {
			e.sort(valuesOrder())
		}
	}
	b.root.last("aliases", "networkPolicy", "persistence", "config", "secrets", "tests")
	b.root.add("extraObjects", "More objects to install, such as a ServiceMonitor; what is text is rendered as a template", emptyList(),
		listOf(&schema{Type: []string{"object", "string"}}))
	b.root.last("extraObjects")
	for _, write := range []func() error{b.valuesFile, b.schemaFile, b.metadataFile, b.skeleton} {
		if err := write(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(b.files, func(x, y charts.File) int { return cmp.Compare(x.Name, y.Name) })
	for i, f := range b.files[1:] {
		if f.Name == b.files[i].Name {
			return nil, fmt.Errorf("two files of the chart would be called %s", f.Name)
		}
	}
	return b.files, nil
}

// builder holds what the templates of one chart share.
type builder struct {
	src   Source
	chart string
	root  *entry
	files []charts.File
	// objects are those of the source, what people change most first: this is
	// the order of values.yaml.
	objects []manifest.Object
	// services are the keys of the Compose services, and running those that have
	// pods of their own.
	services keyring
	running  map[string]bool
	claims   map[string]claimRef
	secrets  secretRefs
	configs  map[string]*configRef
	paths    map[objectID]string
	// variables are those of the Compose file.
	variables variables
	notes     []noted
	// ports are the expressions for the ports of Services, by name and number.
	ports  map[portOf]string
	checks []check
	// healthTests are the health checks of services, tested names those that are tests,
	// and untested the others.
	healthTests []*healthTest
	tested      []string
	untested    []untested
	// parsed are the files of the skeleton.
	parsed map[string]*template.Template
}

func newBuilder(src Source) (*builder, error) {
	if src.Name == "" {
		return nil, errors.New("a chart needs the name of the application")
	}
	src.Version = cmp.Or(src.Version, defaultVersion)
	b := &builder{
		src: src, chart: chartName(src.Name), root: &entry{},
		objects: slices.Clone(src.Objects), running: map[string]bool{}, secrets: findSecrets(src.Objects, src.Data),
		ports: map[portOf]string{}, parsed: map[string]*template.Template{},
	}
	b.root.of, b.variables = b, newVariables(src.Variables)
	b.moveIn()
	slices.SortStableFunc(b.objects, func(x, y manifest.Object) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), rank(x.Kind())-rank(y.Kind()), cmp.Compare(x.GetName(), y.GetName()))
	})
	names := map[string]bool{}
	for _, o := range b.objects {
		if o.Service != "" {
			names[o.Service] = true
		}
		if isWorkload(o.Kind()) {
			b.running[o.Service] = true
		}
	}
	b.src.Description = cmp.Or(src.Description, b.said("description"), "The application "+src.Name+", converted from Docker Compose")
	b.paths = findPaths(b.objects)
	b.services = newKeyring(slices.Collect(maps.Keys(names)), slices.Concat(reservedKeys(), aliases(src.Charts)))
	b.claims = b.findClaims()
	b.configs = b.findConfigs()
	return b, nil
}

// moveIn puts the objects of a service whose container is in the pod of another
// to those of that other: they come and go together.
func (b *builder) moveIn() {
	owners, running := map[string]string{}, map[string]bool{}
	for _, o := range b.objects {
		if isWorkload(o.Kind()) {
			owners[o.GetLabels()[workload.LabelName]] = o.Service
			running[o.Service] = true
		}
	}
	for i, o := range b.objects {
		if owner := owners[o.GetLabels()[workload.LabelName]]; o.Service != "" && !running[o.Service] && owner != "" {
			b.objects[i].Service = owner
		}
	}
}

// reservedKeys are the keys of values.yaml that no service may have.
func reservedKeys() []string {
	return []string{"global", "enabled", "tags", "nameOverride", "fullnameOverride", "prefixNames", "variables", "commonLabels", "networkPolicy", "persistence", "config", "secrets", "aliases", "tests", "extraObjects"}
}

// rank orders the kinds as values.yaml and readers want them.
func rank(kind string) int {
	kinds := []string{
		"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Service", "Ingress", "HTTPRoute", "HorizontalPodAutoscaler", "PodDisruptionBudget",
		"ServiceAccount", "NetworkPolicy", "PersistentVolumeClaim", "PersistentVolume", "ConfigMap", "Secret",
	}
	if i := slices.Index(kinds, kind); i >= 0 {
		return i
	}
	return len(kinds)
}

func isWorkload(kind string) bool { return rank(kind) <= rank("CronJob") }

// topValues are the values that concern every service.
func (b *builder) topValues() {
	b.root.add("nameOverride", "Name of the application in the label app.kubernetes.io/part-of; empty: the name of the chart", b.nameOverride(), ofType("string"))
	b.prefixValues()
	b.root.add("commonLabels", "Labels for every object, but not for pods", emptyMap(), mapOf(ofType("string")))
	global := b.root.group("global", "Values that a parent chart shares with this one")
	global.open = true
	global.add("imageRegistry", "Registry that all images are taken from, in place of their own", manifest.Text(""), ofType("string"))
	global.add("imagePullSecrets", "Secrets with the credentials for registries, as a list of {name: …}", emptyList(), definition("named"))
	global.add("storageClass", "Storage class of the volumes that name none", manifest.Text(""), ofType("string"))
	b.variableValues()
}

// nameOverride keeps the part-of label where it is not the name of the chart.
func (b *builder) nameOverride() *manifest.Node {
	if b.chart == b.src.Name {
		return manifest.Text("")
	}
	return manifest.Text(b.src.Name)
}

// service returns the group of values of an object's service, or the root.
func (b *builder) service(o manifest.Object) *entry {
	if o.Service == "" {
		return b.root
	}
	return b.root.group(b.services.of(o.Service), "Service "+o.Service)
}

func (b *builder) file(name string, data []byte) {
	b.files = append(b.files, charts.File{Name: name, Data: data})
}

func (b *builder) valuesFile() error {
	var out bytes.Buffer
	fmt.Fprintf(&out, valuesHeader, b.chart)
	if rare := b.root.rareEntries(); len(rare) > 0 {
		out.WriteString(rareHeader)
		for _, e := range rare {
			fmt.Fprintf(&out, "#   %s: %s\n", e.place(), e.comment)
		}
	}
	if err := b.root.write(&out, 0); err != nil {
		return err
	}
	b.file("values.yaml", out.Bytes())
	return nil
}

func (b *builder) schemaFile() error {
	data, err := valuesSchema("Values of "+b.chart, b.root)
	b.file("values.schema.json", data)
	return err
}
