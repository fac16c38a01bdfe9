// Package diag describes problems in files that a person wrote.
//
// A [Diagnostic] says what is wrong, where (file, line and column), why, and
// what to type instead. Functions that can find several problems return a
// [List] of all of them; [List.Err] turns a list into an error only at the edge
// of the program.
//
// The package is a leaf: it imports no other room, so every room can report in
// the same words.
package diag
