package bump

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// ChangesAnnotation is where Chart.yaml lists what a version changes, as Artifact
// Hub shows it.
const ChangesAnnotation = "artifacthub.io/changes"

// maxChanges is how many changes are listed at most: the annotation is read by
// people.
const maxChanges = 50

// Changes writes the reasons as Artifact Hub's list of changes.
func (p Proposal) Changes() (string, error) {
	type change struct {
		Kind        string `yaml:"kind"`
		Description string `yaml:"description"`
	}
	var list []change
	for _, r := range p.Reasons[:min(len(p.Reasons), maxChanges)] {
		list = append(list, change{string(r.Kind), upperFirst(r.Text)})
	}
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(list); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}

func upperFirst(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:]
}
