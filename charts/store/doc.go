// Package store keeps the records of releases where helm keeps them, as helm
// writes them: a Secret or a ConfigMap for each revision, a row of a PostgreSQL
// database, or in memory.
//
// Start at [Open]. Beside a Secret stands what a listing shows of it, so that a
// thousand releases are listed without reading what they hold; and what is more
// than a Secret holds is in further ones, of which helm knows nothing.
package store
