// Package screen keeps some lines at the end of a terminal up to date, below
// whatever else is printed.
//
// Start at [New]. What is drawn fits the terminal, whose size is asked each time,
// and is written at once, so that nothing flickers. [Screen.Close] takes it away and
// leaves the terminal as it was; who draws must call it however things end.
//
// Libraries for whole programs at a terminal take over its input and its signals,
// and bring dozens of packages along; a few lines that are drawn again need neither.
package screen
