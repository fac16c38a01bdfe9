package lint

import (
	"cmp"
	"fmt"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/archive"
	"gantry/charts/diag"
	"gantry/charts/engine"
)

// object is a document that a chart renders to.
type object struct {
	engine.Manifest
	fields map[string]any
	hook   bool
	// text is the template that made it.
	text string
}

// objects returns all that a chart renders to.
func objects(c *chart.Chart, r *engine.Rendered) []object {
	return objectsThat(c, r, func(engine.Manifest) bool { return true })
}

// objectsThat returns some of what a chart renders to. Reading YAML takes longer than
// rendering it: those who need few of the objects say by their text which.
func objectsThat(c *chart.Chart, r *engine.Rendered, wanted func(engine.Manifest) bool) []object {
	var all []object
	add := func(m engine.Manifest, hook bool) {
		var fields map[string]any
		if wanted(m) && yaml.Unmarshal([]byte(m.Content), &fields) == nil && len(fields) > 0 {
			if m.APIVersion == "" { // the files of definitions have not been read
				m.APIVersion, _ = fields["apiVersion"].(string)
				m.Name, _ = at(fields, "metadata", "name").(string)
			}
			all = append(all, object{m, fields, hook, string(archive.File(c, m.Source))})
		}
	}
	for _, file := range r.CRDs {
		for document := range strings.SplitSeq("\n"+file.Content, "\n---") {
			add(engine.Manifest{Source: file.Source, Kind: file.Kind, Content: document}, false)
		}
	}
	for _, m := range r.Manifests {
		add(m, false)
	}
	for _, h := range r.Hooks {
		add(h.Manifest, true)
	}
	return all
}

// at returns what stands at a path of keys.
func (o object) at(keys ...string) any { return at(o.fields, keys...) }

func at(v any, keys ...string) any {
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// problem is something wrong with an object, at the place that keys lead to.
func (o object) problem(keys []string, format string, args ...any) diag.Diagnostic {
	return diag.Diagnostic{Pos: o.position(keys...), Summary: cmp.Or(strings.TrimSpace(o.Kind+" "+o.Name), "a document") + " " + fmt.Sprintf(format, args...)}
}

// template returns the pod that a workload makes; nil for what makes none.
func (o object) template() map[string]any {
	var pod any
	switch o.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job":
		pod = o.at("spec", "template")
	case "CronJob":
		pod = o.at("spec", "jobTemplate", "spec", "template")
	case "Pod":
		pod = o.fields
	}
	m, _ := pod.(map[string]any)
	return m
}

func duplicates(s *subject) diag.List {
	var list diag.List
	first := map[string]object{}
	for _, o := range s.objects {
		if o.hook || o.Name == "" {
			continue // hooks may come again at other points of a release's life
		}
		group, _, _ := strings.Cut(o.APIVersion, "/")
		key := fmt.Sprint(group, " ", o.Kind, " ", o.at("metadata", "namespace"), " ", o.Name)
		if before, again := first[key]; again {
			list.Add(o.problem(nil, "is made by %s, too", before.Source))
			continue
		}
		first[key] = o
	}
	return list
}

func imageTags(s *subject) diag.List {
	var list diag.List
	for _, o := range s.objects {
		spec := at(o.template(), "spec")
		for _, kind := range []string{"initContainers", "containers"} {
			containers, _ := at(spec, kind).([]any)
			for _, c := range containers {
				image, _ := at(c, "image").(string)
				_, last, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
				if image != "" && !strings.Contains(image, "@") && (last == "" || last == "latest") {
					list.Add(o.problem(o.container(kind, "image"), "runs %s, and nobody knows which version that is", image))
				}
			}
		}
	}
	return list
}

func podLabels(s *subject) diag.List {
	var list diag.List
	for _, o := range s.objects {
		switch o.Kind {
		case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet":
			selector, _ := o.at("spec", "selector", "matchLabels").(map[string]any)
			if o.template() != nil && len(selector) > 0 && !matches(selector, at(o.template(), "metadata", "labels")) {
				list.Add(o.problem([]string{"selector"}, "selects pods with %s, and its own have %s", text(selector), text(at(o.template(), "metadata", "labels"))))
			}
		}
	}
	return list
}

// matches reports whether labels have all that a selector asks for.
func matches(selector map[string]any, labels any) bool {
	have, _ := labels.(map[string]any)
	for key, value := range selector {
		if got, ok := have[key]; !ok || fmt.Sprint(got) != fmt.Sprint(value) {
			return false
		}
	}
	return true
}

func selectors(s *subject) diag.List {
	var pods []any
	for _, o := range s.objects {
		if custom(o.APIVersion) {
			return nil
		}
		if pod := o.template(); pod != nil {
			pods = append(pods, at(pod, "metadata", "labels"))
		}
	}
	var list diag.List
	for _, o := range s.objects {
		var selector any
		key := "selector"
		switch o.Kind {
		case "Service":
			selector = o.at("spec", "selector")
		case "NetworkPolicy":
			key = "podSelector"
			selector = o.at("spec", "podSelector", "matchLabels")
		case "PodDisruptionBudget":
			selector = o.at("spec", "selector", "matchLabels")
		}
		wanted, _ := selector.(map[string]any)
		found := len(wanted) == 0 || len(pods) == 0
		for _, labels := range pods {
			found = found || matches(wanted, labels)
		}
		if !found {
			list.Add(o.problem([]string{key}, "selects pods with %s, and no pod of the chart has these labels", text(wanted)))
		}
	}
	return list
}

// custom reports whether an API is not one of Kubernetes' own.
func custom(apiVersion string) bool {
	group, _, ok := strings.Cut(apiVersion, "/")
	return ok && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
}

func targets(s *subject) diag.List {
	have := map[string]bool{}
	for _, o := range s.objects {
		have[o.Kind+" "+o.Name] = true
	}
	var list diag.List
	for _, o := range s.objects {
		version, _ := o.at("spec", "scaleTargetRef", "apiVersion").(string)
		if o.Kind != "HorizontalPodAutoscaler" || custom(version) {
			continue
		}
		target := fmt.Sprint(o.at("spec", "scaleTargetRef", "kind"), " ", o.at("spec", "scaleTargetRef", "name"))
		if !have[target] {
			list.Add(o.problem([]string{"scaleTargetRef"}, "scales %s, which the chart does not have", target))
		}
	}
	return list
}

// text writes labels on one line.
func text(labels any) string {
	data, err := yaml.Marshal(labels)
	if m, ok := labels.(map[string]any); err != nil || !ok || len(m) == 0 {
		return "none"
	}
	return strings.ReplaceAll(strings.TrimSpace(string(data)), "\n", ", ")
}
