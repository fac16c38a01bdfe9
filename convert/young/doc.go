// Package young knows the fields of Kubernetes objects that not all clusters take for
// which objects can be made.
//
// Start at [Fields], the table. x-kubernetes and patches, which say things in
// Kubernetes' own words, are held against it.
package young
