// Package deps puts the charts that a chart depends on into its folder charts/.
//
// Start at [Update], which chooses versions and writes Chart.lock, and at [Build],
// which fetches what Chart.lock says; [List] tells how things stand. Lock files are
// helm's, digest included, so that either tool goes on with what the other wrote.
//
// Where charts come from is a [Source], which the caller has. Nothing is written
// until everything is there: charts/ is replaced as a whole, or stays as it was.
package deps
