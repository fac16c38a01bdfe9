package rules

import (
	"strconv"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/utils/ptr"

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
	u.work.Kind = workload.CronJob
	u.work.Name = limitName(u.object, maxCronJobName)
	if t == nil || len(t.Schedule) == 0 {
		u.work.Schedule = &workload.Schedule{Cron: never, Concurrency: "Forbid", Suspend: true}
		u.note(finding{
			code:    "job-manual",
			summary: "becomes a suspended CronJob: start it with kubectl create job --from=cronjob/" + u.work.Name + " NAME",
		})
		return
	}
	u.work.Schedule = u.schedule(t.Schedule[0], 0)
	for i, s := range t.Schedule[1:] {
		again := *u.work
		again.Name = limitName(u.object, maxCronJobName-3) + "-" + strconv.Itoa(i+2)
		again.Schedule = u.schedule(s, i+1)
		u.out.Workloads = append(u.out.Workloads, &again)
	}
}

func (u *unit) schedule(s types.ScheduleConfig, i int) *workload.Schedule {
	out := &workload.Schedule{Cron: s.Cron, TimeZone: s.Timezone, Concurrency: "Forbid"}
	if s.Concurrency == "queue" {
		u.warn(finding{
			code: "job-queue", summary: "cannot wait in a queue: a run that is due while another runs is left out",
		}, "triggers", "schedule", strconv.Itoa(i), "concurrency")
	}
	if s.MissedFires == "skip" {
		out.StartingDeadlineSeconds = ptr.To[int64](missedGrace)
	}
	return out
}
