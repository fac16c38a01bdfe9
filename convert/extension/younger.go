package extension

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"gantry/charts/diag"
)

// young is a field of Kubernetes that not all clusters take for which objects are
// made.
type young struct {
	// field is the field behind its type, as the schema names it.
	field string
	// minor is the version 1.N that takes it without being told to: after the types
	// of k8s.io/api and the feature gates of Kubernetes (pkg/features/kube_features.go).
	minor int
	// vital tells that what it stands in means nothing without it.
	vital bool
}

// youngFields are those that x-kubernetes reaches and the oldest version lacks. What
// lies below one of them is as young.
func youngFields() []young {
	return []young{
		{field: "autoscaling.v2.HPAScalingRules.tolerance", minor: 35},
		{field: "core.v1.ClusterTrustBundleProjection.user", minor: 37},
		{field: "core.v1.ConfigMapVolumeSource.defaultUser", minor: 37},
		{field: "core.v1.Container.restartPolicyRules", minor: 35},
		{field: "core.v1.DownwardAPIVolumeFile.user", minor: 37},
		{field: "core.v1.DownwardAPIVolumeSource.defaultUser", minor: 37},
		{field: "core.v1.EmptyDirVolumeSource.mode", minor: 37},
		{field: "core.v1.EnvVarSource.fileKeyRef", minor: 35, vital: true},
		{field: "core.v1.GRPCAction.mode", minor: 37},
		{field: "core.v1.HTTPGetAction.protocol", minor: 37},
		{field: "core.v1.KeyToPath.user", minor: 37},
		{field: "core.v1.Lifecycle.stopSignal", minor: 33},
		{field: "core.v1.PodCertificateProjection.user", minor: 37},
		{field: "core.v1.PodCertificateProjection.userAnnotations", minor: 35},
		{field: "core.v1.PodSecurityContext.appArmorProfile", minor: 30},
		{field: "core.v1.PodSecurityContext.seLinuxChangePolicy", minor: 33},
		{field: "core.v1.PodSecurityContext.supplementalGroupsPolicy", minor: 33},
		{field: "core.v1.ProjectedVolumeSource.defaultUser", minor: 37},
		{field: "core.v1.ResourceClaim.request", minor: 31},
		{field: "core.v1.SecretVolumeSource.defaultUser", minor: 37},
		{field: "core.v1.SecurityContext.appArmorProfile", minor: 30},
		{field: "core.v1.SecurityContext.procMount", minor: 33},
		{field: "core.v1.ServiceAccountTokenProjection.user", minor: 37},
		{field: "core.v1.Volume.image", minor: 35, vital: true},
		{field: "core.v1.VolumeMount.bindMountOptions", minor: 37},
		{field: "core.v1.VolumeMount.recursiveReadOnly", minor: 31},
		{field: "core.v1.VolumeProjection.podCertificate", minor: 34, vital: true},
	}
}

// dropYoung takes the fields out of a value that the version asked for does not
// have, and reports each.
func (r *reader) dropYoung(src source, value any, spec *jsonschema.Schema, path []string) {
	switch v := value.(type) {
	case map[string]any:
		_, name, _ := strings.Cut(target(spec).Location, "#/$defs/")
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := append(slices.Clip(path), key)
			if f, ok := r.young[name+"."+key]; ok && f.minor > r.minor {
				r.lost(src.at(at), f)
				delete(v, key)
				continue
			}
			r.dropYoung(src, v[key], field(spec, key), at)
		}
	case []any:
		for i, item := range v {
			r.dropYoung(src, item, field(spec, ""), append(slices.Clip(path), strconv.Itoa(i)))
		}
	}
}

// lost reports a field that the version asked for does not have.
func (r *reader) lost(path diag.Path, f young) {
	severity, summary := diag.Warning, "is left out"
	if f.vital {
		severity, summary = diag.Error, "cannot be left out"
	}
	r.report(severity, path, "kubernetes-version",
		fmt.Sprintf("%s: Kubernetes takes it since 1.%d, and 1.%d was asked for", summary, f.minor, r.minor),
		"remove it, or make the objects for a cluster that is so new")
}

// youngByName are the fields that are younger than a version; 0 knows all fields.
func youngByName(minor int) map[string]young {
	found := map[string]young{}
	for _, f := range youngFields() {
		if minor > 0 && f.minor > minor {
			found[f.field] = f
		}
	}
	return found
}
