// Package blob is where the bytes of a chart repository lie.
//
// Start at [Store]: a handful of operations on named objects. The contract is
// the conditional write: [Store.PutIfAbsent] and [Store.PutIfMatch] decide every
// race between writers, so nothing above this package needs a lock, a database
// or a leader. [Directory] keeps objects as files and survives a power cut;
// [Bucket] keeps them in S3 or Google Cloud Storage, for any number of servers;
// [Memory] is for tests and trials. All pass one suite.
//
// The package knows nothing of charts.
package blob
