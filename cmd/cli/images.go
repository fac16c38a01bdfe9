package cli

import (
	"errors"
	"fmt"
	"slices"

	"gantry/charts/diag"
	"gantry/convert/rules"
)

// lookUpImages lets a conversion ask the registries, if the user wants it.
func (a *app) lookUpImages(o *sourceOptions, opts *rules.Options) {
	if !o.images.Pin && !o.images.Inspect {
		return
	}
	opts.PinDigests, opts.LookUp = o.images.Pin, o.images.LookUp
	if isTerminal(a.Err) {
		o.images.Progress = a.imageProgress
	}
}

// imageProgress keeps one line of a terminal up to date, and takes it away at the
// end.
func (a *app) imageProgress(done, total int) {
	fmt.Fprintf(a.Err, "\r\x1b[Kasking the registries: %d of %s", done, countOf(total, "image"))
	if done == total {
		fmt.Fprint(a.Err, "\r\x1b[K")
	}
}

// explainImages says how to go on without the registries, of a conversion that
// failed for want of them alone.
func explainImages(err error) error {
	found, ok := errors.AsType[*diag.Errors](err)
	if !ok {
		return err
	}
	codes := map[string]bool{}
	for _, d := range found.List {
		if d.Severity == diag.Error {
			codes[d.Code] = true
		}
	}
	asked := []string{rules.CodeImageUnreachable, rules.CodeImageDenied, rules.CodeImageNotFound, rules.CodeImageName}
	for code := range codes {
		if !slices.Contains(asked, code) {
			return err
		}
	}
	err = withHint(err, "without --pin-digests, images keep their tags")
	if len(codes) == 1 && codes[rules.CodeImageUnreachable] {
		return unreachableError(err)
	}
	return err
}
