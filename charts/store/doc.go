// Package store keeps the records of releases where helm keeps them, as helm
// writes them: a Secret or a ConfigMap for each revision, or in memory.
package store
