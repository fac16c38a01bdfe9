// Package live looks at a release as it runs, and reaches into it: its services
// and their pods, their logs, events and ports, commands in their containers,
// and how many of them there are.
//
// Start at [Open]. A [Service] is what a person calls one: the workload of a
// service of the Compose file, or any other workload of a chart. [App.Services]
// come from the release's record, the truth about them from the cluster.
//
// The package changes nothing of a release's record: what it scales or restarts is
// as the record says again after the next upgrade.
package live
