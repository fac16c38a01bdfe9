//go:build !unix

package compose

// openFlags are none: opening does not wait here.
const openFlags = 0
