// Package faultystore makes a store fail as networks and services do: requests that
// never arrive, answers that get lost after the work was done, answers that break off
// in the middle, and slow ones.
//
// Start at [New]. What fails is drawn from a seed, so that a run can be had again as far
// as the order of operations is the same.
package faultystore
