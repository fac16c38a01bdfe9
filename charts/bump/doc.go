// Package bump says which step of semantic versioning the difference between two
// charts asks for, and why.
//
// Start at [Propose]. What it knows is written down as tables of rules, one for
// each part of a chart (rules_*.go); the first rule that has something to say
// about a difference decides it, and the largest step wins. [Rules] lists them
// for people to read.
//
// The functions are pure: the charts are compared elsewhere.
package bump
