package rules

import (
	"math"
	"slices"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/workload"
)

// Docker's defaults of a health check. They are written out: those of Kubernetes
// differ (10 s, 1 s and 3).
// https://docs.docker.com/reference/dockerfile/#healthcheck
const (
	probeInterval      = 30 * time.Second
	probeTimeout       = 30 * time.Second
	probeRetries       = 3
	probeStartInterval = 5 * time.Second
)

// livenessPatience is how much longer than readiness a liveness probe waits. A
// health check often fails because of a dependency; Compose only marks the
// container, and a restart would not help. A check every second is not meant to
// restart what takes a minute to start, either: no liveness probe is less patient
// than that of a check with Docker's defaults.
const (
	livenessPatience = 3
	leastPatience    = livenessPatience * probeRetries * probeInterval
)

// probes maps healthcheck to a readiness, a liveness and a startup probe that run
// the same command. Jobs have none: nobody is sent to them.
func (u *unit) probes() {
	check := u.in.HealthCheck
	if check == nil || check.Disable || len(check.Test) > 0 && check.Test[0] == "NONE" {
		return
	}
	if slices.Equal(check.Test, []string{"CMD-SHELL", "NONE"}) {
		u.note(finding{
			code: "healthcheck-none", summary: "is taken for no health check: as text, NONE would be a command, whose failure would restart the container", hint: "write disable: true",
		}, "healthcheck", "test")
		return
	}
	command := probeCommand(check.Test)
	if command == nil {
		u.warn(finding{
			code:    "healthcheck-without-test",
			summary: "leaves the test to the image's own HEALTHCHECK, which Kubernetes does not read: there is no probe",
			hint:    "give the command in test:, or pass --image-info",
		}, "healthcheck")
		return
	}
	if u.group.runsOnce() || u.seat().role == initial {
		u.note(finding{code: "healthcheck-job", summary: "is left out: what runs to completion is not probed"}, "healthcheck")
		return
	}
	command = u.probeSecrets(command)
	base := corev1.Probe{
		ProbeHandler:     corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: escaped(command)}},
		PeriodSeconds:    seconds(check.Interval, probeInterval),
		TimeoutSeconds:   seconds(check.Timeout, probeTimeout),
		FailureThreshold: probeRetries,
	}
	if check.Retries != nil && *check.Retries > 0 {
		base.FailureThreshold = count(min(*check.Retries, math.MaxInt32/livenessPatience))
	}
	u.container.ReadinessProbe = base.DeepCopy()
	if !u.opts.NoLiveness {
		u.container.LivenessProbe = base.DeepCopy()
		u.container.LivenessProbe.FailureThreshold = patient(base)
	}
	u.container.StartupProbe = u.startupProbe(base, check)
	u.subSecond(check)
}

// probeCommand returns what the kubelet executes, or nil without a test.
func probeCommand(test types.HealthCheckTest) []string {
	switch {
	case len(test) < 2:
		return nil
	case test[0] == "CMD-SHELL":
		return append([]string{"/bin/sh", "-c"}, test[1:]...)
	case test[0] == "CMD":
		return test[1:]
	default:
		return test
	}
}

// escaped protects a command from the kubelet. What stands in Secrets it does not
// fill into the commands of probes.
func escaped(command []string) []string {
	var out []string
	for _, word := range command {
		out = append(out, kubeletEscape(word))
	}
	return out
}

// startupProbe gives the container its start period: failures do not count until
// it is over or a check has passed. It adds to the patience of liveness, as a startup
// probe that gives up restarts the container, too. A container for which others of its
// pod wait has one in any case: they start when it passes.
func (u *unit) startupProbe(base corev1.Probe, check *types.HealthCheckConfig) *corev1.Probe {
	var period int32
	if check.StartPeriod != nil && *check.StartPeriod > 0 {
		period = seconds(check.StartPeriod, 0)
	}
	if period == 0 && u.seat().role != early {
		return nil
	}
	probe := base.DeepCopy()
	probe.PeriodSeconds = seconds(check.StartInterval, probeStartInterval)
	patience := int64(period) + int64(patient(base))*int64(base.PeriodSeconds)
	probe.FailureThreshold = int32(min(math.MaxInt32, (patience-1)/int64(probe.PeriodSeconds)+1))
	return probe
}

// patient returns after how many failures of a check its container is restarted.
func patient(check corev1.Probe) int32 {
	least := int32(math.Ceil(leastPatience.Seconds() / float64(check.PeriodSeconds)))
	return max(livenessPatience*check.FailureThreshold, least)
}

// seconds rounds a duration up to whole seconds, at least one.
func seconds(d *types.Duration, otherwise time.Duration) int32 {
	value := otherwise
	if d != nil && *d > 0 {
		value = time.Duration(*d)
	}
	return int32(max(1, min(math.MaxInt32/livenessPatience, math.Ceil(value.Seconds()))))
}

func ceilSeconds(d types.Duration) int64 { return int64(math.Ceil(time.Duration(d).Seconds())) }

// subSecond tells of times that Kubernetes cannot count.
func (u *unit) subSecond(check *types.HealthCheckConfig) {
	for _, d := range []struct {
		key   string
		value *types.Duration
	}{
		{"interval", check.Interval},
		{"timeout", check.Timeout},
		{"start_period", check.StartPeriod},
		{"start_interval", check.StartInterval},
	} {
		if d.value != nil && time.Duration(*d.value)%time.Second != 0 {
			u.note(finding{code: "probe-seconds", summary: "is rounded up to whole seconds"}, "healthcheck", d.key)
		}
	}
}

// hasOwnReplicas reports whether the workload is one that update_config speaks of.
func (u *unit) hasOwnReplicas() bool {
	return u.work.Kind == workload.Deployment || u.work.Kind == workload.StatefulSet || u.work.Kind == workload.DaemonSet
}
