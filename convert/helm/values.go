package helm

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/pattern"
	"gantry/convert/manifest"
)

// entry is a key of values.yaml: a value with its default, or a group of
// entries. One tree of entries makes values.yaml, its JSON schema and the table
// in the README, so the three cannot differ.
type entry struct {
	key string
	// path leads to the entry from the root, its own key included.
	path []string
	// comment says what the value does, in one sentence.
	comment string
	// value is the default; nil for a group.
	value *manifest.Node
	// schema is what the value must look like; groups make their own.
	schema *schema
	// open tells that a group may hold keys that the chart does not know.
	open bool
	// whole tells that none of a group's values may be taken away.
	whole   bool
	entries []*entry
	// of is the chart that the values belong to.
	of *builder
}

// group returns the group of entries under a key, adding it at first use.
func (e *entry) group(key, comment string) *entry {
	for _, sub := range e.entries {
		if sub.key == key {
			return sub
		}
	}
	sub := &entry{key: key, path: e.below(key), comment: comment, of: e.of}
	e.entries = append(e.entries, sub)
	return sub
}

// prune drops the groups that came out empty.
func (e *entry) prune() {
	e.entries = slices.DeleteFunc(e.entries, func(sub *entry) bool {
		sub.prune()
		return sub.value == nil && len(sub.entries) == 0
	})
}

// last moves the entries with the given keys to the end, in the order given.
func (e *entry) last(keys ...string) {
	slices.SortStableFunc(e.entries, func(a, b *entry) int { return slices.Index(keys, a.key) - slices.Index(keys, b.key) })
}

// sort puts the values of a service and of its containers in the order in which
// people look for them; others come in front of what follows the mark "".
func (e *entry) sort(order []string) {
	index := func(key string) int {
		if i := slices.Index(order, key); i >= 0 {
			return i
		}
		return slices.Index(order, "")
	}
	slices.SortStableFunc(e.entries, func(a, b *entry) int { return index(a.key) - index(b.key) })
	for _, sub := range e.entries {
		sub.sort(order)
	}
}

// valuesOrder is how the values of a service are ordered: what runs, how it is
// reached, what it keeps, how it is watched, and then where and as whom it runs.
func valuesOrder() []string {
	return []string{
		"enabled", "image", "replicas", "autoscaling", "podDisruptionBudget", "schedule", "timeZone", "suspend", "env", "envFile", "extraEnv", "extraEnvFrom",
		"service", "type", "ports", "nodePorts", "", "ingress", "httpRoute", "persistence", "resources", "startupProbe", "readinessProbe", "livenessProbe",
		"initContainers", "extraInitContainers", "sidecars", "extraContainers", "podLabels", "podAnnotations", "annotations", "strategy", "updateStrategy",
		"terminationGracePeriodSeconds", "lifecycle",
		"podSecurityContext", "securityContext", "serviceAccount", "networkPolicy", "priorityClassName", "nodeSelector", "affinity", "tolerations",
		"topologySpreadConstraints", "extraVolumes", "extraVolumeMounts",
	}
}

// add appends a value and returns the expression that reads it.
func (e *entry) add(key, comment string, value *manifest.Node, s *schema) string {
	if isScalar(value) && e.of.variables.in(value) {
		s = orVariable(s)
	}
	e.entries = append(e.entries, &entry{key: key, path: e.below(key), comment: comment, value: value, schema: s})
	return e.read(key)
}

// read returns the expression that reads a value, with its variables put in.
func (e *entry) read(key string) string {
	for _, sub := range e.entries {
		if sub.key == key {
			return e.of.reading(e.ref(key), sub.value)
		}
	}
	return e.ref(key)
}

func (e *entry) below(keys ...string) []string {
	return append(append([]string(nil), e.path...), keys...)
}

// free returns a key that the entry does not have yet: the one wanted, or that
// with a number.
func (e *entry) free(wanted string) string {
	key := wanted
	for n := 2; slices.ContainsFunc(e.entries, func(sub *entry) bool { return sub.key == key }); n++ {
		key = wanted + strconv.Itoa(n)
	}
	return key
}

// check reports a key that was added twice: one of the two would be lost.
func (e *entry) check() error {
	seen := map[string]bool{}
	for _, sub := range e.entries {
		if seen[sub.key] {
			return fmt.Errorf("two values have the key %s", strings.Join(sub.path, "."))
		}
		seen[sub.key] = true
		if err := sub.check(); err != nil {
			return err
		}
	}
	return nil
}

// ref returns the expression for a value below the entry.
func (e *entry) ref(keys ...string) string { return valueRef(e.below(keys...)) }

var identifier = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*$`)

// valueRef returns the expression for the value at a path.
func valueRef(path []string) string {
	expr := ".Values"
	for _, key := range path {
		if identifier().MatchString(key) {
			expr += "." + key
		} else {
			expr = "(index " + expr + " " + strconv.Quote(key) + ")"
		}
	}
	return expr
}

// valuesHeader begins values.yaml.
const valuesHeader = `# Default values of %s. Rendered with them, the chart gives exactly the objects
# that the Compose file means. The schema in values.schema.json refuses what is
# misspelt or of the wrong type.
`

// rareHeader goes on with the values that are not repeated for each service.
const rareHeader = `#
# Each service takes these as well. They are empty, and left out below:
#
`

// rare reports whether a value is one that every service has and few people need:
// while it is empty it stands at the beginning of values.yaml, once for all.
func (e *entry) rare() bool {
	if e.value == nil || !isEmpty(e.value) {
		return false
	}
	return slices.Contains(rareValues(), e.key) || e.key == "annotations" && len(e.path) == 2
}

func isScalar(n *manifest.Node) bool { return n.Kind == manifest.String || n.Kind == manifest.Literal }

func isEmpty(n *manifest.Node) bool {
	return n.Kind == manifest.String && n.Value == "" || n.Kind == manifest.Literal && n.Value == "null" ||
		(n.Kind == manifest.Map || n.Kind == manifest.Sequence) && len(n.Fields)+len(n.Items) == 0
}

func rareValues() []string {
	return []string{
		"extraEnvFrom", "extraInitContainers", "extraContainers", "extraVolumes", "extraVolumeMounts", "podLabels", "podAnnotations", "strategy", "updateStrategy",
		"terminationGracePeriodSeconds", "lifecycle", "priorityClassName", "nodeSelector", "affinity", "tolerations", "topologySpreadConstraints",
		"podSecurityContext", "securityContext", "startupProbe", "readinessProbe", "livenessProbe", "behavior", "externalTrafficPolicy", "loadBalancerClass", "loadBalancerSourceRanges",
	}
}

// rareEntries returns the values that are left out, each key once, in the order of
// the values of a service.
func (e *entry) rareEntries() []*entry {
	var rare []*entry
	e.leaves(func(sub *entry) {
		if sub.rare() && !slices.ContainsFunc(rare, func(known *entry) bool { return known.place() == sub.place() }) {
			rare = append(rare, sub)
		}
	})
	order := valuesOrder()
	slices.SortStableFunc(rare, func(a, b *entry) int { return slices.Index(order, a.key) - slices.Index(order, b.key) })
	return rare
}

// place says where in a service a value is: service.loadBalancerClass.
func (e *entry) place() string {
	below := e.path[1:]
	if len(below) > 2 { // of a container beside the service's own
		below = below[len(below)-1:]
	}
	return strings.Join(below, ".")
}

// write prints the entries as YAML with a comment above each, in the form that
// helm-docs reads.
func (e *entry) write(b *bytes.Buffer, indent int) error {
	pad := strings.Repeat(" ", indent)
	shown := slices.DeleteFunc(slices.Clone(e.entries), (*entry).rare)
	for i, sub := range shown {
		if indent == 0 || i > 0 && indent < 4 && (sub.value == nil || shown[i-1].value == nil) {
			b.WriteByte('\n')
		}
		if sub.comment != "" {
			mark := "# -- "
			if sub.value == nil {
				mark = "# "
			}
			b.WriteString(pad + mark + sub.comment + "\n")
		}
		if sub.value != nil {
			if err := writeField(b, manifest.Field{Key: sub.key, Value: sub.value}, pad); err != nil {
				return err
			}
			continue
		}
		b.WriteString(pad + sub.key + ":\n")
		if err := sub.write(b, indent+2); err != nil {
			return err
		}
	}
	return nil
}

// writeField prints one key with its value, every line behind pad.
func writeField(b *bytes.Buffer, f manifest.Field, pad string) error {
	var text bytes.Buffer
	if err := manifest.EncodePart(&text, &manifest.Node{Kind: manifest.Map, Fields: []manifest.Field{f}}); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if line != "\n" {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return nil
}

// leaves calls visit for every value below the entry.
func (e *entry) leaves(visit func(*entry)) {
	for _, sub := range e.entries {
		if sub.value != nil {
			visit(sub)
			continue
		}
		sub.leaves(visit)
	}
}

func emptyMap() *manifest.Node  { return &manifest.Node{Kind: manifest.Map} }
func emptyList() *manifest.Node { return &manifest.Node{Kind: manifest.Sequence} }
func literal(s string) *manifest.Node {
	return &manifest.Node{Kind: manifest.Literal, Value: s}
}
func insert(s string) *manifest.Node { return &manifest.Node{Kind: manifest.Insert, Value: s} }
func action(s string) *manifest.Node { return &manifest.Node{Kind: manifest.Action, Value: s} }

// alone matches an expression in parentheses that it needs only beside others.
var alone = pattern.Lazy(`^\((include "[^"]*" \([^()]*\))\)$`)

func expr(s string) *manifest.Node {
	return &manifest.Node{Kind: manifest.Expr, Value: alone().ReplaceAllString(s, "$1")}
}
