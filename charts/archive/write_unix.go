//go:build unix

package archive

import (
	"os"
	"syscall"
)

// giveAway gives a file to the owner and the group of another one.
func giveAway(f *os.File, other os.FileInfo) error {
	of, ok := other.Sys().(*syscall.Stat_t)
	if !ok {
		return os.ErrInvalid
	}
	return f.Chown(int(of.Uid), int(of.Gid))
}
