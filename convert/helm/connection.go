package helm

import (
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// connectionTest is the file of the skeleton that helm test runs.
const connectionTest = "templates/tests/connection.yaml"

// connectionPolicy admits the test where NetworkPolicies keep pods apart.
const connectionPolicy = "templates/tests/networkpolicy.yaml"

// testLabel ends the name of the application in the label of the tests' pods.
const testLabel = "-test-connection"

// check is what the connection test tries: a port, or a page.
type check struct{ Name, Fullname, Enabled, Port, Scheme, Path string }

// testImage is what the connection test runs: it has a shell, nc and wget.
const testImage = "busybox:1.37.0"

// check notes the ports of a Service for the connection test: each target once.
func (s *sheet) check(ports *manifest.Node) {
	if !s.plain() || !s.running[s.object.Service] {
		return
	}
	seen := map[string]bool{}
	for i, p := range ports.Items {
		target := p.Get("targetPort").Value
		ref := s.ports[portOf{s.object.GetName(), s.number(i)}]
		if ref == "" || seen[target] || p.Get("protocol") != nil && p.Get("protocol").Value != "TCP" {
			continue
		}
		seen[target] = true
		c := check{Name: s.object.GetName(), Fullname: s.fullname(s.object.GetName()), Enabled: s.at.ref("enabled"), Port: ref}
		c.Scheme, c.Path = s.page(target)
		s.checks = append(s.checks, c)
	}
}

// together puts checks that follow one another and are made under one condition together.
func together(checks []check) [][]check {
	var groups [][]check
	for i, c := range checks {
		if i == 0 || c.Enabled != checks[i-1].Enabled {
			groups = append(groups, nil)
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], c)
	}
	return groups
}

// number returns the number of a Service's port as the application has it.
func (s *sheet) number(i int) string {
	service, ok := s.object.Resource.(*corev1.Service)
	if !ok || i >= len(service.Spec.Ports) {
		return ""
	}
	return strconv.Itoa(int(service.Spec.Ports[i].Port))
}

// plainPath is a path that a shell reads as it stands.
var plainPath = pattern.Lazy(`^[A-Za-z0-9._~/?=&%-]*$`)

// page returns the page that the service's health check asks for on a port, if it
// asks for one.
func (s *sheet) page(target string) (scheme, path string) {
	for _, o := range s.objects {
		pod := podOf(o)
		if pod == nil || o.Service != s.object.Service {
			continue
		}
		for _, c := range pod.Containers {
			if c.ReadinessProbe == nil || c.ReadinessProbe.HTTPGet == nil {
				continue
			}
			get := c.ReadinessProbe.HTTPGet
			if numberOf(c, get.Port) == target && get.Scheme != corev1.URISchemeHTTPS && plainPath().MatchString(get.Path) {
				return "http", "/" + strings.TrimPrefix(get.Path, "/")
			}
		}
	}
	return "", ""
}

// numberOf returns the number of a port that a probe names or numbers.
func numberOf(c corev1.Container, port intstr.IntOrString) string {
	for _, p := range c.Ports {
		if port.Type == intstr.String && p.Name == port.StrVal {
			return strconv.Itoa(int(p.ContainerPort))
		}
	}
	return port.String()
}

// testValues are those of the connection test, where there is one.
func (b *builder) testValues() {
	if len(b.checks) == 0 {
		return
	}
	at := b.testGroup()
	group := at.group("image", "")
	group.image(splitImage(testImage))
	group.add("pullPolicy", pullPolicy().comment, text(), pullPolicy().schema)
	at.add("resources", "What the connection test asks for and may use of CPU and memory", amounts("10m", "16Mi", "100m", "64Mi"), definition("resources"))
}

// testGroup returns the values of the tests.
func (b *builder) testGroup() *entry {
	at := b.root.group("tests", "Tests, which helm test runs")
	if len(at.entries) == 0 {
		at.add("enabled", "Whether the chart has tests", literal("true"), ofType("boolean"))
	}
	return at
}

// amounts are the resources of a test: what it asks for, and the most that it gets.
func amounts(cpu, memory, maxCPU, maxMemory string) *manifest.Node {
	of := func(cpu, memory string) *manifest.Node {
		n := emptyMap()
		n.Set("cpu", manifest.Text(cpu))
		n.Set("memory", manifest.Text(memory))
		n.Set("ephemeral-storage", manifest.Text("16Mi"))
		return n
	}
	resources := emptyMap()
	resources.Set("limits", of(maxCPU, maxMemory))
	resources.Set("requests", of(cpu, memory))
	return resources
}
