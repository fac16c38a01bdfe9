// Package mirror copies charts from one repository to another: over the network
// from an upstream, or by a file where there is no network.
//
// Start at [Sync], [Export] and [Import]; [Through] lets a server fetch what is asked for. What arrives passes the gates of every
// upload, a published version is not replaced, and what is there already is not
// fetched again, so that a copy which broke off goes on where it was.
//
// The package decides what is copied and knows nothing of how: that is the
// business of packages client and server.
package mirror
