package compose

import (
	"iter"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// Project is a Compose application: compose-go's merged model, and the origin
// of every key.
type Project struct {
	*types.Project
	Origins *Origins
	// Variables lists the variables whose values came from the environment or an
	// env file and now stand in the model.
	Variables []Variable
}

// Variable is a ${VARIABLE} of a Compose file.
type Variable struct {
	Name  string
	Value string
	Path  diag.Path // the key whose value mentions it
}

// Origins knows where every key of the merged project was written, across
// several files, include and extends.
type Origins struct {
	keys []Key
}

// Key is one key (or list item) that a person wrote, by its path in the merged
// project.
type Key struct {
	Path diag.Path
	Pos  diag.Pos
	// Leaf tells that the value is a scalar or empty, so that nothing lies below.
	Leaf bool
}

// At returns the position of a key of the merged project: of the latest file
// that set it, or else of its nearest parent that somebody wrote.
func (o *Origins) At(path ...string) diag.Pos { return diag.Pos{} }

// Keys returns every key that a person wrote, in the order of the files.
func (o *Origins) Keys() iter.Seq[Key] { return func(func(Key) bool) {} }
