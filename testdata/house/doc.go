// Package house tests the shape of the source itself: which room may reach
// which, and that every package says what it is for.
//
// Lint holds the arrows for direct imports; the tests here hold them for what
// the imports bring along. A ban that stands in the way is moved together with
// ARCHITECTURE.md, never deleted quietly.
package house
