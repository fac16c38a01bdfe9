// Package release installs charts on a cluster, upgrades them, rolls them back
// and takes them away again, and tells what is there.
//
// Start at [New]; a [Manager] has a method for each verb. Its records are
// exactly helm's, so the helm command goes on where gantry stopped and the other
// way round.
//
// For now the order of steps is helm's own: the Manager drives helm's action
// package. Nothing of that package shows in this one's API, so that an executor
// of our own can take its place. What helm cannot do itself happens at the
// boundaries it leaves open: the [Cluster] applies objects, waits, and explains.
package release
