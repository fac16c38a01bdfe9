// Package compose loads Compose files: compose-go for the model, and the YAML
// nodes themselves for where every key came from.
//
// Start at [Load]. It reports all the problems of the files at once, each with
// its file, line and column. The package knows nothing of Kubernetes.
package compose
