// Package release installs charts on a cluster, upgrades them, rolls them back
// and takes them away again, and tells what is there.
//
// Start at [New]; a [Manager] has a method for each verb. Its records are
// exactly helm's, so the helm command goes on where gantry stopped and the other
// way round; values, hooks and the order of documents are helm's own packages,
// templates are charts/engine's.
//
// Every verb makes a [Plan] first: from the objects as they should be, as they
// are, and as the last revision left them, each step agreed to by the API server.
// Then an execution carries the plan out, wave by wave. What it needs of a cluster
// is a [Client], which knows nothing of releases.
package release
