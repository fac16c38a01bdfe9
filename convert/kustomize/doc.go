// Package kustomize writes an application and its variations as a folder for
// kustomize and kubectl apply -k: a base, and an overlay for each variation.
//
//	base/kustomization.yaml
//	base/web-deployment.yaml
//	overlays/prod/kustomization.yaml
//	overlays/prod/web-deployment.patch.yaml
//	overlays/prod/cache-deployment.yaml
//
// [Files] is the entry point. An overlay is drawn from what a conversion made of
// its combination of files and profiles: objects that the base lacks are files of
// the overlay, and a patch says what differs in the others or that they are gone.
// Building the overlay gives these objects again. Only the order of what
// Kubernetes itself takes for a mapping, such as the variables of a container,
// may be another.
//
// Patches are strategic merges where kustomize merges as Kubernetes does, and
// JSON patches where it does not. The package knows nothing of Compose, and
// kustomize is part of its tests only.
package kustomize
