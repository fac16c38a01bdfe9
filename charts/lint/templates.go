package lint

import (
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/diag"
	"gantry/charts/engine"
	"gantry/charts/pattern"
)

// keepAnnotation is how helm is asked to leave an object behind.
const keepAnnotation = "helm.sh/resource-policy"

// What Helm 2 had.
var (
	crdHook     = pattern.Lazy(`"?helm\.sh/hook"?:\s+crd-install`)
	releaseTime = pattern.Lazy(`\.Release\.Time\b`)
)

// inTemplate is a problem of a template, or of what it renders to.
func inTemplate(severity diag.Severity, pos diag.Pos, summary string) diag.Diagnostic {
	return diag.Diagnostic{Severity: severity, Pos: pos, Code: "lint-template", Summary: summary}
}

// files finds what is wrong with the chart's files before they are rendered.
func files(s *subject) diag.List {
	var list diag.List
	if !slices.ContainsFunc(s.chart.Raw, func(f *chart.File) bool { return f.Name == valuesFile }) {
		list.Add(diag.Diagnostic{Severity: diag.Note, Pos: diag.Pos{File: valuesFile}, Code: "lint-values", Summary: "file does not exist"})
	}
	for _, f := range s.chart.Raw {
		if f.Name == "templates" {
			list.Add(inTemplate(diag.Warning, diag.Pos{File: f.Name}, "is a file, where helm looks for a folder"))
		}
	}
	for _, t := range s.chart.Templates {
		if !slices.Contains([]string{".yaml", ".yml", ".tpl", ".txt"}, path.Ext(t.Name)) {
			list.Add(inTemplate(diag.Error, diag.Pos{File: t.Name}, "a template is a .yaml, .yml, .tpl or .txt file"))
		}
		text := withoutComments(string(t.Data))
		if at := crdHook().FindStringIndex(text); at != nil {
			list.Add(inTemplate(diag.Warning, position(t.Name, text, at[0]), "there is no hook crd-install since Helm 3: definitions are files of crds/"))
		}
		if at := releaseTime().FindStringIndex(text); at != nil {
			list.Add(inTemplate(diag.Error, position(t.Name, text, at[0]), "there is no .Release.Time since Helm 3: the function now has the time"))
		}
	}
	return list
}

// documents finds what is wrong with what the chart's own templates render to.
func documents(s *subject, r *engine.Rendered, all []object) diag.List {
	var list diag.List
	own := map[string]bool{}
	for _, t := range s.chart.Templates {
		name := path.Join(s.chart.Name(), t.Name)
		own[name] = true
		if path.Ext(name) == ".yaml" && indented(r.Files[name]) {
			list.Add(inTemplate(diag.Warning, diag.Pos{File: name}, "what it renders to begins with an indented line: helm reads it without the indentation, and YAML may not"))
		}
	}
	for _, o := range all {
		if !own[o.Source] {
			continue
		}
		if problem := s.nameProblem(o); problem != "" {
			list.Add(o.inTemplate(diag.Warning, []string{"metadata", "name"}, problem))
		}
		if lacksSelector(o) {
			list.Add(o.inTemplate(diag.Error, []string{"spec"}, "does not say which pods are its own: spec.selector has neither matchLabels nor matchExpressions"))
		}
		if keepsItems(o) {
			list.Add(o.inTemplate(diag.Error, []string{keepAnnotation}, "is a List, and helm does not read the annotation "+keepAnnotation+" of what is in one"))
		}
	}
	return list
}

// inTemplate is a problem of an object, at the place that keys lead to.
func (o object) inTemplate(severity diag.Severity, keys []string, summary string) diag.Diagnostic {
	d := o.problem(keys, "%s", summary)
	d.Severity, d.Code = severity, "lint-template"
	return d
}

// indented reports whether the first line of a text that is not empty begins with
// white space.
func indented(text string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			return line[0] == ' ' || line[0] == '\t'
		}
	}
	return false
}

// nameProblem says why the API server refuses the name of an object.
func (s *subject) nameProblem(o object) string {
	if o.Kind == "List" && o.Name == "" {
		return ""
	}
	if o.Name == "" {
		return "has no name"
	}
	if problems := s.nameRule(o.Kind)(o.Name); len(problems) > 0 {
		return "has a name that Kubernetes does not take: " + strings.Join(problems, "; ")
	}
	return ""
}

// nameRule returns what holds for the names of a kind.
func (s *subject) nameRule(kind string) func(string) []string {
	// Since Kubernetes 1.36, names of Services may begin with a digit.
	target, known := targetOf(s.kube)
	switch kind {
	case "Service":
		if known && target >= 36 {
			return validation.IsDNS1123Label
		}
		return validation.IsDNS1035Label
	case "Namespace":
		return validation.IsDNS1123Label
	case "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding":
		return content.IsPathSegmentName
	case "CertificateSigningRequest":
		return func(string) []string { return nil }
	default:
		return validation.IsDNS1123Subdomain
	}
}

// lacksSelector reports whether a workload does not select pods.
func lacksSelector(o object) bool {
	switch o.Kind {
	case "Deployment", "ReplicaSet", "DaemonSet", "StatefulSet":
		return !custom(o.APIVersion) && o.at("spec", "selector", "matchLabels") == nil && o.at("spec", "selector", "matchExpressions") == nil
	default:
		return false
	}
}

// keepsItems reports whether a List has items that helm is asked to keep.
func keepsItems(o object) bool {
	items, _ := o.at("items").([]any)
	return o.Kind == "List" && slices.ContainsFunc(items, func(item any) bool {
		return at(item, "metadata", "annotations", keepAnnotation) != nil
	})
}
