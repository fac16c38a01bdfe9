package archive

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"
	sigsyaml "sigs.k8s.io/yaml"

	"gantry/charts"
)

// SyntaxError is YAML that cannot be read, and the line where reading ended.
type SyntaxError struct {
	// Line counts from 1; 0 means that it is not known.
	Line int
	// Problem says what is wrong.
	Problem string
}

// Error prints the line and the problem.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Problem
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Problem)
}

// parses tries one of the files that a chart cannot be loaded without.
func parses(f charts.File) error {
	var into any
	switch f.Name {
	case metadataFile:
		into = new(chart.Metadata)
	case "Chart.lock", "requirements.lock":
		into = new(chart.Lock)
	case "values.yaml", "requirements.yaml":
		into = new(map[string]any)
	default:
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(f.Data, &doc); err != nil {
		return syntaxError(err)
	}
	// helm reads with the JSON names of its types, so the types of the values
	// are judged by the same library.
	if err := sigsyaml.Unmarshal(f.Data, into); err != nil {
		return errors.New(jsonPrefix().ReplaceAllString(err.Error(), ""))
	}
	return nil
}

// keyPosition returns where the value of a key at the root of a YAML document
// stands, or zeros.
func keyPosition(data []byte, key string) (line, column int) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return 0, 0
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == key {
			return root.Content[i+1].Line, root.Content[i+1].Column
		}
	}
	return 0, 0
}

// syntaxError reads the line out of the parser's message: the parser has no
// other way to tell it.
func syntaxError(err error) error {
	m := regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`).FindStringSubmatch(err.Error())
	if m == nil {
		return &SyntaxError{Problem: err.Error()}
	}
	line, _ := strconv.Atoi(m[1])
	return &SyntaxError{Line: line, Problem: m[2]}
}

// jsonPrefix is what the YAML library says of its inside, which means nothing
// to a reader.
func jsonPrefix() *regexp.Regexp {
	return regexp.MustCompile(`^error (?:unmarshaling JSON|converting YAML to JSON): (?:while decoding JSON: |json: )*`)
}
