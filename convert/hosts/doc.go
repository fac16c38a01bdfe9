// Package hosts finds the names of hosts in text that is written for programs:
// addresses, connection strings, command lines, and values of variables.
//
// A word such as db may be a host, a database, a user or a folder. [PlaceOf] says which,
// as far as the text around it does: begin there. [Renames.Rewrite] gives hosts other names
// where nothing but a host can stand, and [Pattern] is as much of it as a template of a
// chart can do.
//
// The package knows nothing of Compose and of Kubernetes, and reports nothing: whoever
// asks knows where a text comes from.
package hosts
