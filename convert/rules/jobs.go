package rules

import (
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/utils/ptr"

	"gantry/convert/extension"
	"gantry/convert/workload"
)

// maxCronJobName leaves room for what the controller appends to the names of the
// Jobs: 11 characters (Kubernetes, validation of CronJob).
const maxCronJobName = 52

// never is a date that does not come: the schedule of a job that only a person
// starts, by kubectl create job --from=cronjob/NAME.
const never = "0 0 31 2 *"

// missedGrace is how late a run may start where Compose says to skip missed ones.
// Kubernetes refuses less than ten seconds; its controller looks every ten.
const missedGrace = 60

// triggers turns a job into a CronJob for each schedule, or into one that waits
// for a person.
func (u *unit) triggers(t *types.TriggerConfig) {
	if u.ext.Kind == extension.JobKind || u.ext.CronJob != nil {
		return // it runs at once, or when x-kubernetes says
	}
	u.work.Kind = workload.CronJob
	u.work.Name = limitName(u.object, maxCronJobName)
	var manual []string // the key that asks for a person
	if t != nil && t.Manual != nil {
		manual = []string{"triggers", "manual"}
	}
	start := "start it with kubectl create job --from=cronjob/" + u.work.Name + " NAME"
	if t == nil || len(t.Schedule) == 0 {
		u.work.Schedule = &workload.Schedule{Cron: never, Concurrency: "Forbid", Suspend: true}
		u.note(finding{code: "job-manual", summary: "becomes a suspended CronJob: " + start}, manual...)
		return
	}
	if manual != nil {
		u.note(finding{code: "job-manual", summary: "is true of every CronJob: " + start}, manual...)
	}
	u.work.Schedule = u.schedule(t.Schedule[0], 0)
	for i, s := range t.Schedule[1:] {
		again := *u.work
		again.Name = u.cronJobName(i + 2)
		again.Schedule = u.schedule(s, i+1)
		u.out.Workloads = append(u.out.Workloads, &again)
	}
}

// cronJobName returns a name for the CronJob of another schedule, which no other
// job has.
func (u *unit) cronJobName(n int) string {
	suffix := "-" + strconv.Itoa(n)
	name := limitName(u.object, maxCronJobName-len(suffix)) + suffix
	if _, ok := u.kindNames("CronJob").take(name, u.name+" "+suffix); ok {
		return name
	}
	return limitName(u.object, maxCronJobName-len(suffix)-hashLength-1) + suffix + "-" + hashOf(u.name+suffix)
}

func (u *unit) schedule(s types.ScheduleConfig, i int) *workload.Schedule {
	key := []string{"triggers", "schedule", strconv.Itoa(i)}
	out := &workload.Schedule{Concurrency: "Forbid"}
	out.Cron, out.TimeZone = splitZone(s.Cron)
	if s.Timezone != "" {
		out.TimeZone = s.Timezone
	}
	if out.TimeZone == "" && !strings.HasPrefix(out.Cron, "@every") {
		u.note(finding{
			code:    "job-timezone",
			summary: "is in the time zone of the cluster, which is mostly UTC",
			hint:    "write timezone: Europe/Berlin, for example",
		}, key...)
	}
	if s.Concurrency == "queue" {
		u.warn(finding{
			code: "job-queue", summary: "cannot wait in a queue: a run that is due while another runs is left out",
		}, append(key, "concurrency")...)
	}
	if s.MissedFires == "skip" {
		out.StartingDeadlineSeconds = ptr.To[int64](missedGrace)
	}
	return out
}

// splitZone takes the time zone from in front of a cron expression, where
// Kubernetes refuses it.
func splitZone(cron string) (expression, zone string) {
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(cron, prefix); ok {
			zone, expression, _ = strings.Cut(rest, " ")
			return strings.TrimSpace(expression), zone
		}
	}
	return cron, ""
}
