package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gantry/charts/compare"
)

// excuse leaves out of what differs what gantry is not to blame for: the records of a
// release after a step that both refuse, which helm counts as a revision and gantry does
// not begin; and objects that are as the chart says in gantry's cluster alone, of which
// it returns a sentence each.
func (r *life) excuse(ctx context.Context, changes []compare.Change, theirs, ours []compare.Document) (blamed []compare.Change, said []string) {
	var wanted []compare.Document
	for _, change := range changes {
		if r.refusedOne && change.Object.Kind == "Secret" && strings.HasPrefix(change.Object.Name, "sh.helm.release.v1.") {
			continue
		}
		if wanted == nil {
			manifest, _, _ := render(ctx, r.helm, []string{"get", "manifest", "demo", "--namespace", r.namespace, "--kubeconfig", r.helms.Kubeconfig})
			wanted = compare.Parse(string(manifest))
		}
		want := find(wanted, change)
		if want != nil && holds(find(ours, change), want) && !holds(find(theirs, change), want) {
			said = append(said, fmt.Sprintf("after %s: %s is as the chart says in gantry's cluster alone", strings.Join(r.steps, ", "), change.Object))
			continue
		}
		blamed = append(blamed, change)
	}
	return blamed, said
}

// find returns the fields of the object that a change is about; nil when it is not there.
func find(documents []compare.Document, change compare.Change) any {
	i := slices.IndexFunc(documents, func(d compare.Document) bool {
		return d.Object.Kind == change.Object.Kind && d.Object.Name == change.Object.Name
	})
	if i < 0 {
		return nil
	}
	return documents[i].Fields
}

// holds reports whether an object has all that is wanted of it; what else is in it comes
// from the API server and from controllers.
func holds(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return len(want) == 0
		}
		for key, value := range want {
			if !holds(have[key], value) {
				return false
			}
		}
		return true
	case []any:
		have, _ := have.([]any)
		return !slices.ContainsFunc(want, func(item any) bool {
			return !slices.ContainsFunc(have, func(one any) bool { return holds(one, item) })
		})
	default:
		return want == nil || fmt.Sprint(have) == fmt.Sprint(want)
	}
}
