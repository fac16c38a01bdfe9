// Package pattern has the regular expressions of a package compiled when they are first
// used: those of all packages together, compiled at each start of each command, took as
// long as rendering a small chart.
package pattern
