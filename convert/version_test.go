package convert_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/manifest"
)

// youngFields says in which version of Kubernetes, 1.N, a field was first taken by
// default, as the API reference has it. A field is named by the end of its path.
func youngFields() map[string]int {
	return map[string]int{
		"securityContext.appArmorProfile": 30,
		"volumeMounts.recursiveReadOnly":  31,
		"spec.trafficDistribution":        31,
		"spec.hostUsers":                  33,
		"securityContext.procMount":       33,
		"lifecycle.stopSignal":            33,
		"spec.resourceClaims":             34,
		"resources.claims":                34,
		"devices.requests":                34,
		"spec.hostnameOverride":           35,
		"volumes.image":                   35,
	}
}

// TestVersions converts the cases for every version of Kubernetes: no object has a
// field that is younger, and what the newest version has is named where it is left out.
func TestVersions(t *testing.T) {
	eachCase(t, func(t *testing.T, c goldenCase) {
		t.Helper()
		c.opts.Rules.KubernetesVersion = "1.36"
		young := youngIn(t, convertCase(t, c.dir, c.opts))
		if len(young) == 0 {
			return // every version has what it needs
		}
		for minor := 29; minor < 36; minor++ {
			c.opts.Rules.KubernetesVersion = fmt.Sprintf("1.%d", minor)
			checkVersion(t, convertCase(t, c.dir, c.opts), young, minor)
		}
	})
}

func checkVersion(t *testing.T, result *convert.Result, young map[string]bool, minor int) {
	t.Helper()
	lost := false
	for field := range youngIn(t, result) {
		if youngFields()[field] > minor {
			t.Errorf("1.%d does not have %s", minor, field)
		}
	}
	for field := range young {
		lost = lost || youngFields()[field] > minor
	}
	if said := slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == "kubernetes-version" }); lost && !said {
		t.Errorf("1.%d lacks some of %v, and nothing says so", minor, slices.Sorted(maps.Keys(young)))
	}
}

// youngIn returns the young fields that the objects of a conversion have.
func youngIn(t *testing.T, result *convert.Result) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	var walk func(n *manifest.Node, parent string)
	walk = func(n *manifest.Node, parent string) {
		for _, f := range n.Fields {
			if field := parent + "." + f.Key; youngFields()[field] > 0 {
				found[field] = true
			}
			walk(f.Value, f.Key)
		}
		for _, item := range n.Items {
			walk(item, parent)
		}
	}
	for _, o := range result.Objects {
		n, err := o.Node()
		if err != nil {
			t.Fatal(err)
		}
		walk(n, "")
	}
	return found
}
