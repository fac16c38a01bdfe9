// Package compose loads Compose files: compose-go for the model, and the YAML
// nodes themselves for where every key came from.
//
// Start at [Load]. It reads the files once, keeps the origin of every key across
// overrides, include and extends, and lets compose-go merge them. compose-go
// stops at the first problem and knows no positions, so the checks are our own:
// syntax, schema, variables, references and cycles, each of which reports all
// that it finds. They are linear in the size of the files; the cycle check of
// compose-go, which is not, stays off.
//
// The package knows nothing of Kubernetes.
package compose
