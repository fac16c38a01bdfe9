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
// not begin; and objects of which helm's lacks something that gantry's has, and that the
// chart says or leaves to the cluster, of which it returns a sentence each.
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
		want, our, their := find(wanted, change), find(ours, change), find(theirs, change)
		if onlyMore(change.Diff) && (lacking(our, want) < lacking(their, want) || filled(our, want) > filled(their, want)) {
			said = append(said, fmt.Sprintf("after %s: of %s, helm's lacks what the chart says or leaves to the cluster", strings.Join(r.steps, ", "), change.Object))
			continue
		}
		blamed = append(blamed, change)
	}
	return blamed, said
}

// onlyMore reports whether a diff from helm's to gantry's only adds lines.
func onlyMore(diff string) bool {
	return !slices.ContainsFunc(strings.Split(diff, "\n"), func(line string) bool { return strings.HasPrefix(line, "-") })
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

// filled counts the values that the chart leaves empty (ingressClassName:) and the cluster
// has filled in. helm takes them away with the next change.
func filled(have, want any) int {
	fields, _ := have.(map[string]any)
	wanted, _ := want.(map[string]any)
	count := 0
	for key, value := range wanted {
		if value == nil && fields[key] != nil {
			count++
		}
		count += filled(fields[key], value)
	}
	return count
}

// lacking counts the values that an object should have and has not; what else is in it
// comes from the API server and from controllers.
func lacking(have, want any) int {
	count := 0
	switch want := want.(type) {
	case map[string]any:
		fields, _ := have.(map[string]any)
		for key, value := range want {
			count += lacking(fields[key], value)
		}
	case []any:
		items, _ := have.([]any)
		for _, item := range want {
			least := lacking(nil, item)
			for _, one := range items {
				least = min(least, lacking(one, item))
			}
			count += least
		}
	default:
		if want != nil && fmt.Sprint(have) != fmt.Sprint(want) {
			count++
		}
	}
	return count
}
