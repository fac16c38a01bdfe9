//go:build !unix

package cli

import (
	"errors"
	"os"
	"syscall"
)

// lockHolder fails: the sandbox is for systems with record locks and sessions.
func lockHolder(*os.File) (pid int, held bool, err error) {
	return 0, false, errors.ErrUnsupported
}

func ownSession() *syscall.SysProcAttr { return nil }
