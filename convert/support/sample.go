package support

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:embed samples
var sampleFiles embed.FS

// Samples are Compose files that together use every attribute of Compose.
type Samples struct {
	docs []*yaml.Node
	// known are the paths of the schema.
	known map[string]bool
}

// Sample is a Compose file that uses one attribute.
type Sample struct {
	// Keys lead to the attribute in the file.
	Keys []string
	doc  *yaml.Node
}

// SampleFiles are the files of the samples, with those that they name.
func SampleFiles() fs.FS {
	files, err := fs.Sub(sampleFiles, "samples")
	if err != nil {
		return sampleFiles // never: the name is a constant that the compiler has seen
	}
	return files
}

// NewSamples reads the samples, for attributes that the entries know.
func NewSamples(entries []Entry) (*Samples, error) {
	s := &Samples{known: map[string]bool{}}
	for _, e := range entries {
		s.known[e.Path] = true
	}
	names, err := fs.Glob(SampleFiles(), "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(SampleFiles(), name)
		if err != nil {
			return nil, err
		}
		var doc yaml.Node
		if err := yaml.Unmarshal(text, &doc); err != nil {
			return nil, fmt.Errorf("sample %s: %w", name, err)
		}
		s.docs = append(s.docs, doc.Content[0])
	}
	return s, nil
}

// Of returns a sample of the attribute at a path, and whether there is one. Jobs
// and hooks take theirs from the services, with which they share most attributes.
func (s *Samples) Of(path string) (*Sample, bool) {
	pattern := strings.Split(path, ".")
	if sample, ok := s.find(pattern); ok {
		return sample, true
	}
	for _, home := range []struct {
		section string
		move    func(*Sample) *Sample
	}{
		{"jobs.*.", s.asJob},
		{"services.*.pre_start.[].", s.asHook},
	} {
		rest, ok := strings.CutPrefix(path, home.section)
		if !ok {
			continue
		}
		if sample, ok := s.find(append([]string{"services", "*"}, strings.Split(rest, ".")...)); ok {
			return home.move(sample), true
		}
	}
	return nil, false
}

func (s *Samples) find(pattern []string) (*Sample, bool) {
	for _, doc := range s.docs {
		if keys, ok := locate(doc, pattern); ok {
			return &Sample{Keys: keys, doc: doc}, true
		}
	}
	return nil, false
}

// locate returns the keys of the first value at a path of the schema.
func locate(n *yaml.Node, pattern []string) ([]string, bool) {
	if len(pattern) == 0 {
		return nil, true
	}
	for i, child := range children(n) {
		if pattern[0] != "*" && pattern[0] != "[]" && pattern[0] != child.key || (pattern[0] == "[]") != (n.Kind == yaml.SequenceNode) {
			continue
		}
		if keys, ok := locate(children(n)[i].value, pattern[1:]); ok {
			return append([]string{child.key}, keys...), true
		}
	}
	return nil, false
}

type child struct {
	key   string
	value *yaml.Node
}

// children returns what lies below a node: keys, or the numbers of items.
func children(n *yaml.Node) []child {
	var all []child
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			all = append(all, child{n.Content[i].Value, n.Content[i+1]})
		}
	case yaml.SequenceNode:
		for i, item := range n.Content {
			all = append(all, child{strconv.Itoa(i), item})
		}
	}
	return all
}

// get returns the value of a key, or nil.
func get(n *yaml.Node, key string) *yaml.Node {
	for _, c := range children(n) {
		if c.key == key {
			return c.value
		}
	}
	return nil
}

// asJob makes a job of the service of a sample.
func (s *Samples) asJob(sample *Sample) *Sample {
	name := sample.Keys[1]
	job := s.only(get(get(sample.doc, "services"), name), "jobs.*.")
	job.Content = append(job.Content, scalar("triggers"), mapping(scalar("manual"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"}))
	services := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range children(get(sample.doc, "services")) {
		if c.key != name {
			services.Content = append(services.Content, scalar(c.key), c.value)
		}
	}
	return &Sample{
		Keys: append([]string{"jobs", name}, sample.Keys[2:]...),
		doc:  replace(sample.doc, services, mapping(scalar(name), job)),
	}
}

// asHook makes a pre_start hook of the service of a sample.
func (s *Samples) asHook(sample *Sample) *Sample {
	name := sample.Keys[1]
	hook := s.only(get(get(sample.doc, "services"), name), "services.*.pre_start.[].")
	web := mapping(scalar("image"), scalar("registry.example.com/shop/web:1.4"), scalar("pre_start"), &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{hook}})
	services := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range children(get(sample.doc, "services")) {
		if c.key == name {
			c.value = web
		}
		services.Content = append(services.Content, scalar(c.key), c.value)
	}
	return &Sample{
		Keys: append([]string{"services", name, "pre_start", "0"}, sample.Keys[2:]...),
		doc:  replace(sample.doc, services, nil),
	}
}

// only returns a service with those keys alone that the schema has below a path.
func (s *Samples) only(service *yaml.Node, below string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, c := range children(service) {
		if s.known[below+c.key] {
			out.Content = append(out.Content, scalar(c.key), c.value)
		}
	}
	return out
}

// replace returns a document with other services and jobs.
func replace(doc, services, jobs *yaml.Node) *yaml.Node {
	out := mapping(scalar("services"), services)
	if jobs != nil {
		out.Content = append(out.Content, scalar("jobs"), jobs)
	}
	for _, c := range children(doc) {
		if c.key != "services" && c.key != "jobs" {
			out.Content = append(out.Content, scalar(c.key), c.value)
		}
	}
	return out
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

func mapping(content ...*yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.MappingNode, Content: content}
}

// File returns the whole Compose file.
func (s *Sample) File() (string, error) { return encode(s.doc) }

// Without returns the Compose file without the attribute.
func (s *Sample) Without() (string, error) { return encode(without(s.doc, s.Keys)) }

// without copies a node and leaves out what lies at a path.
func without(n *yaml.Node, keys []string) *yaml.Node {
	out := *n
	out.Content = nil
	for i, c := range children(n) {
		if c.key == keys[0] && len(keys) == 1 {
			continue
		}
		if c.key == keys[0] {
			c.value = without(c.value, keys[1:])
		}
		if n.Kind == yaml.MappingNode {
			out.Content = append(out.Content, n.Content[2*i])
		}
		out.Content = append(out.Content, c.value)
	}
	return &out
}

// fewKeys is how many keys a mapping may have to be shown whole.
const fewKeys = 8

// Example returns the part of the Compose file that has the attribute: the keys
// that lead there, and its neighbours where they belong together.
func (s *Sample) Example() (string, error) { return encode(excerpt(s.doc, s.Keys)) }

func excerpt(n *yaml.Node, keys []string) *yaml.Node {
	if len(keys) == 0 || n.Kind == yaml.SequenceNode || len(keys) == 1 && simple(n) {
		return n
	}
	return mapping(scalar(keys[0]), excerpt(get(n, keys[0]), keys[1:]))
}

// simple reports whether a mapping has few keys and only short values.
func simple(n *yaml.Node) bool {
	all := children(n)
	return len(all) <= fewKeys && !slices.ContainsFunc(all, func(c child) bool { return c.value.Kind == yaml.MappingNode })
}

// encode writes a node as YAML.
func encode(n *yaml.Node) (string, error) {
	var b strings.Builder
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(n); err != nil {
		return "", err
	}
	return b.String(), enc.Close()
}
