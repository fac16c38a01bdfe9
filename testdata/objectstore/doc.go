// Package objectstore starts real object stores for tests: versitygw, which is an S3
// server, and fake-gcs-server, which stands in for Google Cloud Storage. make builds
// them from source into bin/tools.
//
// Start at [Start] and [StartGoogle]. A server ends with its test.
package objectstore
