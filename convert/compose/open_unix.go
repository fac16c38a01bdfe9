//go:build unix

package compose

import "syscall"

// openFlags keep opening from waiting: a named pipe without a writer would hang
// for ever, and what it is can be asked only once it is open.
const openFlags = syscall.O_NONBLOCK
