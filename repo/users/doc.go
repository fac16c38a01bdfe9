// Package users keeps people and their passwords in a file, a line each, as the
// htpasswd of Apache writes it, with what each of them may do behind it.
//
// Start at [Open], which gives a server the users of a file and reads it again when it
// changes, and at [Parse] and [File], which change one. Passwords are kept as bcrypt and
// as nothing else. No error, and no line of a log, has a hash or a password in it.
//
// How many passwords may be compared at once, and who may guess how often, is the
// business of package server.
package users
