package archive

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chart"
)

// SetVersion gives the chart another version and another version of its
// application, where they are not empty, in the metadata and in the text of
// Chart.yaml, whose comments stay.
func SetVersion(c *chart.Chart, version, appVersion string) error {
	if version != "" {
		if _, err := semver.StrictNewVersion(version); err != nil {
			return fmt.Errorf("version %q: %w (a chart's version is like 1.2.3)", version, err)
		}
	}
	for _, edit := range []struct {
		key, value string
		field      *string
	}{
		{"version", version, &c.Metadata.Version},
		{"appVersion", appVersion, &c.Metadata.AppVersion},
	} {
		if edit.value == "" {
			continue
		}
		if err := setMetadata(c, edit.key, edit.value); err != nil {
			return err
		}
		*edit.field = edit.value
	}
	return nil
}

// errNoMapping is what a Chart.yaml that holds no keys is.
var errNoMapping = errors.New("not a mapping")

func setMetadata(c *chart.Chart, key, value string) error {
	for i, f := range c.Raw {
		if f.Name != metadataFile {
			continue
		}
		data, err := setScalar(f.Data, key, value)
		if err != nil {
			return fault(metadataFile, err)
		}
		c.Raw[i] = &chart.File{Name: f.Name, Data: data}
	}
	return nil
}

// setScalar sets a key of the mapping at the root of a YAML document. It
// replaces the characters of the old value where they stand, so that everything
// around them stays; only a value that spans lines makes it write the document
// anew.
func setScalar(data []byte, key, value string) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, syntaxError(data, err)
	}
	if doc.Kind != yaml.DocumentNode || doc.Content[0].Kind != yaml.MappingNode {
		return nil, errNoMapping
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value != key {
			continue
		}
		node := root.Content[i+1]
		if out, ok := splice(data, node, scalarText(node, value)); ok {
			return out, nil
		}
		*node = yaml.Node{Kind: yaml.ScalarNode, Value: value}
		return yaml.Marshal(&doc)
	}
	if root.Style == yaml.FlowStyle {
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &yaml.Node{Kind: yaml.ScalarNode, Value: value, Style: yaml.DoubleQuotedStyle})
		return yaml.Marshal(&doc)
	}
	return fmt.Appendf(nil, "%s\n%s: %s\n", bytes.TrimRight(data, "\n"), key, quoted(value)), nil
}

// scalarText writes a value as the one was written that it replaces: plain where
// that was plain, and no YAML reader takes the new one for a number.
func scalarText(old *yaml.Node, value string) string {
	if old.Style == 0 && regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$`).MatchString(value) {
		return value
	}
	return quoted(value)
}

// quoted writes a text in double quotes, on one line whatever is in it.
func quoted(value string) string {
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: value})
	if err != nil {
		return strconv.Quote(value)
	}
	return strings.TrimSuffix(string(text), "\n")
}

// splice replaces the text of a scalar that stands in one line.
func splice(data []byte, node *yaml.Node, text string) ([]byte, bool) {
	lines := strings.SplitAfter(string(data), "\n")
	if node.Kind != yaml.ScalarNode || node.Line < 1 || node.Line > len(lines) {
		return nil, false
	}
	old := node.Value
	switch node.Style {
	case yaml.DoubleQuotedStyle:
		old = `"` + old + `"`
	case yaml.SingleQuotedStyle:
		old = `'` + old + `'`
	case 0:
	default:
		return nil, false
	}
	line := lines[node.Line-1]
	// The column counts characters, not bytes.
	at := len(string([]rune(line)[:node.Column-1]))
	if !strings.HasPrefix(line[at:], old) || old == "" {
		return nil, false
	}
	lines[node.Line-1] = line[:at] + text + line[at+len(old):]
	return []byte(strings.Join(lines, "")), true
}
