package compose

import (
	"fmt"
	"strconv"
	"time"

	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v4"

	"gantry/charts/diag"
)

// schedules checks when a job runs, which compose-go does not: with the parser
// that Kubernetes uses for CronJobs.
func (c *checker) schedules(job string) {
	path := diag.Path{"jobs", job, "triggers", "schedule"}
	list := c.root.get(path...)
	if list == nil || list.kind != yaml.SequenceNode {
		return
	}
	for i := range list.items() {
		item := list.get(strconv.Itoa(i))
		p := append(path, strconv.Itoa(i))
		if when := item.textOf("cron"); when != "" {
			if _, err := cron.ParseStandard(when); err != nil {
				c.fail(item, p, codeValue, fmt.Sprintf("%q is no schedule", when), "write minute, hour, day, month and weekday, such as \"30 4 * * *\"")
			}
		}
		if zone := item.get("timezone"); zone != nil {
			if _, err := time.LoadLocation(zone.text); err != nil || zone.text == "Local" {
				c.fail(zone, append(p, "timezone"), codeValue, fmt.Sprintf("%q is no time zone", zone.text), "write a name of the IANA list, such as Europe/Berlin")
			}
		}
	}
}
