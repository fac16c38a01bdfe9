package rules

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"gantry/charts/diag"
	"gantry/convert/compose"
)

// Limits of what becomes of files. maxConfigBytes is what the API server takes in
// all values of a ConfigMap or Secret; kubectl apply keeps a copy of the object in
// an annotation, which may hold maxAppliedBytes.
const (
	maxConfigBytes  = 1 << 20
	maxAppliedBytes = 256 << 10
	maxConfigFiles  = 64
	maxConfigDepth  = 8
)

// readFile reads a file whose content goes into an object.
func (a *app) readFile(name string) ([]byte, error) {
	return a.project.Reach.ReadFile(name, maxConfigBytes)
}

// unread reports a file whose content the Compose file asks for. One that is not
// there is left out, as many projects make some of their files when they are
// installed; what may not be read is refused.
func (a *app) unread(name string, err error, path diag.Path) {
	a.report(severityOf(err), a.unreadable(name, err), path)
}

// severityOf tells what is refused from what may come later.
func severityOf(err error) diag.Severity {
	for _, refused := range []error{compose.ErrOutside, compose.ErrNoFile, compose.ErrTooLarge} {
		if errors.Is(err, refused) {
			return diag.Error
		}
	}
	return diag.Warning
}

// unreadable says why a file could not be taken over, and what to do about it.
func (a *app) unreadable(name string, err error) finding {
	shown := a.shown(name)
	switch {
	case errors.Is(err, compose.ErrOutside):
		return finding{"file-outside", fmt.Sprintf("%s %v: it is not read", shown, compose.ErrOutside), "copy it into the project, or allow it with --allow-file " + name}
	case errors.Is(err, compose.ErrTooLarge):
		return finding{"file-too-large", shown + " " + tooLarge, "build it into the image, or put it on a volume"}
	case errors.Is(err, compose.ErrNoFile):
		return finding{"file-irregular", fmt.Sprintf("%s %v: it is not read", shown, err), "name a file with content"}
	case errors.Is(err, fs.ErrNotExist):
		return finding{"file-missing", shown + " does not exist" + leftOut, "create the file, or correct its path"}
	default:
		return finding{"file-unreadable", shown + " cannot be read" + leftOut, "make it readable, or correct its path"}
	}
}

// tooLarge is what is said of what is longer than maxConfigBytes.
const tooLarge = "has more than the 1 MiB that an object may hold"

// leftOut ends what is said of a file of which nothing is made.
const leftOut = ": it is left out"

// awaited is what is said of a file where an object that somebody has to create
// stands in for it.
func (f finding) awaited(kind, object string) string {
	return fmt.Sprintf("%s; the pod waits for the %s %s", strings.TrimSuffix(f.summary, leftOut), kind, object)
}

// readError is what is said of a file inside of a folder.
func readError(err error) error {
	if at, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("cannot be read: %w", at.Err)
	}
	return err
}
