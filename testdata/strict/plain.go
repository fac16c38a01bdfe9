package strict

import (
	"encoding/base64"
	"regexp"

	"gantry/charts"
	"gantry/convert/workload"
)

var jobHash = regexp.MustCompile(`-[0-9a-f]{6}$`)

// Plain takes away from objects, decoded and by any key that begins with the kind,
// what belongs to a chart alone, as the package comment of convert/helm lists it. What is left is
// what gantry convert prints. It changes the objects.
func Plain(objects map[string]any) map[string]any {
	out := map[string]any{}
	for key, o := range objects {
		object := o.(map[string]any)
		meta := object["metadata"].(map[string]any)
		if object["kind"] == "Job" {
			key = jobHash.ReplaceAllString(key, "")
			meta["name"] = jobHash.ReplaceAllString(meta["name"].(string), "")
		}
		if object["kind"] == "Secret" {
			object["data"] = SecretContent(object)
			delete(object, "stringData")
		}
		plainMeta(object)
		out[key] = object
	}
	return out
}

// plainMeta drops, at any depth, the labels and annotations that a chart sets.
func plainMeta(node any) {
	switch n := node.(type) {
	case []any:
		for _, item := range n {
			plainMeta(item)
		}
	case map[string]any:
		for _, field := range []string{"labels", "annotations"} {
			m, ok := n[field].(map[string]any)
			if !ok {
				continue
			}
			for _, key := range []string{"app.kubernetes.io/managed-by", "helm.sh/chart", "helm.sh/resource-policy", "checksum/config", "checksum/secret"} {
				delete(m, key)
			}
			if len(m) == 0 {
				delete(n, field)
			}
		}
		for _, value := range n {
			plainMeta(value)
		}
	}
}

// MadeUp stands for a value that the chart makes up.
const MadeUp = "made up"

var madeUp = regexp.MustCompile(`^[A-Za-z0-9]{32}$`)

// SecretContent decodes what a Secret holds.
func SecretContent(secret map[string]any) map[string]any {
	content := map[string]any{}
	for _, field := range []string{"data", "stringData"} {
		m, _ := secret[field].(map[string]any)
		for key, value := range m {
			text := value.(string)
			if field == "data" {
				decoded, err := base64.StdEncoding.DecodeString(text)
				if err != nil {
					text = "not base64: " + text
				} else {
					text = string(decoded)
				}
			}
			if text == workload.Placeholder || madeUp.MatchString(text) {
				text = MadeUp
			}
			if before, password, after, found := charts.CutPassword(text); found && madeUp.MatchString(password) {
				text = before + MadeUp + after
			}
			content[key] = text
		}
	}
	return content
}
