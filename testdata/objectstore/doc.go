// Package objectstore starts a real S3 server for tests: versitygw, which make
// builds from source into bin/tools.
//
// Start at [Start]. The server keeps its objects in a folder of the test and
// ends with it.
package objectstore
