package young

import (
	"fmt"
	"iter"
	"reflect"
	"strings"

	"gantry/charts/diag"
)

// Code is that of the diagnostics about such fields.
const Code = "kubernetes-version"

// Field is a field that the oldest version lacks.
type Field struct {
	// Name is the field behind its type, such as core.v1.PodSpec.hostUsers.
	Name string
	// Minor is the version 1.N that takes it without being told to: after the types
	// of k8s.io/api and the feature gates of Kubernetes (pkg/features/kube_features.go).
	Minor int
	// Vital tells that what it stands in means nothing without it.
	Vital bool
}

// Fields are those that objects have of the kinds that gantry makes. What lies below
// one of them is as young.
func Fields() []Field {
	return []Field{
		{Name: "apps.v1.RollingUpdateStatefulSetStrategy.maxUnavailable", Minor: 35},
		{Name: "autoscaling.v2.HPAScalingRules.tolerance", Minor: 35},
		{Name: "batch.v1.JobSpec.managedBy", Minor: 32},
		{Name: "batch.v1.JobSpec.scheduling", Minor: 37},
		{Name: "batch.v1.JobSpec.successPolicy", Minor: 31},
		{Name: "core.v1.ClusterTrustBundleProjection.user", Minor: 37},
		{Name: "core.v1.ConfigMapVolumeSource.defaultUser", Minor: 37},
		{Name: "core.v1.Container.restartPolicyRules", Minor: 35},
		{Name: "core.v1.DownwardAPIVolumeFile.user", Minor: 37},
		{Name: "core.v1.DownwardAPIVolumeSource.defaultUser", Minor: 37},
		{Name: "core.v1.EmptyDirVolumeSource.mode", Minor: 37},
		{Name: "core.v1.EnvVarSource.fileKeyRef", Minor: 35, Vital: true},
		{Name: "core.v1.GRPCAction.mode", Minor: 37},
		{Name: "core.v1.HTTPGetAction.protocol", Minor: 37},
		{Name: "core.v1.KeyToPath.user", Minor: 37},
		{Name: "core.v1.Lifecycle.stopSignal", Minor: 33},
		{Name: "core.v1.LifecycleHandler.sleep", Minor: 30, Vital: true},
		{Name: "core.v1.PersistentVolumeClaimSpec.volumeAttributesClassName", Minor: 34},
		{Name: "core.v1.PodAffinityTerm.matchLabelKeys", Minor: 31},
		{Name: "core.v1.PodAffinityTerm.mismatchLabelKeys", Minor: 31},
		{Name: "core.v1.PodCertificateProjection.user", Minor: 37},
		{Name: "core.v1.PodCertificateProjection.userAnnotations", Minor: 35},
		{Name: "core.v1.PodSecurityContext.appArmorProfile", Minor: 30},
		{Name: "core.v1.PodSecurityContext.seLinuxChangePolicy", Minor: 33},
		{Name: "core.v1.PodSecurityContext.supplementalGroupsPolicy", Minor: 33},
		{Name: "core.v1.PodSpec.evictionResponders", Minor: 37},
		{Name: "core.v1.PodSpec.hostUsers", Minor: 33},
		{Name: "core.v1.PodSpec.hostnameOverride", Minor: 35},
		{Name: "core.v1.PodSpec.resourceClaims", Minor: 34},
		{Name: "core.v1.PodSpec.resources", Minor: 34},
		{Name: "core.v1.PodSpec.schedulingGroup", Minor: 37},
		{Name: "core.v1.ProjectedVolumeSource.defaultUser", Minor: 37},
		{Name: "core.v1.ResourceClaim.request", Minor: 31},
		{Name: "core.v1.ResourceRequirements.claims", Minor: 34},
		{Name: "core.v1.SecretVolumeSource.defaultUser", Minor: 37},
		{Name: "core.v1.SecurityContext.appArmorProfile", Minor: 30},
		{Name: "core.v1.SecurityContext.procMount", Minor: 33},
		{Name: "core.v1.ServiceAccountTokenProjection.user", Minor: 37},
		{Name: "core.v1.ServiceSpec.trafficDistribution", Minor: 31},
		{Name: "core.v1.Volume.image", Minor: 35, Vital: true},
		{Name: "core.v1.VolumeMount.bindMountOptions", Minor: 37},
		{Name: "core.v1.VolumeMount.recursiveReadOnly", Minor: 31},
		{Name: "core.v1.VolumeProjection.podCertificate", Minor: 34, Vital: true},
	}
}

// Since returns the fields that are younger than a version, by their names; 0 knows
// all fields.
func Since(minor int) map[string]Field {
	found := map[string]Field{}
	for _, f := range Fields() {
		if minor > 0 && f.Minor > minor {
			found[f.Name] = f
		}
	}
	return found
}

// TypeName names a type as fields do: core.v1.PodSpec.
func TypeName(t reflect.Type) string {
	group, _ := strings.CutPrefix(t.PkgPath(), "k8s.io/api/")
	return strings.ReplaceAll(group, "/", ".") + "." + t.Name()
}

// Lost says that a field was met for a version that does not have it.
func (f Field) Lost(path diag.Path, minor int) diag.Diagnostic {
	d := diag.Diagnostic{
		Severity: diag.Warning, Path: path, Code: Code, Summary: "is left out",
		Hint: "remove it, or make the objects for a cluster that is so new",
	}
	if f.Vital {
		d.Severity, d.Summary = diag.Error, "cannot be left out"
	}
	d.Summary += fmt.Sprintf(": Kubernetes takes it since 1.%d, and 1.%d was asked for", f.Minor, minor)
	return d
}

// Oldest returns the oldest version 1.N that takes every field of the objects, or 0 when
// all do.
func Oldest[T any](objects iter.Seq[T]) int {
	known := map[string]int{}
	for _, f := range Fields() {
		known[f.Name] = f.Minor
	}
	minor := 0
	for o := range objects {
		minor = max(minor, oldest(reflect.ValueOf(o), known))
	}
	return minor
}

func oldest(v reflect.Value, known map[string]int) int {
	minor := 0
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			minor = oldest(v.Elem(), known)
		}
	case reflect.Slice:
		for i := range v.Len() {
			minor = max(minor, oldest(v.Index(i), known))
		}
	case reflect.Struct:
		if strings.HasPrefix(v.Type().PkgPath(), "k8s.io/api/") { // all else is as old as Kubernetes
			minor = oldestField(v, TypeName(v.Type()), known)
		}
	default: // a leaf: no map has fields of Kubernetes as values
	}
	return minor
}

// oldestField is oldest for the fields of a type that a name is for: those of an embedded
// type are fields of the one around it.
func oldestField(v reflect.Value, typeName string, known map[string]int) int {
	minor := 0
	for i := range v.NumField() {
		field := v.Field(i)
		switch about := v.Type().Field(i); {
		case field.IsZero():
		case about.Anonymous && field.Kind() == reflect.Struct:
			minor = max(minor, oldestField(field, typeName, known))
		default:
			name, _, _ := strings.Cut(about.Tag.Get("json"), ",")
			minor = max(minor, known[typeName+"."+name], oldest(field, known))
		}
	}
	return minor
}
