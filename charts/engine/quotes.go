package engine

import (
	"math"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// quotesHint says what to write where quotes, or that there are none, decide that a value
// has not the type that the schema wants: in YAML 1.1, which helm reads, y and off are
// booleans. node is the value in a file, or nil, and flag the flag that gave it, or empty.
// The value itself may be a secret.
func quotesHint(problem, flag string, node *yaml.Node) string {
	got, want, _ := strings.Cut(strings.TrimPrefix(problem, "got "), ", want ")
	switch {
	case got == "string" && node != nil && node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && wouldBe(node.Value, want):
		return "in quotes it is a text: take them away"
	case got != "boolean" && got != "number" && got != "integer" || !strings.Contains(want, "string"):
		return ""
	case flag == "--set":
		return "--set-string takes it as a text"
	case got == "boolean":
		return "without quotes true, false, yes, no, on, off, y and n are booleans: put the text in quotes"
	default:
		return "without quotes it is a number, which may lose zeros: put the text in quotes"
	}
}

// wouldBe reports whether a text would be of a type of JSON Schema without its quotes.
func wouldBe(text, kind string) bool {
	var plain any
	if sigsyaml.Unmarshal([]byte(text), &plain) != nil {
		return false
	}
	switch value := plain.(type) {
	case bool:
		return kind == "boolean"
	case float64:
		return kind == "number" || kind == "integer" && value == math.Trunc(value)
	default:
		return false
	}
}
