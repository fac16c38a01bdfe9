package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// stop maps stop_grace_period and stop_signal.
func (u *unit) stop() {
	if d := u.in.StopGracePeriod; d != nil {
		u.pod().TerminationGracePeriodSeconds = new(ceilSeconds(*d))
	}
	u.stopSignal()
}

// stopSignal gives the container its own signal, where the user says that the
// clusters have the alpha feature for it: others drop the field without a word.
func (u *unit) stopSignal() {
	const key = "stop_signal"
	name := u.in.StopSignal
	if name == "" {
		return
	}
	signal, known := signalOf(name)
	switch {
	case known && signal == corev1.SIGTERM:
		u.note(finding{code: "stop-signal", summary: "is what containers get, unless their image has another STOPSIGNAL"}, key)
	case u.isHook() || u.seat().role == initial:
		u.warn(finding{code: "stop-signal", summary: "has no counterpart for what runs to completion before others start"}, key)
	case !known:
		u.warn(finding{code: "stop-signal", summary: fmt.Sprintf("%q is no signal of Linux: it is left out", name)}, key)
	case !u.opts.StopSignals:
		u.warn(finding{
			code:    "stop-signal",
			summary: "is left out: Kubernetes takes it only where the alpha feature ContainerStopSignals is on",
			hint:    fmt.Sprintf("set STOPSIGNAL %s in the image; or pass --stop-signals, if your clusters have the feature", signal),
		}, key)
	case u.needs(stopSignals, key):
		u.lifecycle().StopSignal = &signal
		u.pod().OS = &corev1.PodOS{Name: corev1.Linux} // without which the API server refuses the signal
	}
}

// lifecycle returns the container's lifecycle, made when needed.
func (u *unit) lifecycle() *corev1.Lifecycle {
	if u.container.Lifecycle == nil {
		u.container.Lifecycle = &corev1.Lifecycle{}
	}
	return u.container.Lifecycle
}

// signalOf returns a signal of Linux by its name, with or without SIG, or by its
// number, as Docker takes it.
func signalOf(s string) (corev1.Signal, bool) {
	if n, err := strconv.Atoi(s); err == nil {
		if n < 1 || n > len(numberedSignals()) {
			return "", false
		}
		return numberedSignals()[n-1], true
	}
	signal := corev1.Signal("SIG" + strings.TrimPrefix(strings.ToUpper(s), "SIG"))
	return signal, slices.Contains(numberedSignals(), signal) || slices.Contains([]corev1.Signal{corev1.SIGCLD, corev1.SIGIOT, corev1.SIGPOLL}, signal) || isRealTime(signal)
}

// numberedSignals are the signals of Linux on common processors, from 1 on.
// (signal(7))
func numberedSignals() []corev1.Signal {
	return []corev1.Signal{
		corev1.SIGHUP, corev1.SIGINT, corev1.SIGQUIT, corev1.SIGILL, corev1.SIGTRAP, corev1.SIGABRT, corev1.SIGBUS, corev1.SIGFPE,
		corev1.SIGKILL, corev1.SIGUSR1, corev1.SIGSEGV, corev1.SIGUSR2, corev1.SIGPIPE, corev1.SIGALRM, corev1.SIGTERM, corev1.SIGSTKFLT,
		corev1.SIGCHLD, corev1.SIGCONT, corev1.SIGSTOP, corev1.SIGTSTP, corev1.SIGTTIN, corev1.SIGTTOU, corev1.SIGURG, corev1.SIGXCPU,
		corev1.SIGXFSZ, corev1.SIGVTALRM, corev1.SIGPROF, corev1.SIGWINCH, corev1.SIGIO, corev1.SIGPWR, corev1.SIGSYS,
	}
}

// isRealTime reports whether a signal is SIGRTMIN, SIGRTMAX or one between them,
// written as Kubernetes knows it.
func isRealTime(s corev1.Signal) bool {
	if s == corev1.SIGRTMIN || s == corev1.SIGRTMAX {
		return true
	}
	if n, ok := strings.CutPrefix(string(s), "SIGRTMIN+"); ok {
		return isOffset(n, 15)
	}
	n, ok := strings.CutPrefix(string(s), "SIGRTMAX-")
	return ok && isOffset(n, 14)
}

// isOffset reports whether a text is a number from 1 to a limit, as it is printed.
func isOffset(s string, limit int) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 1 && n <= limit && strconv.Itoa(n) == s
}
