package compose

import (
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// shape is how Compose reads the items of a list.
type shape int

const (
	// indexed lists keep their items in order.
	indexed shape = iota
	// assignments are lists of NAME=value that stand for a mapping.
	assignments
	// hosts are lists of NAME=address or NAME:address.
	hosts
	// names are lists of names that stand for a mapping.
	names
	// replaced lists are not added to by a later file.
	replaced
)

// shapeOf returns the shape of the list at a path.
func shapeOf(path diag.Path) shape {
	attribute := attributeOf(path)
	switch attribute {
	case "environment", "labels", "annotations", "sysctls", "build.args", "build.labels", "build.additional_contexts", "build.ssh", "deploy.labels":
		return assignments
	case "extra_hosts", "build.extra_hosts":
		return hosts
	case "depends_on", "networks", "models":
		return names
	case "command", "entrypoint", "healthcheck.test":
		return replaced
	}
	if strings.HasSuffix(attribute, ".environment") {
		return assignments
	}
	return indexed
}

// attributeOf returns the part of a path below a service, a job, a hook, or a
// thing at the top level, joined by dots: environment, deploy.labels.
func attributeOf(path diag.Path) string {
	if len(path) < 3 {
		return ""
	}
	rest := path[2:]
	if rest[0] == "pre_start" && len(rest) > 2 {
		rest = rest[2:]
	}
	switch path[0] {
	case "services", "jobs":
		return strings.Join(rest, ".")
	case "networks", "volumes", "configs", "secrets":
		if rest[0] == "labels" {
			return "labels"
		}
	}
	return ""
}

// itemKey returns the key of an item of a list that stands for a mapping.
func itemKey(s shape, text string) string {
	switch s {
	case assignments:
		key, _, _ := strings.Cut(text, "=")
		return strings.TrimSpace(key)
	case hosts:
		if at := strings.IndexAny(text, "=:"); at >= 0 {
			return text[:at]
		}
	case indexed, names, replaced:
	}
	return text
}

// expanded is how many entries of the merged project a list item becomes: a range
// of ports becomes one for each.
func expanded(path diag.Path, text string) int {
	if attributeOf(path) != "ports" || !strings.Contains(text, "-") {
		return 1
	}
	ports, err := types.ParsePortConfig(text)
	if err != nil || len(ports) == 0 {
		return 1
	}
	return len(ports)
}

// place tells mounts of one list apart: a later file replaces the mount at the
// same target. It is empty for lists that only grow.
func place(path diag.Path, text string) string {
	if !slices.Contains([]string{"volumes", "configs", "secrets", "tmpfs"}, attributeOf(path)) || text == "" {
		return ""
	}
	parts := strings.Split(text, ":")
	if attributeOf(path) == "volumes" && len(parts) > 1 {
		return parts[1]
	}
	return parts[0]
}
