// Package schema says in plain words where a value breaks a JSON schema.
//
// Start at [Problems]: it takes what the schema library found, keeps the errors
// that say something, and names for each the path, a stable code, one sentence
// and what to write instead. The caller knows the files, and so the positions.
package schema
