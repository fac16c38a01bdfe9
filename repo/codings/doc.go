// Package codings reads in which compressed forms a client takes an answer.
package codings
