package lint

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts/archive"
	"gantry/charts/diag"
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

	// find applies the rule; nil for what is found without one.
	find func(*subject) diag.List
}

// Rules returns what is looked for: the rules of our own, then what helm's linter finds,
// too, and the rendering, each in the order of their codes.
func Rules() []Rule { return slices.Concat(own(), others()) }

// own returns the rules beyond those of helm.
func own() []Rule {
	return []Rule{
		{
			"lint-deprecated-api", diag.Warning, "an object is of an API version that a later Kubernetes does not have",
			"The API server still takes it, and warns. Once a cluster is at the version that removed it, helm cannot even upgrade releases that hold such objects: move to what replaces it before. --kube-version says for which version of Kubernetes a chart is looked at.",
			deprecatedAPIs,
		},
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
			"lint-removed-api", diag.Error, "an object is of an API version that this Kubernetes does not have",
			"The API server knows no such objects, so that nothing of the chart can be installed. Use what replaces it, or choose by .Capabilities.APIVersions where clusters of both kinds have to be served. --kube-version says for which version of Kubernetes a chart is looked at.",
			removedAPIs,
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
			"lint-undeclared-value", diag.Note, "a template reads a value that values.yaml does not have",
			"values.yaml is where people look for what they can set, and a misspelt name reads as nothing. Correct the name, or add the value with its default. A value that a comment in values.yaml or the schema names is declared, and so are nameOverride, fullnameOverride and what a template fails for or requires.",
			undeclaredValues,
		},
		{
			"lint-unused-value", diag.Note, "values.yaml has a value that no template reads",
			"Who sets it waits for an effect that never comes. Take it out, or use it. Values for charts within, and values that a template reads by a name that it puts together, count as used.",
			unusedValues,
		},
	}
}

// others returns what is found before the rules of our own have their turn: what helm's
// linter finds, too. It has no names for its rules: the code says which part of the chart
// they are about, and some are no errors.
func others() []Rule {
	return []Rule{
		{
			"chart-load", diag.Error, "the chart cannot be read",
			"A file that every chart needs is missing, or does not hold what it should. Nothing else is looked at.", nil,
		},
		{
			"lint-chart", diag.Error, "Chart.yaml and the charts in charts/ do not agree",
			"A dependency that is in one place only is not installed, or cannot be updated. gantry chart deps update fetches what Chart.yaml names.", nil,
		},
		{
			"lint-metadata", diag.Error, "Chart.yaml lacks something, or says what helm does not take",
			"helm and repositories read the name, the version and the type of a chart there; an icon is shown to people who look for charts.", nil,
		},
		{
			"lint-needs-values", diag.Note, "the chart cannot be rendered with its own values",
			"A template fails until somebody gives a value, and what it renders to cannot be looked at. Give the values that an installation would have with --values or --set.", nil,
		},
		{
			"lint-template", diag.Error, "a template, or what it renders to, is not as helm wants it",
			"The files in templates/ are looked at for what Helm 3 does not know any more, and the documents for names, selectors and annotations that the API server or helm does not take.", nil,
		},
		{
			"lint-values", diag.Error, "values.yaml is missing or cannot be read",
			"Without values.yaml, nobody sees what can be set; a chart without values has an empty one.", nil,
		},
		{
			"template", diag.Error, "a template fails",
			"The position is that of the expression, and the path that of the value that is missing, if one is.", nil,
		},
		{
			"template-yaml", diag.Error, "a template renders to something that is not YAML",
			"Most often the indentation is wrong where toYaml or include puts several lines: nindent with the column of the place helps. The lines around the fault are shown.", nil,
		},
		{
			schemaCode, diag.Error, "values.schema.json refuses a value",
			"The values of the chart itself have to be good ones: helm refuses to install or lint it otherwise. Correct the value, or the schema.", nil,
		},
	}
}

// subject is a chart that is looked at, and what it renders to.
type subject struct {
	chart *chart.Chart
	// values is the mapping in values.yaml; nil when there is none.
	values *yaml.Node
	// readings is what the texts of the chart read; readsAll holds where that cannot
	// be told.
	readings []reading
	readsAll bool
	// elsewhere are the values that helm and the charts within read.
	elsewhere []diag.Path
	objects   []object
	// given are the problems of values that are not the chart's: their files do not lie
	// in it.
	given diag.List
	// kube is the version of Kubernetes that the chart is for.
	kube *chartutil.KubeVersion
}

// newSubject looks at the files of a chart. Rendering it takes away from it what the
// values turn off.
func newSubject(c *chart.Chart, kube *chartutil.KubeVersion) *subject {
	s := &subject{chart: c, kube: kube, values: mapping(c, valuesFile), elsewhere: ofDependencies(c)}
	s.readings, s.readsAll = readings(c)
	return s
}

// text returns the content of a file of the chart.
func (s *subject) text(file string) string {
	return string(archive.File(s.chart, s.chart.Name()+"/"+file))
}

// apply applies the rules.
func (s *subject) apply() diag.List {
	var list diag.List
	for _, r := range own() {
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
	b.WriteString("# What gantry lint looks for\n\n`gantry lint` looks for what `helm lint` finds, and then applies the rules below. `gantry lint --explain RULE` prints one of them. A rule is switched off by\n" +
		"`--disable RULE`, or in the chart:\n\n" +
		"```yaml\n# Chart.yaml\nannotations:\n  " + DisableAnnotation + ": lint-unused-value, lint-image-tag\n```\n")
	write := func(rules []Rule) {
		for _, r := range rules {
			fmt.Fprintf(&b, "\n## %s\n\n%s: %s.\n\n%s\n", r.Code, article(r.Severity), r.Summary, r.Why)
		}
	}
	write(own())
	b.WriteString("\n# What helm lint and the rendering find\n\nAfter an error of these, the rules above are not applied.\n")
	write(others())
	return b.String()
}

// article names a severity with its article.
func article(s diag.Severity) string {
	if s == diag.Error {
		return "An error"
	}
	return "A " + s.String()
}
