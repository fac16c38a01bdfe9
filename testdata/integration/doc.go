// Package integration tests against a real API server: the sandbox, which runs as
// a child process for as long as the tests do.
//
// A test asks for its place in the cluster with newPlace, applies objects there,
// and waits for what must become of them with until. Every test has a namespace
// of its own, so that all may run side by side.
//
//	make build && go test ./testdata/integration
package integration
