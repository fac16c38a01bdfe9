package lint

import (
	"fmt"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts/diag"
	"gantry/charts/engine"
)

// DisableAnnotation is the annotation of Chart.yaml that names the rules a chart
// does without, separated by commas.
const DisableAnnotation = "gantry.dev/lint-disable"

// Rule is something that is looked for in a chart.
type Rule struct {
	// Code is what its diagnostics end with.
	Code     string
	Severity diag.Severity
	// Summary says what is found, and Why what comes of it and what to do.
	Summary, Why string

	find func(*subject) diag.List
}

// Rules returns the rules beyond those of helm, in the order of their codes.
func Rules() []Rule {
	return []Rule{
		{
			"lint-duplicate-object", diag.Warning, "two documents are the same object",
			"Two documents with the same kind, name and namespace overwrite each other when they are applied, and helm keeps the last one only. Give one of them another name, or render only one of them.",
			duplicates,
		},
		{
			"lint-image-tag", diag.Note, "an image has no tag, or the tag latest",
			"What runs then depends on the day on which a node pulled the image, and a rollback brings nothing back. Name a version, or pin the image by its digest.",
			imageTags,
		},
		{
			"lint-pod-labels", diag.Error, "a workload does not select its own pods",
			"The API server refuses a workload whose selector does not match the labels of its pod template. Make spec.selector.matchLabels a part of spec.template.metadata.labels.",
			podLabels,
		},
		{
			"lint-probe", diag.Note, "a container that answers on a port has no readiness probe",
			"Without one, Kubernetes sends requests as soon as the process runs, and an update takes the old pods away before the new ones answer. Add a readinessProbe that asks what clients ask.",
			probes,
		},
		{
			"lint-resources", diag.Note, "a container does not say what it needs, or may take all memory of its node",
			"The scheduler packs pods by what they request: without requests, too many come to one node, and those are killed first when memory is short. Without a limit, a leak takes the neighbours along. Set requests, and a limit of memory.",
			resources,
		},
		{
			"lint-schema-drift", diag.Note, "values.yaml and values.schema.json do not know the same values",
			"A value that the schema lacks is not checked, and one that only the schema has does nothing. It is usually a rename in one of the files. Charts without a schema are left alone, and so are parts of it that admit any key.",
			schemaDrift,
		},
		{
			"lint-secret-value", diag.Warning, "values.yaml holds a secret",
			"The chart is published, and its defaults with it: whoever installs it without a value of their own has a password that everybody knows. Leave the value empty, and take a Secret that exists, or make up a value at the first installation.",
			secretValues,
		},
		{
			"lint-selector", diag.Warning, "a selector matches no pod of the chart",
			"A Service without pods has no endpoints; a NetworkPolicy or a PodDisruptionBudget without pods protects nothing. Usually a label was renamed in one place only. Charts with custom resources are left alone: their pods are made by somebody else.",
			selectors,
		},
		{
			"lint-target", diag.Warning, "an autoscaler targets a workload that the chart does not have",
			"A HorizontalPodAutoscaler that names a workload that is not there scales nothing. Check the kind and the name of spec.scaleTargetRef.",
			targets,
		},
		{
			"lint-undeclared-value", diag.Note, "a template reads a value that values.yaml does not have, and one with nearly the same name is there",
			"values.yaml is where people look for what they can set, and a misspelt name reads as nothing. Correct the name, or add the value with its default.",
			undeclaredValues,
		},
		{
			"lint-unused-value", diag.Note, "values.yaml has a value that no template reads",
			"Who sets it waits for an effect that never comes. Take it out, or use it. Values for charts within, and values that a template reads by a name that it puts together, count as used.",
			unusedValues,
		},
	}
}

// subject is a chart that is looked at, and what it renders to.
type subject struct {
	chart   *chart.Chart
	objects []object
}

// own applies the rules that are not switched off.
func own(c *chart.Chart, rendered *engine.Rendered) diag.List {
	s := &subject{chart: c, objects: objects(c, rendered)}
	var list diag.List
	for _, r := range Rules() {
		for _, d := range r.find(s) {
			d.Severity, d.Code = r.Severity, r.Code
			list.Add(d)
		}
	}
	return list
}

// disabled returns the rules that the options and the chart switch off.
func disabled(c *chart.Chart, o Options) []string {
	codes := slices.Clone(o.Disable)
	for code := range strings.SplitSeq(c.Metadata.Annotations[DisableAnnotation], ",") {
		codes = append(codes, strings.TrimSpace(code))
	}
	return codes
}

// Explain returns what there is to say of a rule.
func Explain(code string) (string, bool) {
	for _, r := range Rules() {
		if r.Code == code {
			return fmt.Sprintf("%s (%s): %s.\n\n%s\n", r.Code, r.Severity, r.Summary, r.Why), true
		}
	}
	return "", false
}

// Document writes the rules as a page in Markdown.
func Document() string {
	var b strings.Builder
	b.WriteString("# What gantry lint looks for\n\n`gantry lint` runs helm's linter, whose findings have the codes `lint-metadata`, `lint-values`, `lint-template` and `lint-chart`, and then\n" +
		"the rules below. `gantry lint --explain RULE` prints one of them. A rule is switched off by `--disable RULE`, or in the chart:\n\n" +
		"```yaml\n# Chart.yaml\nannotations:\n  " + DisableAnnotation + ": lint-unused-value, lint-image-tag\n```\n")
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n## %s\n\n%s: %s.\n\n%s\n", r.Code, article(r.Severity), r.Summary, r.Why)
	}
	return b.String()
}

// article names a severity with its article.
func article(s diag.Severity) string {
	if s == diag.Error {
		return "An error"
	}
	return "A " + s.String()
}
