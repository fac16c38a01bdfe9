package rules

import (
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
)

// findWaits notes which services others wait for to complete. Those run as Jobs,
// or inside the pod of those who wait, before them. Between pods, conditions order
// nothing: Kubernetes starts everything and restarts what fails until its
// dependencies answer, and readiness keeps requests away until then.
func (a *app) findWaits() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		for dependency, d := range a.project.Services[name].DependsOn {
			if d.Condition == types.ServiceConditionCompletedSuccessfully {
				a.waited[dependency] = append(a.waited[dependency], name)
			}
		}
	}
}

// reportWaits tells how the unit completes before those who wait for it, or that
// nothing enforces it.
func (u *unit) reportWaits() {
	if u.seat().role == initial {
		u.note(finding{
			code:    "depends-completed",
			summary: fmt.Sprintf("runs to completion as an init container in the pod of %s, where it is waited for", u.seat().owner),
		})
		return
	}
	for _, consumer := range u.waited[u.name] {
		u.report(diag.Note, finding{
			code:    "depends-completed",
			summary: fmt.Sprintf("%s runs as a Job; %s starts beside it and is restarted until what it needs is there", u.name, consumer),
		}, diag.Path{"services", consumer, "depends_on", u.name})
	}
}
