// Package charts holds the nouns that the rooms around it share: the files of a
// chart, and which names mean secrets. It has no verbs: sub-packages read, render, check
// and release charts.
package charts
