// Package podsecurity tells which pods a namespace that enforces a Pod Security
// level would refuse, and why.
//
// The checks are those of the API server's own admission plugin. Start at
// [Check]. The package changes no object: what an image needs, nobody here knows.
package podsecurity
