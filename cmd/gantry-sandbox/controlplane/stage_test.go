package controlplane

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestLife follows pods through their stages, each entered when the one before
// asked to be looked at again.
func TestLife(t *testing.T) {
	waits := &blocker{"ContainerCreating", "FailedMount", "no config"}
	type moment struct {
		Stage stage
		Ready bool
		After time.Duration
	}
	for _, c := range []struct {
		name        string
		policy      corev1.RestartPolicy
		annotations map[string]string
		blocked     *blocker
		want        []moment
	}{
		{"a server", corev1.RestartPolicyAlways, nil, nil, []moment{{stageRunning, true, 0}}},
		{"a job", corev1.RestartPolicyNever, nil, nil, []moment{{stageRunning, true, 0}, {stageEnded, false, runFor}}},
		{"a slow job", corev1.RestartPolicyOnFailure, map[string]string{annotationRunFor: "90s"}, nil, []moment{{stageRunning, true, 0}, {stageEnded, false, 90 * time.Second}}},
		{
			"a job that fails and is not tried again", corev1.RestartPolicyNever,
			map[string]string{annotationExitCode: "3"},
			nil,
			[]moment{{stageRunning, true, 0}, {stageEnded, false, runFor}},
		},
		{
			"a job that fails and is tried again", corev1.RestartPolicyOnFailure,
			map[string]string{annotationExitCode: "3"},
			nil,
			[]moment{{stageRunning, true, 0}, {stageBackOff, false, runFor}, {stageRunning, true, runFor + firstBackOff}, {stageBackOff, false, 2*runFor + firstBackOff}},
		},
		{
			"a crash loop", corev1.RestartPolicyAlways,
			map[string]string{annotationCrashLoop: "true"},
			nil,
			[]moment{{stageRunning, false, 0}, {stageBackOff, false, runFor}, {stageRunning, false, runFor + firstBackOff}},
		},
		{
			"a server that is slow to be ready", corev1.RestartPolicyAlways,
			map[string]string{annotationReadyAfter: "2.5"},
			nil,
			[]moment{{stageRunning, false, 0}, {stageRunning, true, 2500 * time.Millisecond}},
		},
		{"a server that is never ready", corev1.RestartPolicyAlways, map[string]string{annotationNotReady: "true"}, nil, []moment{{stageRunning, false, 0}}},
		{"an image that is not there", corev1.RestartPolicyAlways, map[string]string{annotationImagePullFailure: "true"}, nil, []moment{{stageWaiting, false, 0}}},
		{"a ConfigMap that is not there", corev1.RestartPolicyAlways, nil, waits, []moment{{stageWaiting, false, 0}}},
		{
			"a job that ends before it is ready", corev1.RestartPolicyNever,
			map[string]string{annotationReadyAfter: "5", annotationRunFor: "1"},
			nil,
			[]moment{{stageRunning, false, 0}, {stageEnded, false, time.Second}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := behaviourOf(c.annotations)
			if err != nil {
				t.Fatal(err)
			}
			now, entered := time.Duration(0), time.Duration(0)
			s := situation{stage: stageNew, policy: c.policy, behaviour: b, blocked: c.blocked}
			var got []moment
			for range c.want {
				next := s.next()
				got = append(got, moment{next.stage, next.ready, now})
				if next.stage != s.stage {
					entered = now
				}
				now += next.again
				s.stage, s.restarts, s.since = next.stage, next.restarts, now-entered
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// A pod must not be looked at again when nothing can change by itself.
func TestRest(t *testing.T) {
	for _, c := range []struct {
		name string
		s    situation
	}{
		{"ready", situation{stage: stageRunning, policy: corev1.RestartPolicyAlways}},
		{"never ready", situation{stage: stageRunning, policy: corev1.RestartPolicyAlways, behaviour: behaviour{notReady: true, readyAfter: time.Hour}}},
		{"waiting", situation{stage: stageWaiting, blocked: &blocker{}}},
		{"ended", situation{stage: stageEnded, policy: corev1.RestartPolicyNever}},
	} {
		if again := c.s.next().again; again != 0 {
			t.Errorf("%s: looks again after %s", c.name, again)
		}
	}
}

func TestBackOff(t *testing.T) {
	for restarts, want := range map[int32]time.Duration{1: firstBackOff, 2: 2 * firstBackOff, 4: 8 * firstBackOff, 7: maxBackOff, 1 << 30: maxBackOff} {
		if got := backOff(restarts); got != want {
			t.Errorf("after %d restarts: %s, want %s", restarts, got, want)
		}
	}
}

func TestBehaviour(t *testing.T) {
	for _, c := range []struct {
		key, value, wantErr string
		want                behaviour
	}{
		{annotationRunFor, "1.5", "", behaviour{runFor: 1500 * time.Millisecond}},
		{annotationRunFor, "2m", "", behaviour{runFor: 2 * time.Minute}},
		{annotationRunFor, "-1", `annotation sandbox.gantry.dev/run-for: "-1s" is negative`, behaviour{runFor: runFor}},
		{annotationRunFor, "NaN", `annotation sandbox.gantry.dev/run-for: time: invalid duration "NaNs"`, behaviour{runFor: runFor}},
		{annotationExitCode, "256", `annotation sandbox.gantry.dev/exit-code: strconv.ParseUint: parsing "256": value out of range`, behaviour{runFor: runFor}},
		{annotationExitCode, "7", "", behaviour{runFor: runFor, exitCode: 7}},
		{annotationCrashLoop, "true", "", behaviour{runFor: runFor, exitCode: 1, crashLoop: true}},
		{annotationNotReady, "false", "", behaviour{runFor: runFor}},
		{annotationNotReady, "yes", `annotation sandbox.gantry.dev/not-ready: strconv.ParseBool: parsing "yes": invalid syntax`, behaviour{runFor: runFor}},
	} {
		got, err := behaviourOf(map[string]string{c.key: c.value})
		if got != c.want {
			t.Errorf("%s=%s: got %+v, want %+v", c.key, c.value, got, c.want)
		}
		if (err == nil) != (c.wantErr == "") || err != nil && err.Error() != c.wantErr {
			t.Errorf("%s=%s: got error %v, want %q", c.key, c.value, err, c.wantErr)
		}
	}
}
