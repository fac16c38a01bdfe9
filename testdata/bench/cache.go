package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// forget takes a file out of the cache of the operating system. A process is charged
// with the parts of its binary that lie beside those it needs, as the cache holds
// them: by a third more of one that was just written than of one that was read.
func forget(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if err == nil {
		err = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("take %s out of the cache: %w", name, err)
	}
	return nil
}
