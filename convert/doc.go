// Package convert turns a Docker Compose application into Kubernetes objects.
//
// [Convert] is the pipeline, in reading order: load and merge the Compose files
// (compose), decide what becomes of every key (rules, which fills the model in
// workload), and build the objects (manifest). The sub-package helm turns the
// result into a chart, kustomize several results into a base and overlays, and bake
// writes down what must be built.
// Nothing flows back, and nothing reaches a cluster. What image registries know
// comes through a function of the options, which registry fills when the user
// asks for it.
package convert
