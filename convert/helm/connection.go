package helm

import (
	"regexp"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"gantry/convert/manifest"
)

// connectionTest is the file of the skeleton that helm test runs.
const connectionTest = "templates/tests/connection.yaml"

// connectionPolicy admits the test where NetworkPolicies keep pods apart.
const connectionPolicy = "templates/tests/networkpolicy.yaml"

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

// number returns the number of a Service's port as the application has it.
func (s *sheet) number(i int) string {
	service, ok := s.object.Resource.(*corev1.Service)
	if !ok || i >= len(service.Spec.Ports) {
		return ""
	}
	return strconv.Itoa(int(service.Spec.Ports[i].Port))
}

// localURL is what a health check asks of the service itself.
var localURL = regexp.MustCompile(`(https?)://(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::([0-9]+))?(/[A-Za-z0-9._~/?=&%-]*)?`)

// page returns the page that the service's health check asks for on a port, if it
// asks for one.
func (s *sheet) page(target string) (scheme, path string) {
	for _, o := range s.objects {
		pod := podOf(o)
		if pod == nil || o.Service != s.object.Service {
			continue
		}
		for _, c := range pod.Containers {
			if c.ReadinessProbe == nil || c.ReadinessProbe.Exec == nil {
				continue
			}
			m := localURL.FindStringSubmatch(strings.Join(c.ReadinessProbe.Exec.Command, " "))
			if m == nil {
				continue
			}
			port := m[2]
			if port == "" {
				port = map[string]string{"http": "80", "https": "443"}[m[1]]
			}
			if port == target && m[1] == "http" {
				return m[1], "/" + strings.TrimPrefix(m[3], "/")
			}
		}
	}
	return "", ""
}

// testValues are those of the connection test, where there is one.
func (b *builder) testValues() {
	if len(b.checks) == 0 {
		return
	}
	at := b.root.group("tests", "Tests, which helm test runs")
	at.add("enabled", "Whether the chart has tests", literal("true"), ofType("boolean"))
	group := at.group("image", "")
	group.image(splitImage(testImage))
	group.add("pullPolicy", pullPolicy().comment, text(), pullPolicy().schema)
	requests := emptyMap()
	requests.Set("cpu", manifest.Text("10m"))
	requests.Set("memory", manifest.Text("16Mi"))
	requests.Set("ephemeral-storage", manifest.Text("16Mi"))
	limits := emptyMap()
	limits.Set("cpu", manifest.Text("100m"))
	limits.Set("memory", manifest.Text("64Mi"))
	limits.Set("ephemeral-storage", manifest.Text("16Mi"))
	resources := emptyMap()
	resources.Set("limits", limits)
	resources.Set("requests", requests)
	at.add("resources", "What the tests ask for and may use of CPU and memory", resources, definition("resources"))
}
