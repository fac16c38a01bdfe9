package compose

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/format"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// checker looks at the keys that people wrote, whether compose-go could merge
// them or not.
type checker struct {
	root *origin
	list *diag.List
}

func (c *checker) fail(o *origin, path diag.Path, code, summary, hint string) {
	c.list.Add(diag.Diagnostic{Severity: diag.Error, Pos: o.pos, Path: slices.Clone(path), Code: code, Summary: summary, Hint: hint})
}

// references reports names that refer to nothing, and ports and volumes that
// cannot be read.
func references(root *origin, list *diag.List) {
	c := &checker{root, list}
	c.names()
	c.misread(root, nil, "jobs", "models")
	for _, section := range []string{"services", "jobs"} {
		for _, name := range root.get(section).keys() {
			c.unit(section, name)
		}
	}
	for _, job := range root.get("jobs").keys() {
		if root.get("services", job) != nil {
			c.fail(root.get("jobs", job), diag.Path{"jobs", job}, codeConflict, "is the name of a service, too", "rename one of the two")
		}
		c.schedules(job)
	}
	for _, section := range []string{"configs", "secrets"} {
		for _, name := range root.get(section).keys() {
			c.source(section, name)
		}
	}
}

// names reports names that are too long for a file, a host or anything else that
// they would become.
func (c *checker) names() {
	for _, section := range []string{"services", "jobs", "networks", "volumes", "configs", "secrets", "models"} {
		for _, name := range c.root.get(section).keys() {
			if len(name) > maxNameBytes {
				c.fail(c.root.get(section, name), diag.Path{section, name}, codeLimit, fmt.Sprintf("is a name of more than %d bytes", maxNameBytes), "choose a shorter name")
			}
		}
	}
}

func (c *checker) unit(section, name string) {
	path := diag.Path{section, name}
	o := c.root.get(section, name)
	for _, d := range o.get("depends_on").keys() {
		c.dependency(section, o.get("depends_on", d), append(path, "depends_on", d), d)
	}
	for _, network := range o.get("networks").keys() {
		if network != "default" {
			c.defined("networks", network, o.get("networks", network), append(path, "networks", network))
		}
	}
	for _, model := range o.get("models").keys() {
		c.defined("models", model, o.get("models", model), append(path, "models", model))
	}
	for _, list := range []string{"configs", "secrets"} {
		c.items(o, path, list, func(item *origin, p diag.Path) { c.defined(list, item.textOf("source"), item, p) })
	}
	c.items(o.get("build"), append(path, "build"), "secrets", func(item *origin, p diag.Path) { c.defined("secrets", item.textOf("source"), item, p) })
	c.items(o, path, "volumes", c.volume)
	c.items(o, path, "ports", c.port)
	c.items(o, path, "links", func(item *origin, p diag.Path) {
		service, _, _ := strings.Cut(item.text, ":")
		c.dependency("services", item, p, service)
	})
	c.items(o, path, "volumes_from", func(item *origin, p diag.Path) {
		service, _, _ := strings.Cut(item.text, ":")
		if service != "container" {
			c.dependency("services", item, p, service)
		}
	})
	for _, key := range []string{"network_mode", "pid", "ipc"} {
		if service, ok := strings.CutPrefix(o.textOf(key), "service:"); ok {
			c.dependency("services", o.get(key), append(path, key), service)
		}
	}
	c.misread(o, path, "networks", "models", "extra_hosts", "ulimits", "storage_opt", "logging.options", "build.additional_contexts", "build.extra_hosts", "build.ulimits")
	c.basics(o, path)
	c.amounts(o, path)
}

// basics reports what every service must have, and what excludes each other.
func (c *checker) basics(o *origin, path diag.Path) {
	isMapping := o.kind == yaml.MappingNode
	if isMapping && o.get("image") == nil && o.get("build") == nil && o.get("provider") == nil {
		c.fail(o, path, codeIncomplete, "has neither an image nor a build", "add image:")
	}
	if mode := o.get("network_mode"); mode != nil && o.get("networks") != nil {
		c.fail(mode, append(path, "network_mode"), codeConflict, "stands beside networks", "keep one of them")
	}
	test := o.get("healthcheck", "test")
	if first := test.get("0"); first != nil && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, first.text) {
		c.fail(first, append(path, "healthcheck", "test"), codeValue, fmt.Sprintf("begins with %q", first.text), "begin with CMD, CMD-SHELL or NONE")
	}
}

// textOf returns the text of a key below, or the origin's own where it is a
// short form. It may be called on nil.
func (o *origin) textOf(key string) string {
	if below := o.get(key); below != nil {
		return below.text
	}
	if o == nil || o.kind != yaml.ScalarNode {
		return ""
	}
	return o.text
}

// items calls visit for the items of a list of a unit, once for what the file has as
// one entry: a range of ports stands for many items.
func (c *checker) items(o *origin, path diag.Path, list string, visit func(*origin, diag.Path)) {
	items := o.get(list)
	if items == nil || items.kind != yaml.SequenceNode {
		return // the schema says that it is no list
	}
	var last *origin
	for i := range items.items() {
		if item := items.get(strconv.Itoa(i)); item != nil && item != last {
			visit(item, append(slices.Clip(path), list, strconv.Itoa(i)))
			last = item
		}
	}
}

// defined reports a name that the top level does not have.
func (c *checker) defined(section, name string, o *origin, path diag.Path) {
	if name == "" || c.root.get(section, name) != nil {
		return
	}
	singular := strings.TrimSuffix(section, "s")
	hint := diag.DidYouMean(name, c.root.get(section).keys())
	if hint == "" {
		hint = fmt.Sprintf("define it at the top level: %s: {%s: }", section, name)
	}
	c.fail(o, path, codeUndefined, fmt.Sprintf("there is no %s %q", singular, name), hint)
}

// dependency reports a service that there is not. A job may wait for jobs, too.
func (c *checker) dependency(section string, o *origin, path diag.Path, name string) {
	if name == "" || c.root.get("services", name) != nil || section == "jobs" && c.root.get("jobs", name) != nil {
		return
	}
	if c.root.get("jobs", name) != nil {
		c.fail(o, path, codeUndefined, fmt.Sprintf("%q is a job, and services can only wait for services", name), "make it a service that completes")
		return
	}
	hint := diag.DidYouMean(name, c.root.get("services").keys())
	if hint == "" {
		hint = "the services are " + strings.Join(c.root.get("services").keys(), ", ")
	}
	c.fail(o, path, codeUndefined, fmt.Sprintf("there is no service %q", name), hint)
}

// volume reports a mount that cannot be read, or whose volume is not defined.
func (c *checker) volume(item *origin, path diag.Path) {
	if item.kind == yaml.MappingNode {
		if item.textOf("target") == "" {
			c.fail(item, path, codeIncomplete, "lacks target", "add the path inside the container")
		}
		if item.textOf("type") == types.VolumeTypeVolume {
			c.defined("volumes", item.textOf("source"), item, path)
		}
		return
	}
	v, err := format.ParseVolume(item.text)
	if err != nil {
		c.fail(item, path, codeValue, fmt.Sprintf("%q is no volume", item.text), "write SOURCE:TARGET or SOURCE:TARGET:ro")
		return
	}
	if v.Type == types.VolumeTypeVolume {
		c.defined("volumes", v.Source, item, path)
	}
}

const maxPort = 65535

// port reports a port that cannot be read.
func (c *checker) port(item *origin, path diag.Path) {
	if item.kind != yaml.MappingNode {
		ports, err := types.ParsePortConfig(item.text)
		if err != nil || slices.ContainsFunc(ports, outOfRange) {
			c.fail(item, path, codeValue, fmt.Sprintf("%q is no port between 1 and %d", item.text, maxPort), `write "PUBLISHED:TARGET", such as "8080:80"`)
		}
		return
	}
	if n, err := strconv.Atoi(item.textOf("target")); err == nil && (n < 1 || n > maxPort) {
		c.fail(item.get("target"), append(path, "target"), codeValue, fmt.Sprintf("%d is no port between 1 and %d", n, maxPort), "")
	}
	if p := item.textOf("published"); p != "" {
		for part := range strings.SplitSeq(p, "-") {
			if n, err := strconv.Atoi(part); err != nil || n < 0 || n > maxPort {
				c.fail(item.get("published"), append(path, "published"), codeValue, fmt.Sprintf("%q is no port between 1 and %d", p, maxPort), "")
				break
			}
		}
	}
	if ip := item.textOf("host_ip"); ip != "" {
		if _, err := netip.ParseAddr(ip); err != nil {
			c.fail(item.get("host_ip"), append(path, "host_ip"), codeValue, fmt.Sprintf("%q is no IP address", ip), "")
		}
	}
}

// outOfRange reports a port 0, which the parser takes.
func outOfRange(p types.ServicePortConfig) bool { return p.Target == 0 || p.Target > maxPort }

// source reports a config or secret that says not at all, or twice, what it
// holds.
func (c *checker) source(section, name string) {
	o := c.root.get(section, name)
	if o.get("external") != nil && o.textOf("external") != "false" || o.get("driver") != nil {
		return
	}
	kinds := []string{"file", "environment", "content"}
	if section == "secrets" {
		kinds = kinds[:2]
	}
	var found []string
	for _, k := range kinds {
		if o.get(k) != nil {
			found = append(found, k)
		}
	}
	path := diag.Path{section, name}
	switch {
	case len(found) == 0:
		c.fail(o, path, codeIncomplete, "does not say what it holds", "add "+strings.Join(kinds, ": or ")+":")
	case len(found) > 1:
		c.fail(o, path, codeConflict, "says twice what it holds: "+strings.Join(found, " and "), "keep one of them")
	}
}
