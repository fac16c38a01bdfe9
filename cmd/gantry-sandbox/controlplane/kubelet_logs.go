package controlplane

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// logTick is how often a log that is followed is looked at.
const logTick = 50 * time.Millisecond

// minLogEvery keeps logs from becoming longer than anybody wants to read.
const minLogEvery = 50 * time.Millisecond

// logRequest is what the API server asks about a log.
type logRequest struct {
	follow, previous, timestamps bool
	tail                         int
	since                        time.Time
}

func readLogRequest(query url.Values, now time.Time) (logRequest, error) {
	r := logRequest{tail: -1, follow: query.Get("follow") == "true", previous: query.Get("previous") == "true", timestamps: query.Get("timestamps") == "true"}
	if text := query.Get("tailLines"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return r, fmt.Errorf("tailLines: %w", err)
		}
		r.tail = n
	}
	if text := query.Get("sinceSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			return r, fmt.Errorf("sinceSeconds: %w", err)
		}
		r.since = now.Add(-time.Duration(n) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" {
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return r, fmt.Errorf("sinceTime: %w", err)
		}
		r.since = t
	}
	return r, nil
}

// containerRun is one life of a container, from a start to an end.
type containerRun struct {
	// began and ended are when; ended is zero while it goes on.
	began, ended time.Time
	restarts     int32
}

// runOf returns the current or last run of a container, or the one before.
func runOf(s *corev1.ContainerStatus, previous bool) (containerRun, bool) {
	over := func(t *corev1.ContainerStateTerminated, restarts int32) (containerRun, bool) {
		if t == nil {
			return containerRun{}, false
		}
		return containerRun{began: t.StartedAt.Time, ended: t.FinishedAt.Time, restarts: restarts}, true
	}
	switch {
	case s == nil:
		return containerRun{}, false
	case previous:
		return over(s.LastTerminationState.Terminated, s.RestartCount-1)
	case s.State.Running != nil:
		return containerRun{began: s.State.Running.StartedAt.Time, restarts: s.RestartCount}, true
	case s.State.Terminated != nil:
		return over(s.State.Terminated, s.RestartCount)
	default:
		return over(s.LastTerminationState.Terminated, s.RestartCount-1)
	}
}

// logLine is a line of a log.
type logLine struct {
	at   time.Time
	text string
}

// logOf returns what a run has written until now. It says the same again where an
// annotation wants it from time to time.
func logOf(pod *corev1.Pod, name string, run containerRun, now time.Time) []logLine {
	text, given := pod.Annotations[annotationLog]
	if !given {
		text = fmt.Sprintf("container %s of pod %s/%s does not really run: this is a sandbox", name, pod.Namespace, pod.Name)
		if run.restarts > 0 {
			text += fmt.Sprintf(" (restart %d)", run.restarts)
		}
	}
	var lines []logLine
	for i, line := range strings.Split(text, "\n") {
		lines = append(lines, logLine{run.began.Add(time.Duration(i) * time.Microsecond), line})
	}
	b, _ := behaviourOf(pod.Annotations)
	if b.logEvery <= 0 {
		return lines
	}
	until := now
	if !run.ended.IsZero() {
		until = run.ended
	}
	once := slices.Clone(lines)
	every := max(b.logEvery, minLogEvery)
	for at := every; run.began.Add(at).Before(until); at += every {
		for _, l := range once {
			lines = append(lines, logLine{l.at.Add(at), l.text})
		}
	}
	return lines
}

// logs writes a log. One that is followed goes on until its run ends.
func (k *kubelets) logs(w http.ResponseWriter, r *http.Request) {
	pod, ok := k.pod(w, r)
	if !ok {
		return
	}
	request, err := readLogRequest(r.URL.Query(), k.now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := r.PathValue("container")
	run, ok := runOf(statusOf(pod, name), request.previous)
	if !ok {
		http.Error(w, fmt.Sprintf("container %q in pod %q is waiting to start", name, pod.Name), http.StatusBadRequest)
		return
	}
	lines := logOf(pod, name, run, k.now())
	first := 0
	if request.tail >= 0 {
		first = max(0, len(lines)-request.tail)
	}
	k.write(w, request, lines[first:])
	if !request.follow {
		return
	}
	tick := time.NewTicker(logTick)
	defer tick.Stop()
	for written := len(lines); ; {
		select {
		case <-r.Context().Done():
			return
		case <-tick.C:
		}
		now, there := k.again(pod, name, run)
		lines = logOf(pod, name, now, k.now())
		k.write(w, request, lines[min(written, len(lines)):])
		written = max(written, len(lines))
		if !there || !now.ended.IsZero() {
			return
		}
	}
}

// again looks at a run again. It is over when the pod is gone or runs anew.
func (k *kubelets) again(pod *corev1.Pod, name string, run containerRun) (containerRun, bool) {
	current, err := (*k.pods.Load()).Pods(pod.Namespace).Get(pod.Name)
	if err != nil || current.UID != pod.UID {
		return run, false
	}
	now, ok := runOf(statusOf(current, name), false)
	return run, ok && now.restarts == run.restarts && now.ended.IsZero()
}

func (k *kubelets) write(w http.ResponseWriter, request logRequest, lines []logLine) {
	for _, l := range lines {
		if l.at.Before(request.since) {
			continue
		}
		if request.timestamps {
			fmt.Fprint(w, l.at.UTC().Format("2006-01-02T15:04:05.000000000Z"), " ")
		}
		fmt.Fprintln(w, l.text)
	}
	_ = http.NewResponseController(w).Flush() // who went away reads nothing
}
