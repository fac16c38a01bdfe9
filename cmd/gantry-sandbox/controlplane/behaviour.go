package controlplane

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// prefix is that of the annotations; doc.go says what they do.
const prefix = "sandbox.gantry.dev/"

const (
	annotationRunFor           = prefix + "run-for"
	annotationExitCode         = prefix + "exit-code"
	annotationCrashLoop        = prefix + "crash-loop"
	annotationReadyAfter       = prefix + "ready-after"
	annotationNotReady         = prefix + "not-ready"
	annotationImagePullFailure = prefix + "image-pull-failure"
	annotationLog              = prefix + "log"
	annotationLogEvery         = prefix + "log-every"
)

// runFor is how long containers run that may end.
const runFor = 200 * time.Millisecond

// behaviour is how the containers of a pod behave.
type behaviour struct {
	runFor, readyAfter, logEvery          time.Duration
	exitCode                              int32
	crashLoop, notReady, imagePullFailure bool
}

// behaviourOf reads annotations. What can't be read has no effect, and is in the
// error.
func behaviourOf(annotations map[string]string) (behaviour, error) {
	b := behaviour{runFor: runFor}
	_, hasCode := annotations[annotationExitCode]
	err := errors.Join(
		read(annotations, annotationRunFor, parseDuration, &b.runFor),
		read(annotations, annotationReadyAfter, parseDuration, &b.readyAfter),
		read(annotations, annotationLogEvery, parseDuration, &b.logEvery),
		read(annotations, annotationExitCode, parseExitCode, &b.exitCode),
		read(annotations, annotationCrashLoop, strconv.ParseBool, &b.crashLoop),
		read(annotations, annotationNotReady, strconv.ParseBool, &b.notReady),
		read(annotations, annotationImagePullFailure, strconv.ParseBool, &b.imagePullFailure),
	)
	if b.crashLoop && !hasCode {
		b.exitCode = 1
	}
	return b, err
}

// read sets what an annotation says, if it is there.
func read[T any](annotations map[string]string, key string, parse func(string) (T, error), to *T) error {
	text, ok := annotations[key]
	if !ok {
		return nil
	}
	v, err := parse(text)
	if err != nil {
		return fmt.Errorf("annotation %s: %w", key, err)
	}
	*to = v
	return nil
}

func parseDuration(s string) (time.Duration, error) {
	if seconds, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(seconds, 'f', -1, 64) + "s"
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("%q is negative", s)
	}
	return d, err
}

func parseExitCode(s string) (int32, error) {
	n, err := strconv.ParseUint(s, 10, 8)
	return int32(n), err
}
