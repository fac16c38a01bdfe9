package rules

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/convert/workload"
)

// kind decides which controller keeps the unit running.
func (u *unit) kind() {
	deploy := u.deploy()
	u.oneShot = u.runsOnce()
	switch {
	case u.oneShot != "":
		u.job()
	case deploy.Mode == "global":
		u.work.Kind = workload.DaemonSet
	case u.wantsOwnStorage():
		u.work.Kind = workload.StatefulSet
	default:
		u.work.Kind = workload.Deployment
	}
}

// deploy returns the deploy section, empty where there is none.
func (u *unit) deploy() types.DeployConfig {
	if u.in.Deploy == nil {
		return types.DeployConfig{}
	}
	return *u.in.Deploy
}

// restart returns the restart condition and the number of tries, from restart or
// deploy.restart_policy, which wins as it does in Swarm.
func (u *unit) restart() (condition string, tries *int32, key []string) {
	if p := u.deploy().RestartPolicy; p != nil && p.Condition != "" {
		if p.MaxAttempts != nil {
			tries = new(count(*p.MaxAttempts))
		}
		switch condition = p.Condition; condition {
		case "none":
			condition = "no"
		case "any":
			condition = "always"
		}
		return condition, tries, []string{"deploy", "restart_policy", "condition"}
	}
	condition, n, found := strings.Cut(u.in.Restart, ":")
	if found {
		if parsed, err := strconv.ParseInt(n, 10, 32); err == nil {
			tries = new(int32(parsed))
		}
	}
	return condition, tries, []string{"restart"}
}

// runsOnce says why the unit runs to completion, or returns "". Compose's
// default is never to restart, so only what somebody wrote counts: a service
// without a restart policy is a daemon, unless another waits for it to complete.
func (u *unit) runsOnce() string {
	condition, _, key := u.restart()
	mode := u.deploy().Mode
	switch {
	case u.isJob():
		return "is a job"
	case mode == "replicated-job" || mode == "global-job":
		return "has the mode " + mode
	case len(u.waited[u.name]) > 0 && condition != "always" && condition != "unless-stopped":
		return "completes before " + strings.Join(u.waited[u.name], ", ")
	case condition == "on-failure" && len(u.ports) == 0:
		return "restarts on failure only and opens no port"
	case condition == "on-failure":
		u.note(finding{
			code:    "restart-on-failure",
			summary: "opens ports, so it is kept running: Kubernetes restarts it after an exit with 0 as well",
		}, key...)
	case condition == "no":
		u.note(finding{
			code:    "restart-no",
			summary: "never restarts in Compose; it is kept running here",
			hint:    "if it runs to completion, let another service depend on it with condition: service_completed_successfully, or set deploy.mode: replicated-job",
		}, key...)
	}
	return ""
}

// job sets how often the unit runs and may fail.
func (u *unit) job() {
	u.work.Kind = workload.Job
	condition, tries, _ := u.restart()
	u.pod().RestartPolicy = corev1.RestartPolicyNever
	if condition == "on-failure" {
		u.pod().RestartPolicy = corev1.RestartPolicyOnFailure
		u.work.Run.BackoffLimit = tries
	} else {
		u.work.Run.BackoffLimit = ptr.To[int32](0)
	}
	switch u.deploy().Mode {
	case "replicated-job":
		u.replicatedJob()
	case "global-job":
		u.warn(finding{
			code:    "global-job",
			summary: "runs once on every node in Swarm; Kubernetes has no such Job, it runs once",
		}, "deploy", "mode")
	}
}

func (u *unit) replicatedJob() {
	if n := u.in.GetScale(); n > 1 {
		u.work.Run.Completions, u.work.Run.Parallelism = new(count(n)), new(count(n))
	}
	if c := u.deploy().UpdateConfig; c != nil && c.Parallelism != nil && *c.Parallelism > 0 && u.work.Run.Completions != nil {
		u.work.Run.Parallelism = new(count(*c.Parallelism))
	}
}

// wantsOwnStorage reports whether each replica needs a volume of its own: a
// datastore that alone writes to a named volume, or any service that does so
// and is scaled.
func (u *unit) wantsOwnStorage() bool {
	return len(u.soleVolumes()) > 0 && (isDatastore(u.in.Image) || u.in.GetScale() > 1)
}

// replicas sets the number of pods. One is Kubernetes' default.
func (u *unit) replicas() {
	n := u.in.GetScale()
	if u.work.Kind != workload.Deployment && u.work.Kind != workload.StatefulSet {
		return
	}
	if n != 1 || u.in.Scale != nil || u.deploy().Replicas != nil {
		u.work.Replicas = new(count(n))
	}
}

// scaledVolumes warns of storage for one node that several pods of the unit
// share, on whichever nodes they are.
func (u *unit) scaledVolumes() {
	pods := ""
	switch n := u.in.GetScale(); {
	case u.work.Kind == workload.DaemonSet:
		pods = "the pods of all nodes"
	case u.work.Run.Parallelism != nil && *u.work.Run.Parallelism > 1:
		pods = fmt.Sprintf("%d pods at a time", *u.work.Run.Parallelism)
	case n > 1 && !u.isJob() && u.oneShot == "":
		pods = fmt.Sprintf("%d replicas", n)
	default:
		return
	}
	for _, name := range u.sharedVolumes() {
		if len(u.claims[name].pods) > 1 {
			continue // which asks for storage of many nodes anyway
		}
		u.warn(finding{
			code:    "volume-scaled",
			summary: fmt.Sprintf("%s share volume %q, which one node can mount at a time", pods, name),
			hint:    "use storage that many nodes can mount, or give each replica a volume of its own",
		}, "volumes")
	}
}

// count narrows a number of things to what Kubernetes can count.
func count[T int | uint64](n T) int32 { return int32(min(n, math.MaxInt32)) }
