// Package manifest turns the neutral model of an application into Kubernetes
// objects, and objects into YAML.
//
// Start at [Build], which returns the objects in the order in which they are
// applied, and [Write], which prints them. The package decides nothing: which
// kind of workload, which port is public and which file is a secret was decided
// by the rules.
package manifest
