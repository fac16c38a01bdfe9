package helm

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"gantry/charts"
	"gantry/convert/manifest"
	"gantry/convert/workload"
)

// configRef says what the chart does with a ConfigMap.
type configRef struct {
	// path is its template, below templates/.
	path string
	// variables tells that all its keys become environment variables.
	variables bool
}

// findConfigs lists the ConfigMaps of the chart.
func (b *builder) findConfigs() map[string]*configRef {
	configs, used := map[string]*configRef{}, map[string]bool{}
	for _, o := range b.objects {
		if o.Kind() == "ConfigMap" {
			configs[o.GetName()] = &configRef{path: "/" + b.path(o), variables: true}
		}
	}
	for _, o := range b.objects {
		for _, u := range podUses(podOf(o)) {
			if c := configs[u.name]; c != nil && u.kind == "ConfigMap" {
				used[u.name] = true
				c.variables = c.variables && u.variables
			}
		}
	}
	for name, c := range configs {
		c.variables = c.variables && used[name]
	}
	return configs
}

// configMap draws a ConfigMap. Variables become values. Short text stays in the
// template; the rest becomes files of the chart, which Helm reads as they are.
func (s *sheet) configMap() {
	if s.configs[s.object.GetName()].variables {
		s.envFile()
		return
	}
	data := s.tree.Get("data")
	var files []string
	taken := map[string]bool{}
	if data != nil {
		kept := data.Fields[:0]
		for _, f := range data.Fields {
			if s.variables.in(f.Value) {
				kept = append(kept, manifest.Field{Key: f.Key, Value: s.variableFile(f)})
				continue
			}
			if isShort(f.Value.Value) || taken[strings.ToLower(f.Key)] {
				kept = append(kept, f)
				continue
			}
			taken[strings.ToLower(f.Key)] = true
			files = append(files, f.Value.Value)
			s.file(s.filesDir()+f.Key, []byte(f.Value.Value))
		}
		data.Fields = kept
	}
	if len(files) > 0 {
		data.Fields = append(data.Fields, manifest.Field{Value: insert(fmt.Sprintf("(.Files.Glob %q).AsConfig", s.filesDir()+"*"))})
	}
	s.binaryData()
	if slices.ContainsFunc(files, func(text string) bool { return strings.HasSuffix(text, "\n\n") }) {
		// Helm trims what it renders, and with it the empty lines at the end of the
		// last file.
		s.tree.Fields = append(s.tree.Fields, manifest.Line("\"\\n# Keeps the empty lines above.\""))
	}
}

// variableFile moves text that refers to variables into a file of the chart, whose
// references are replaced where it is read. A line stays where it is.
func (s *sheet) variableFile(f manifest.Field) *manifest.Node {
	// No ConfigMap has an underscore in its name.
	name := strings.TrimSuffix(s.filesDir(), "/") + "_variables/" + f.Key
	if !strings.Contains(f.Value.Value, "\n") || s.holdsFile(name) {
		return f.Value
	}
	s.file(name, []byte(f.Value.Value))
	return expr(s.include("string", fmt.Sprintf("(list $ (.Files.Get %q) false)", name)))
}

// holdsFile reports whether the chart has a file of a name, or one that a disk
// takes for the same.
func (b *builder) holdsFile(name string) bool {
	return slices.ContainsFunc(b.files, func(o charts.File) bool { return strings.EqualFold(o.Name, name) })
}

func (s *sheet) filesDir() string { return "files/" + s.object.GetName() + "/" }

// Text is kept in the template up to this size: a screenful.
const (
	maxInlineLines = 30
	maxInlineBytes = 2048
)

// isShort reports whether text is best kept in the template.
func isShort(s string) bool {
	if lossy(s) {
		return true // which only the template can escape
	}
	trimmed := strings.TrimSuffix(s, "\n")
	return len(s) <= maxInlineBytes && strings.Count(s, "\n") <= maxInlineLines && !strings.Contains(s, "{{") &&
		strings.TrimRightFunc(trimmed, unicode.IsSpace) == trimmed && !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
}

// binaryData moves what is not text into files of the chart.
func (s *sheet) binaryData() {
	binary := s.tree.Get("binaryData")
	if binary == nil {
		return
	}
	for i, f := range binary.Fields {
		content, err := base64.StdEncoding.DecodeString(f.Value.Value)
		if err != nil {
			continue // it cannot be: encoding/json wrote it
		}
		// No ConfigMap has an underscore in its name.
		name := strings.TrimSuffix(s.filesDir(), "/") + "_binary/" + f.Key
		if s.holdsFile(name) {
			continue
		}
		s.file(name, content)
		binary.Fields[i].Value = expr(fmt.Sprintf(".Files.Get %q | b64enc | quote", name))
	}
}

// envFile draws the ConfigMap of an env_file.
func (s *sheet) envFile() {
	at, key := s.at, "envFile"
	name, folder := s.object.GetName(), s.object.GetLabels()[workload.LabelName]
	switch {
	case s.object.Service == "":
		at, key = s.root.group("config", "Environment variables that services share"), camelCase(name)
	case name != folder+"-env":
		key = camelCase("env-file-" + strings.TrimPrefix(name, folder+"-"))
	}
	ref := at.add(at.free(key), "Environment variables of the env files, in ConfigMap "+name+"; env comes before them", s.tree.Get("data"), mapOf(scalar()))
	s.tree.Set("data", manifest.Wrap(
		manifest.Line("with "+ref), manifest.Field{Key: "data", Value: insert(s.texts("strings", s.tree.Get("data")))}, manifest.Line("end"),
	))
}
