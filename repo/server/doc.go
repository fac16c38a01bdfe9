// Package server publishes a chart repository over HTTP: Helm's index.yaml and
// archives, the API of ChartMuseum for uploads, and an OCI registry (oci.go).
//
// Start at [New]; the routes are one table in routes.go. An upload is spooled and
// inspected (spool.go, inspect.go), its content is stored under its digest, and
// then the record of its chart is replaced by a conditional write (catalog.go).
// Only that last step makes it visible, so an upload that was acknowledged is
// never lost and one that was not is never half there.
//
// The index is made of one immutable segment per chart (segment.go), put together
// when somebody asks (snapshot.go). An upload encodes one segment anew; readers
// and writers share no lock.
//
// The package must not reach Kubernetes, and it keeps no state of its own but for
// what [Server.Flush] writes down: all of it can be read again from the store.
package server
