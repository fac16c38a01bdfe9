// Package workload is the model between Compose and Kubernetes: what runs, what
// it keeps on disk, what it is configured with, and how it is reached.
//
// The rules fill an [App]; the manifest package turns it into objects and never
// decides anything itself. Where Compose and Kubernetes mean the same thing the
// model holds the Kubernetes type (a container, a pod template); where a
// decision lies between them it has a noun of its own (a [Claim], an
// [Endpoint], a [Route]). ADR 0001 of the convert room says why.
package workload
