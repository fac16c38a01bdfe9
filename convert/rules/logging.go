package rules

import (
	"fmt"
	"slices"
)

// logging tells what becomes of logs. A cluster collects what containers print;
// drivers that send it elsewhere would be missed.
func (u *unit) logging() {
	if u.in.Logging == nil {
		return
	}
	driver := u.in.Logging.Driver
	if slices.Contains([]string{"", "json-file", "local", "journald", "none"}, driver) {
		u.note(finding{code: "logging", summary: "is left to the cluster, which collects what containers print"}, "logging")
		return
	}
	u.warn(finding{
		code:    "logging",
		summary: fmt.Sprintf("sends logs away by the driver %s, which pods cannot choose: the cluster collects what containers print", driver),
		hint:    "let the cluster's log collector send them there",
	}, "logging")
}
