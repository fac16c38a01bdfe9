package compose

import "io"

// Source says which Compose files to read and with which variables.
type Source struct {
	// Files are the Compose files in the order in which they override each
	// other; "-" reads Stdin. Empty means the usual names (compose.yaml,
	// compose.yml, docker-compose.yml, docker-compose.yaml and their .override)
	// in Dir and then its parents.
	Files []string
	// Dir is the project directory, against which relative paths count. Empty
	// means the folder of the first file.
	Dir string
	// WorkingDir is where relative Files and Dir start. Empty means the
	// process's.
	WorkingDir string
	// EnvFiles replace the project's .env file.
	EnvFiles []string
	// Allow are folders and files outside of the application that it may read.
	Allow []string
	// Profiles are the active profiles; "*" activates all.
	Profiles []string
	// Name overrides the project's name.
	Name string
	// Environ is the environment that fills variables, as KEY=value strings; it
	// wins over EnvFiles.
	Environ []string
	// Stdin is read for the file "-".
	Stdin io.Reader
	// Seen is told of every Compose file as it is read, whatever is wrong with it.
	// It may be nil.
	Seen func(File)
}

// File is the text of a Compose file.
type File struct {
	// Name is what positions call the file.
	Name string
	// Data is without a byte order mark, which columns do not count.
	Data []byte
}
