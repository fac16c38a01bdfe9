// Package objectstore starts real object stores for tests: versitygw, which is an S3
// server, fake-gcs-server, which stands in for Google Cloud Storage, and Azurite, which
// stands in for Azure Blob Storage. make builds the first two from source into bin/tools;
// make azure fetches the third one by npm.
//
// Start at [Start], [StartGoogle] and [StartAzure]. A server ends with its test.
package objectstore
