package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
	yaml4 "go.yaml.in/yaml/v4"
	"helm.sh/helm/v3/pkg/chart"
	sigsyaml "sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/charts/diag"
)

// Check tries to read a file as a chart's file of its name has to be read, and returns
// an [*Error] if it cannot be: YAML that every chart has, or the schema of its values.
func Check(f charts.File) error {
	if f.Name == "values.schema.json" {
		return jsonFault(f)
	}
	if err := parses(f); err != nil {
		return fault(f.Name, err)
	}
	return nil
}

// jsonFault says where a file stops being JSON.
func jsonFault(f charts.File) error {
	var into any
	err := json.Unmarshal(f.Data, &into)
	at, ok := errors.AsType[*json.SyntaxError](err)
	if !ok {
		return err
	}
	before := f.Data[:min(max(0, at.Offset-1), int64(len(f.Data)))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return fault(f.Name, &diag.SyntaxError{Line: line, Column: column, Problem: at.Error()})
}

// readAs returns what a file is read as that a chart cannot be loaded without, and nil
// for others.
func readAs(name string) any {
	switch name {
	case metadataFile:
		return new(chart.Metadata)
	case "Chart.lock", "requirements.lock":
		return new(chart.Lock)
	case "values.yaml", "requirements.yaml":
		return new(map[string]any)
	default:
		return nil
	}
}

// parses tries one of those files.
func parses(f charts.File) error {
	into := readAs(f.Name)
	if into == nil {
		return nil
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(f.Data, &doc); err != nil {
		return syntaxError(f.Data, err)
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

// syntaxError says where YAML stops being YAML. The parser that charts are read with knows
// the line at most; its successor tells the column, too.
func syntaxError(data []byte, err error) error {
	var doc yaml4.Node
	if known := yaml4.Unmarshal(data, &doc); known != nil {
		err = known
	}
	return diag.Syntax(err)
}

// jsonPrefix is what the YAML library says of its inside, which means nothing
// to a reader.
func jsonPrefix() *regexp.Regexp {
	return regexp.MustCompile(`^error (?:unmarshaling JSON|converting YAML to JSON): (?:while decoding JSON: |json: )*`)
}
