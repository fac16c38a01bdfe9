// Package rules decides what becomes of every Compose attribute.
//
// Start at [Apply]: it builds one workload for each service and job by calling
// the rules in a fixed order, then decides what only the whole application
// tells (names, shared storage, aliases). A rule reads one attribute or one
// section of Compose, changes the model, and reports what the user must know.
//
// [Table] is the support table: one row for every attribute path of the Compose
// schema. It answers for what no rule converts, so that nothing disappears: a
// key that is ignored, approximated or not supported yet is reported with the
// sentence of its row and the position of the key.
//
// The package must not read the environment, the clock or the network. Files
// that Compose refers to are read through [compose.Reach].
package rules
