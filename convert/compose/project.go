package compose

import "github.com/compose-spec/compose-go/v2/types"

// Project is a Compose application: compose-go's merged model, and where every
// key of it was written.
type Project struct {
	*types.Project
	Origins *Origins
	// Variables are the variables that the files mention, in the order of the
	// files; one that stands in several places is there several times.
	Variables []Variable
	// Reach is what may be read of the files that the application names.
	Reach *Reach
	// shell is the environment without that of env files.
	shell environment
}

// FromShell reports whether a variable has its value from the environment of whoever
// converts, and not from an env file of the project.
func (p *Project) FromShell(name string) bool {
	_, ok := p.shell[name]
	return ok
}
