package report

import (
	"bytes"
	"strings"

	"gantry/charts"
	"gantry/convert/manifest"
)

// object returns an object as YAML with its secrets hidden.
func (m *mask) object(o manifest.Object) (string, error) {
	n, err := o.Node()
	if err != nil {
		return "", err
	}
	switch o.Kind() {
	case "Secret":
		for _, key := range []string{"data", "stringData"} {
			if values := n.Get(key); values != nil {
				for i := range values.Fields {
					values.Fields[i].Value = manifest.Text(hidden)
				}
			}
		}
	case "ConfigMap":
		m.fields(n.Get("data"))
	default:
	}
	for _, path := range [][]string{{"metadata", "annotations"}, {"spec", "template", "metadata", "annotations"}} {
		m.fields(n.Get(path...))
	}
	m.node(n)
	var b bytes.Buffer
	err = manifest.Encode(&b, n)
	return b.String(), err
}

// fields hides the values of a mapping whose names say that they are secret.
func (m *mask) fields(n *manifest.Node) {
	if n == nil {
		return
	}
	for _, f := range n.Fields {
		if f.Value.Kind == manifest.String && charts.IsSecretName(f.Key) && !isPublic(f.Value.Value) {
			f.Value.Value = hidden
		}
	}
}

// node hides what looks secret in all texts of a tree: in variables by their
// name, elsewhere by what stands in them.
func (m *mask) node(n *manifest.Node) {
	if name, value := n.Get("name"), n.Get("value"); name != nil && value != nil && charts.IsSecretName(name.Value) && !isPublic(value.Value) {
		value.Value = hidden
	}
	if n.Kind == manifest.String {
		if strings.Contains(n.Value, "\n") {
			n.Value = m.block(n.Value)
		} else {
			n.Value = m.text(n.Value)
		}
	}
	for _, f := range n.Fields {
		m.node(f.Value)
	}
	secret := false
	for _, item := range n.Items {
		if secret && item.Kind == manifest.String && !strings.HasPrefix(item.Value, "-") {
			item.Value = hidden
		}
		secret = item.Kind == manifest.String && bareFlag().MatchString("- "+item.Value)
		m.node(item)
	}
}

// block hides what looks secret in a text of several lines, and keeps its last
// line break.
func (m *mask) block(text string) string {
	masked := strings.Join(m.lines(splitLines(text)), "\n")
	if strings.HasSuffix(text, "\n") {
		masked += "\n"
	}
	return masked
}
