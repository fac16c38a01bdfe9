package compose

import (
	"maps"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// extensionsKey is where compose-go puts the keys of a mapping that begin with x-,
// even of mappings whose keys are the user's own names.
const extensionsKey = "#extensions"

// restore gives variables, labels and the like back whose names begin with x-.
func restore(project *types.Project, root *origin) {
	for name, s := range project.Services {
		o := root.get("services", name)
		restoreContainer(&s.ContainerSpec, o)
		restoreBuild(s.Build, o.get("build"))
		if s.Deploy != nil {
			restoreText(s.Deploy.Labels, o.get("deploy", "labels"))
		}
		for i := range s.PreStart { // hooks have what the service has, too
			restoreContainer(&s.PreStart[i].ContainerSpec, o)
		}
	}
	for name, j := range project.Jobs {
		o := root.get("jobs", name)
		restoreContainer(&j.ContainerSpec, o)
		restoreBuild(j.Build, o.get("build"))
	}
	for name, v := range project.Volumes {
		restoreText(v.Labels, root.get("volumes", name, "labels"))
		restoreText(v.DriverOpts, root.get("volumes", name, "driver_opts"))
	}
	for name, c := range project.Configs {
		restoreText(c.Labels, root.get("configs", name, "labels"))
	}
	for name, c := range project.Secrets {
		restoreText(c.Labels, root.get("secrets", name, "labels"))
	}
}

// misread reports names that begin with x- where compose-go, and so docker
// compose, takes them for extensions: it leaves them out, or refuses the file
// with words that nobody understands. Where it is possible, [restore] gives them back.
func (c *checker) misread(o *origin, path diag.Path, keys ...string) {
	for _, key := range keys {
		parts := strings.Split(key, ".")
		mapping := o.get(parts...)
		hint := "choose another name"
		if key == "extra_hosts" {
			hint += ", or add it to hostAliases by x-kubernetes.patch"
		}
		for _, name := range mapping.keys() {
			if strings.HasPrefix(name, "x-") {
				c.fail(mapping.get(name), append(path, append(parts, name)...), codeValue,
					"cannot begin with x- here: docker compose takes it for an extension, and leaves it out", hint)
			}
		}
	}
}

func restoreContainer(c *types.ContainerSpec, o *origin) {
	restoreValues(c.Environment, o.get("environment"))
	restoreText(c.Labels, o.get("labels"))
	restoreText(c.Annotations, o.get("annotations"))
	restoreText(c.Sysctls, o.get("sysctls"))
}

func restoreBuild(b *types.BuildConfig, o *origin) {
	if b == nil {
		return
	}
	restoreValues(b.Args, o.get("args"))
	restoreText(b.Labels, o.get("labels"))
}

// restoreText changes a mapping in place.
func restoreText[M ~map[string]string](m M, o *origin) {
	maps.Copy(m, lost(m, o))
}

// restoreValues does so where a value may be missing.
func restoreValues(m types.MappingWithEquals, o *origin) {
	for key, text := range lost(m, o) {
		m[key] = &text
	}
}

// lost returns the entries that a mapping has lost.
func lost[M ~map[string]V, V any](m M, o *origin) map[string]string {
	if _, ok := m[extensionsKey]; !ok {
		return nil
	}
	delete(m, extensionsKey)
	entries := map[string]string{}
	for _, key := range o.keys() {
		if strings.HasPrefix(key, "x-") {
			entries[key] = o.get(key).text
		}
	}
	return entries
}
