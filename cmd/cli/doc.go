// Package cli is the command line of Gantry: one file for each command, and the
// few things that all commands share (exit codes, hints, rendering).
//
// Start at [Run]. A command is a function newX(app) that binds flags to an
// options struct, and a function runX(ctx, opts) that does the work and never
// sees cobra. Commands hold no logic worth a unit test; that lives in the rooms.
//
// Results go to standard output, everything else to standard error.
package cli
