package helm

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// healthTest is a health check that becomes a test of the release: a pod that runs
// the command with the image and the environment of the service, and asks the
// Service. It is drawn from what the template of the service says, so that it reads
// the same values.
type healthTest struct {
	*sheet
	// typed is the container of the service, as it was before it was drawn, and
	// command that of its check.
	typed   corev1.Container
	command []string
	// container and pod are drawn.
	container, pod *manifest.Node
}

// untested is a health check that is no test, with the reason.
type untested struct{ Name, Why string }

// healthCheck notes the health check of the service's container, which is not drawn
// yet.
func (s *sheet) healthCheck(pod *manifest.Node) {
	main := s.main(pod)
	if main == nil || !s.plain() || s.runsOnce() {
		return
	}
	all := podOf(s.object)
	i := slices.IndexFunc(all.Containers, func(c corev1.Container) bool { return c.Name == main.Get("name").Value })
	if i < 0 {
		return
	}
	for _, probe := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
		if command := items(main.Get(probe, "exec", "command")); len(command) > 0 {
			t := &healthTest{sheet: s, typed: all.Containers[i], container: main, pod: pod}
			for _, word := range command {
				t.command = append(t.command, word.Value)
			}
			s.healthTests = append(s.healthTests, t)
			return
		}
	}
}

// drawHealthTests draws the tests, when the ports of all Services are known.
func (b *builder) drawHealthTests() error {
	for _, t := range b.healthTests {
		command, err := t.remote()
		if err != nil {
			b.untested = append(b.untested, untested{t.object.GetName(), err.Error()})
			continue
		}
		b.tested = append(b.tested, t.object.GetName())
		if err := t.draw(command); err != nil {
			return fmt.Errorf("test of %s: %w", t.object.GetName(), err)
		}
	}
	return nil
}

// remote returns the command of the check so that it asks the Service.
func (t *healthTest) remote() (*manifest.Node, error) {
	i := slices.IndexFunc(t.objects, func(o manifest.Object) bool { return o.Kind() == "Service" && o.GetName() == t.object.GetName() })
	if i < 0 {
		return nil, errors.New("asks a container that no Service leads to")
	}
	service, _ := t.objects[i].Resource.(*corev1.Service)
	r := remote{name: service.Name, offers: func(port string) bool { return offers(service, port) }, env: map[string]string{}}
	for _, e := range t.typed.Env {
		r.env[e.Name] = t.variables.fill(e.Value)
	}
	maps.Copy(r.env, t.variables.values)
	kept := t.keptVolumes()
	for _, m := range t.typed.VolumeMounts {
		if !slices.Contains(kept, m.Name) {
			r.folders = append(r.folders, m.MountPath)
		}
	}
	if shellScript(t.command) {
		edits, err := r.ask(t.command[2], true)
		if err != nil {
			return nil, err
		}
		return list(append([]*manifest.Node{manifest.Text(t.command[0]), manifest.Text(t.command[1])}, t.edited(t.command[2], edits)...)...), nil
	}
	command := strings.Join(t.command, separator)
	edits, err := r.ask(command, false)
	if err != nil {
		return nil, err
	}
	return list(t.edited(command, edits)...), nil
}

// offers reports whether a Service leads to a port of its pods under the same number.
// One without ports leads to all of them.
func offers(service *corev1.Service, port string) bool {
	return len(service.Spec.Ports) == 0 || slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return strconv.Itoa(int(p.Port)) == port && (p.Protocol == "" || p.Protocol == corev1.ProtocolTCP)
	})
}

// edited returns the arguments of a command with its edits.
func (t *healthTest) edited(command string, edits []edit) []*manifest.Node {
	const hole = "\x1e" // for an expression
	var text strings.Builder
	var expressions []string
	at := 0
	for _, e := range edits {
		text.WriteString(command[at:e.from] + e.text)
		at = e.to
		switch name := t.object.GetName(); {
		case e.host:
			text.WriteString(hole)
			expressions = append(expressions, "("+t.fullname(name)+")")
		case t.ports[portOf{name, e.port}] != "":
			text.WriteString(hole)
			expressions = append(expressions, t.ports[portOf{name, e.port}])
		default:
			text.WriteString(e.port)
		}
	}
	text.WriteString(command[at:])
	var arguments []*manifest.Node
	for argument := range strings.SplitSeq(text.String(), separator) {
		n := strings.Count(argument, hole)
		if n == 0 {
			arguments = append(arguments, manifest.Text(argument))
			continue
		}
		format := strings.ReplaceAll(strings.ReplaceAll(argument, "%", "%%"), hole, "%v")
		printf := fmt.Sprintf("printf %q %s", format, strings.Join(expressions[:n], " "))
		expressions = expressions[n:]
		switch {
		case t.variables.in(manifest.Text(argument)):
			arguments = append(arguments, expr(t.include("string", "(list $ ("+printf+") false)")))
		case format == "%v":
			value := strings.TrimPrefix(printf, `printf "%v" `)
			arguments = append(arguments, expr(strings.TrimSuffix(strings.TrimPrefix(value, "("), ")")+" | quote"))
		default:
			arguments = append(arguments, expr(printf+" | quote"))
		}
	}
	return arguments
}

// keptVolumes are the names of the volumes that a test can have beside the service:
// what the cluster holds in ConfigMaps and Secrets.
func (t *healthTest) keptVolumes() []string {
	var names []string
	for _, v := range podOf(t.object).Volumes {
		if v.ConfigMap != nil || v.Secret != nil || v.Projected != nil || v.DownwardAPI != nil {
			names = append(names, v.Name)
		}
	}
	return names
}

// draw writes the template of the pod.
func (t *healthTest) draw(command *manifest.Node) error {
	name := t.object.GetName() + "-test-health"
	tree := emptyMap()
	tree.Set("apiVersion", manifest.Text("v1"))
	tree.Set("kind", manifest.Text("Pod"))
	meta := emptyMap()
	meta.Set("name", t.named(name))
	labels := emptyMap()
	// By this label the NetworkPolicy of the tests admits them.
	labels.Set(workload.LabelName, manifest.Text(t.chart+testLabel))
	labels.Set("app.kubernetes.io/component", manifest.Text(t.object.GetName()))
	labels.Fields = append(labels.Fields, manifest.Field{Value: insert(t.include("labels", "."))})
	meta.Set("labels", labels)
	annotations := emptyMap()
	annotations.Set("helm.sh/hook", manifest.Text("test"))
	annotations.Set("helm.sh/hook-delete-policy", manifest.Text("before-hook-creation,hook-succeeded"))
	meta.Set("annotations", annotations)
	tree.Set("metadata", meta)
	tree.Set("spec", t.spec(command))
	t.healthTestValues()
	s := &sheet{builder: t.builder, object: t.object, tree: tree, at: t.at, conditions: []string{".Values.tests.enabled", t.at.ref("enabled")}}
	s.expand(tree)
	s.guard()
	var out bytes.Buffer
	if err := manifest.EncodeTemplate(&out, tree); err != nil {
		return err
	}
	t.file("templates/tests/health-"+folder(t.object)+".yaml", out.Bytes())
	return nil
}

// spec returns the pod of the test: what the service's own says of the image, the
// environment and who runs it.
func (t *healthTest) spec(command *manifest.Node) *manifest.Node {
	container := emptyMap()
	container.Set("name", manifest.Text("test"))
	for _, f := range t.container.Fields {
		if slices.Contains([]string{"image", "imagePullPolicy", "workingDir", "envFrom", "env", "securityContext"}, f.Key) {
			container.Set(f.Key, f.Value)
		}
	}
	container.Set("command", command)
	container.Set("resources", insert("toYaml .Values.tests.health.resources"))
	spec := emptyMap()
	for _, f := range t.pod.Fields {
		if slices.Contains([]string{"imagePullSecrets", "securityContext", "runtimeClassName", "nodeSelector", "tolerations"}, f.Key) {
			spec.Set(f.Key, f.Value)
		}
	}
	spec.Set("restartPolicy", manifest.Text("Never"))
	spec.Set("automountServiceAccountToken", literal("false"))
	spec.Set("enableServiceLinks", literal("false"))
	spec.Set("containers", list(container))
	t.volumesOfTest(container, spec)
	sortFields(container, containerOrder())
	sortFields(spec, podOrder())
	return spec
}

// volumesOfTest mounts what the test can have.
func (t *healthTest) volumesOfTest(container, spec *manifest.Node) {
	kept := t.keptVolumes()
	keep := func(into *manifest.Node, field string, all []*manifest.Node) {
		var some []*manifest.Node
		for _, item := range all {
			if name := item.Get("name"); name != nil && slices.Contains(kept, name.Value) {
				some = append(some, item)
			}
		}
		if len(some) > 0 {
			into.Set(field, list(some...))
		}
	}
	keep(container, "volumeMounts", items(t.container.Get("volumeMounts")))
	keep(spec, "volumes", items(t.pod.Get("volumes")))
}

// healthTestValues are what the pods of the tests may use. Many clients need more
// than a shell does.
func (b *builder) healthTestValues() {
	at := b.testGroup().group("health", "Tests that run the health checks of services, with their images and against their Services")
	if len(at.entries) == 0 {
		at.add("resources", "What each of them asks for and may use of CPU and memory", amounts("10m", "64Mi", "1", "512Mi"), definition("resources"))
	}
}
