package rules

import (
	"fmt"
	"maps"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/charts/pattern"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// kind decides which controller keeps the pod running, which all of its units
// have a say in.
func (u *unit) kind() {
	switch {
	case u.group.runsOnce():
		u.work.Kind = workload.Job
	case u.group.owner.ext.Kind != "":
		u.work.Kind = workload.Kind(u.group.owner.ext.Kind)
	case u.group.owner.deploy().Mode == "global":
		u.work.Kind = workload.DaemonSet
	case slices.ContainsFunc(u.group.units, (*unit).wantsOwnStorage):
		u.work.Kind = workload.StatefulSet
	default:
		u.work.Kind = workload.Deployment
	}
	u.reportAgent()
	switch {
	case u.seat().role == initial:
	case u.work.Kind == workload.Job:
		u.job()
	default:
		u.keptRunning()
	}
}

// nodePaths are the parts of a machine that agents read, which watch it.
func nodePaths() []string {
	return []string{"/", "/proc", "/sys", "/sys/fs/cgroup", "/var/log", "/var/log/journal", "/var/lib/docker", "/var/lib/docker/containers"}
}

// reportAgent tells of what watches the machine that it runs on, in one pod: of many
// nodes, it sees one.
func (u *unit) reportAgent() {
	if u.work.Kind != workload.Deployment && u.work.Kind != workload.StatefulSet || u.in.GetScale() > 1 {
		return
	}
	what, key := "", []string(nil)
	if u.in.Pid == "host" {
		what, key = "the processes", []string{"pid"}
	}
	for i, m := range u.in.Volumes {
		if what == "" && m.Type == types.VolumeTypeBind && slices.Contains(nodePaths(), path.Clean(m.Source)) {
			what, key = path.Clean(m.Source), []string{"volumes", strconv.Itoa(i)}
		}
	}
	if what != "" {
		u.warn(finding{
			code:    "node-agent",
			summary: fmt.Sprintf("watches %s of the one node that runs its pod, and no other", what),
			hint:    "write x-kubernetes: {kind: DaemonSet}, or deploy: {mode: global}, to run it on every node",
		}, key...)
	}
}

// deploy returns the deploy section, empty where there is none.
func (u *unit) deploy() types.DeployConfig { return deploy(u.in) }

func deploy(s *types.ServiceConfig) types.DeployConfig {
	if s.Deploy == nil {
		return types.DeployConfig{}
	}
	return *s.Deploy
}

// restart returns the restart condition and the number of tries, from restart or
// deploy.restart_policy, which wins as it does in Swarm. No tries, and none at
// all, stand for tries without end.
func restart(s *types.ServiceConfig) (condition string, tries *int32, key []string) {
	if p := deploy(s).RestartPolicy; p != nil && p.Condition != "" {
		if p.MaxAttempts != nil && *p.MaxAttempts > 0 {
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
	condition, n, _ := strings.Cut(s.Restart, ":")
	if parsed, err := strconv.ParseInt(n, 10, 32); err == nil && parsed > 0 {
		tries = new(int32(parsed))
	}
	return condition, tries, []string{"restart"}
}

// attemptsKey is where the user limited the restarts.
func attemptsKey(s *types.ServiceConfig) []string {
	if p := deploy(s).RestartPolicy; p != nil && p.MaxAttempts != nil {
		return []string{"deploy", "restart_policy", "max_attempts"}
	}
	return []string{"restart"}
}

// findOnce notes the services that run to completion, and the jobs, which all do.
func (a *app) findOnce() {
	for name := range a.project.Jobs {
		a.once[name] = true
	}
	for name, s := range a.project.Services {
		a.once[name] = a.runsOnce(&s)
	}
}

// runsOnce reports whether a service runs to completion: another waits for that, it
// is a job of Swarm, or its file says that it is a task. Compose's default is never to
// restart, so a service without a restart policy says nothing by it; and on-failure is
// on workers and databases as well as on what ends.
func (a *app) runsOnce(s *types.ServiceConfig) bool {
	switch ext := a.ext.Service(s.Name); {
	case ext.Kind != "":
		return ext.CronJob != nil || ext.Kind == extension.JobKind || ext.Kind == extension.CronJobKind
	case ext.Job != nil || ext.CronJob != nil:
		return true
	}
	if mode := deploy(s).Mode; mode == "replicated-job" || mode == "global-job" {
		return true
	}
	if len(a.waited[s.Name]) > 0 {
		return true
	}
	switch condition, _, _ := restart(s); condition {
	case "always", "unless-stopped":
		return false
	case "no":
		return isTask(s) && s.HealthCheck == nil && !a.dependedOn[s.Name]
	default:
		return a.isCalledTask(s)
	}
}

// isTask reports whether a service runs a command of its own that nobody connects
// to: a migration, an import, a test.
func isTask(s *types.ServiceConfig) bool {
	own := len(s.Command)+len(s.Entrypoint) > 0
	return own && len(s.Ports)+len(s.Expose) == 0 && (s.HealthCheck == nil || looksForFile(s.HealthCheck.Test)) && s.GetScale() == 1
}

// fileTest is a health check that only looks whether there is a file. Nothing that
// answers is checked so, but what makes the file for others to wait for.
var fileTest = pattern.Lazy(`^(CMD|CMD-SHELL)? ?(\[|test) (! )?-[efsr] \S+( \])?( \|\| exit 1)?;?$`)

func looksForFile(test []string) bool { return fileTest().MatchString(strings.Join(test, " ")) }

// taskName are the names that people give to what prepares the others, once.
var taskName = pattern.Lazy(`(?i)(^|[-_.])(init|initdb|dbinit|initializer|setup|migrate|migrations?|migrator|permissions?|prepare|provision|seed|seeder|bootstrap|create[a-z]*|creator|import|importer|loader|load[-_](data|db|keyspace|schema|fixtures)|fixtures|populate|collectstatic)([-_.]|$)`)

// isCalledTask reports whether a service is a task by its name, or by the last word of its
// command. A server that keeps data may be called so, too: the seed of a cluster.
func (a *app) isCalledTask(s *types.ServiceConfig) bool {
	return isTask(s) && (taskName().MatchString(s.Name) || exits(s)) && (!isDatastore(s.Image) || !a.keepsData(s))
}

// lastExit ends a script that has done what it is for.
var lastExit = pattern.Lazy(`(^|[;&\n])\s*exit( 0)?[;\s]*$`)

// exits reports whether the command of a service ends by saying so.
func exits(s *types.ServiceConfig) bool {
	words := slices.Concat(s.Entrypoint, s.Command)
	return len(words) > 0 && lastExit().MatchString(words[len(words)-1])
}

// keepsData reports whether a service has a named volume of its own. What it shares it
// makes for the others, as certificates.
func (a *app) keepsData(s *types.ServiceConfig) bool {
	return slices.ContainsFunc(s.Volumes, func(m types.ServiceVolumeConfig) bool {
		return m.Type == types.VolumeTypeVolume && m.Source != "" && !a.mountedBesides(s.Name, m.Source)
	})
}

// mountedBesides reports whether another service mounts a named volume, too.
func (a *app) mountedBesides(service, volume string) bool {
	for name, other := range a.project.Services {
		if name != service && slices.ContainsFunc(other.Volumes, func(m types.ServiceVolumeConfig) bool { return m.Type == types.VolumeTypeVolume && m.Source == volume }) {
			return true
		}
	}
	return false
}

// completes ends the hint of what the user writes for something that runs once.
const completes = "let another service depend on it with condition: service_completed_successfully, or set deploy.mode: replicated-job"

// keptRunning tells what restarts although Compose would let it end, and what a restart
// takes from it.
func (u *unit) keptRunning() {
	u.reportUnkept()
	condition, tries, key := restart(u.in)
	if tries != nil && condition != "no" {
		u.note(finding{code: "restart-attempts", summary: "has no limit here: Kubernetes restarts what is kept running for ever, after longer and longer pauses"}, attemptsKey(u.in)...)
	}
	switch condition {
	case "on-failure":
		u.note(finding{
			code:    "restart-on-failure",
			summary: "is kept running: Kubernetes restarts it after an exit with 0 as well",
			hint:    "if it runs to completion, " + completes,
		}, key...)
	case "no":
		u.note(finding{
			code:    "restart-no",
			summary: "never restarts in Compose; it is kept running here",
			hint:    "if it runs to completion, give it a command, " + completes,
		}, key...)
	}
}

// job sets how often the unit runs and may fail.
func (u *unit) job() {
	condition, tries, key := restart(u.in)
	u.pod().RestartPolicy = corev1.RestartPolicyNever
	u.reportOnce(condition, key)
	limited := u.ext.Job != nil && u.ext.Job.BackoffLimit != nil
	switch early := u.outrun(); {
	case condition == "on-failure":
		u.pod().RestartPolicy = corev1.RestartPolicyOnFailure
		u.work.Run.BackoffLimit = tries
		if tries == nil && !limited {
			u.note(finding{
				code:    "restart-attempts",
				summary: "is tried again without end in Compose; a Job gives up after 6 failures",
				hint:    "say how often: on-failure:N, or max_attempts: N in deploy.restart_policy",
			}, key...)
		}
	case early == "":
		u.work.Run.BackoffLimit = ptr.To[int32](0)
	case !limited:
		u.note(finding{
			code:    "job-retried",
			summary: fmt.Sprintf("may start before %s answers: the Job is tried again, up to 6 times", early),
			hint:    "set x-kubernetes.job.backoffLimit: 0, if it must not run twice",
		}, "depends_on", early)
	}
	switch u.deploy().Mode {
	case "replicated-job":
		u.replicatedJob()
	case "global-job":
		u.warn(finding{
			code:    "global-job",
			summary: "runs once on every node in Swarm; Kubernetes has no such Job, it runs once",
			hint:    "set mode: replicated-job with as many replicas as there are nodes, and placement.max_replicas_per_node: 1",
		}, "deploy", "mode")
	}
}

// reportOnce tells why the unit runs once, where no key says just that.
func (u *unit) reportOnce(condition string, key []string) {
	f := finding{code: "restart-no", hint: "if it keeps running, set restart: unless-stopped"}
	said := u.isJob() || u.ext.Kind != "" || u.ext.Job != nil || u.ext.CronJob != nil || strings.HasSuffix(u.deploy().Mode, "-job")
	switch {
	case len(u.waited[u.name]) > 0:
	case condition == "no":
		f.summary = "never restarts, and nothing needs it: it runs once, as a Job"
		u.note(f, key...)
	case condition == "" && !said:
		f.summary = taskBy(u.in) + ", and nothing restarts it in Compose: it runs once, as a Job"
		u.note(f)
	case !said:
		f.summary = taskBy(u.in) + ": it runs once, as a Job"
		u.note(f, key...)
	}
}

// taskBy says what tells that a service is a task.
func taskBy(s *types.ServiceConfig) string {
	if taskName().MatchString(s.Name) {
		return "is called a task"
	}
	return "ends with exit 0"
}

// outrun names a service of another pod that the Job depends on and may start before:
// no init container waits for it.
func (u *unit) outrun() string {
	if u.isJob() {
		return "" // it runs when its schedule says, and not beside the first start of the others
	}
	for _, name := range slices.Sorted(maps.Keys(u.in.DependsOn)) {
		condition := u.in.DependsOn[name].Condition
		waits := condition == types.ServiceConditionHealthy && u.opts.WaitForHealthy ||
			condition == types.ServiceConditionCompletedSuccessfully && u.opts.waitsForJobs()
		if u.units[name] != nil && u.podOf(name) != u.podOf(u.name) && !waits {
			return name
		}
	}
	return ""
}

func (u *unit) replicatedJob() {
	if n := u.in.GetScale(); n != 1 {
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
	keepsData := func(volume string) bool {
		return isDatastore(u.in.Image) || u.in.GetScale() > 1 || u.claims[volume].database
	}
	return u.seat().role != initial && slices.ContainsFunc(u.soleVolumes(), keepsData)
}

// replicas sets the number of pods. One is Kubernetes' default.
func (u *unit) replicas() {
	n := u.in.GetScale()
	if u.work.Kind == workload.DaemonSet && n != 1 && u.ext.Replicas == nil {
		u.warn(finding{code: "replicas-global", summary: fmt.Sprintf("asks for %d pods, and mode: global is one on each node", n)}, u.scaleKey()...)
	}
	if u.work.Kind != workload.Deployment && u.work.Kind != workload.StatefulSet {
		return
	}
	if n != 1 || u.in.Scale != nil || u.deploy().Replicas != nil {
		u.work.Replicas = new(count(n))
	}
}

// scaleKey is where the user wrote the number of pods.
func (u *unit) scaleKey() []string {
	if u.ext.Replicas != nil {
		return u.where("replicas")
	}
	if u.in.Scale != nil {
		return []string{"scale"}
	}
	return []string{"deploy", "replicas"}
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
	case n > 1 && !u.isJob() && !u.group.runsOnce():
		pods = fmt.Sprintf("%d replicas", n)
	default:
		return
	}
	for _, name := range u.sharedVolumes() {
		if len(u.claims[name].pods) > 1 || u.claims[name].manyNodes() {
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
