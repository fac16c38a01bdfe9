package compose

import (
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// compose-go would parse each file twice more, once for the project's name alone.
// What it needs is in the nodes already.

// nameFrom takes the name that the files give the project, unless somebody chose
// one. The last file wins.
func (in *input) nameFrom(t *trail, files []*file) {
	if in.given {
		return
	}
	quiet := t.quiet() // record has reported the variables
	text := ""
	for _, f := range files {
		for _, doc := range f.docs {
			if _, n := find(doc, "name", 0); !empty(resolve(n)) {
				text = quiet.fill(scope{file: f, dir: in.dir, env: in.env}, resolve(n), diag.Path{"name"})
			}
		}
	}
	in.name = orDefault(loader.NormalizeProjectName(text), in.name)
}

func empty(n *yaml.Node) bool { return n == nil || n.Value == "" || n.Tag == "!!null" }

// config returns the file in the form in which compose-go reads it in the least
// time.
func (f *file) config() types.ConfigFile {
	c := types.ConfigFile{Filename: f.path, Content: f.data}
	if len(f.docs) != 1 || !untagged(f.docs[0]) {
		return c
	}
	var decoded map[string]any
	if f.docs[0].Decode(&decoded) == nil {
		c.Config = decoded
	}
	return c
}

// untagged reports whether a value means the same once it is decoded. compose-go
// follows !reset and !override, and aliases to what has them, in the text.
func untagged(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode || n.Tag == "!!merge" || !strings.HasPrefix(n.Tag, "!!") {
		return false
	}
	for _, child := range n.Content {
		if !untagged(child) {
			return false
		}
	}
	return true
}
