// Package store keeps the records of releases where helm keeps them, as helm
// writes them: a Secret or a ConfigMap for each revision, or in memory.
//
// Start at [Open]. Beside a Secret stands what a listing shows of it, so that a
// thousand releases are listed without reading what they hold. helm's SQL
// driver is left out: nothing here could be tested without a database.
package store
