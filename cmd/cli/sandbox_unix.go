//go:build unix

package cli

import (
	"os"
	"syscall"
)

// lockHolder asks the kernel which process holds a record lock on a file.
func lockHolder(lock *os.File) (pid int, held bool, err error) {
	probe := syscall.Flock_t{Type: syscall.F_RDLCK}
	if err := syscall.FcntlFlock(lock.Fd(), syscall.F_GETLK, &probe); err != nil {
		return 0, false, err
	}
	return int(probe.Pid), probe.Type != syscall.F_UNLCK, nil
}

// ownSession keeps the signals of the terminal from a process.
func ownSession() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
