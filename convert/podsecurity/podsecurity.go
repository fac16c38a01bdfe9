package podsecurity

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"

	"gantry/charts/diag"
	"gantry/convert/manifest"
)

// Level is a level of the Pod Security Standards.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
type Level string

// The levels that refuse anything.
const (
	Baseline   Level = Level(api.LevelBaseline)
	Restricted Level = Level(api.LevelRestricted)
)

// EnforceLabel is the label of a namespace that names the level.
const EnforceLabel = api.EnforceLevelLabel

// Known reports whether a text is one of the levels.
func Known(level string) bool { return level == string(Baseline) || level == string(Restricted) }

// Check returns a warning for each reason for which a namespace of a level would
// refuse a pod of the objects, in Kubernetes 1.minor. Its path is the name of the
// service or job.
func Check(objects []manifest.Object, level Level, minor int) (diag.List, error) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return nil, fmt.Errorf("read the Pod Security Standards: %w", err)
	}
	standard := api.LevelVersion{Level: api.Level(level), Version: api.MajorMinorVersion(1, minor)}
	var found diag.List
	for _, o := range objects {
		pod := template(o)
		if pod == nil {
			continue
		}
		for _, result := range evaluator.EvaluatePod(standard, &pod.ObjectMeta, &pod.Spec) {
			if result.Allowed {
				continue
			}
			found.Add(diag.Diagnostic{
				Severity: diag.Warning,
				Path:     diag.Path{o.Service},
				Code:     "pod-security-" + string(level),
				Summary:  fmt.Sprintf("a namespace of the level %s refuses its pods: %s", level, reason(result)),
				Hint:     remedy(result.ForbiddenReason),
			})
		}
	}
	return found, nil
}

// template returns the pods that an object makes, or nil.
func template(o manifest.Object) *corev1.PodTemplateSpec {
	switch r := o.Resource.(type) {
	case *appsv1.Deployment:
		return &r.Spec.Template
	case *appsv1.StatefulSet:
		return &r.Spec.Template
	case *appsv1.DaemonSet:
		return &r.Spec.Template
	case *batchv1.Job:
		return &r.Spec.Template
	case *batchv1.CronJob:
		return &r.Spec.JobTemplate.Spec.Template
	default:
		return nil
	}
}

func reason(r policy.CheckResult) string {
	if r.ForbiddenDetail == "" {
		return r.ForbiddenReason
	}
	return r.ForbiddenReason + " (" + r.ForbiddenDetail + ")"
}

// remedy is what to write into the Compose file against a reason, where there is
// one answer for most images.
func remedy(reason string) string {
	for _, r := range [][2]string{
		{"allowPrivilegeEscalation", "write security_opt: [no-new-privileges:true]"},
		{"unrestricted capabilities", "write cap_drop: [ALL], and in cap_add NET_BIND_SERVICE at most"},
		{"non-default capabilities", "remove what cap_add gives beyond Docker's own capabilities"},
		{"runAsNonRoot", "write x-kubernetes: {podSecurityContext: {runAsNonRoot: true}}, and user: NUMBER unless the image has one"},
		{"runAsUser", "write user: with a number that is not 0"},
		{"seccompProfile", "write security_opt: [seccomp=builtin]"},
		{"hostPath", "use a named volume, or a file of the project"},
		{"hostPort", "remove mode: host from the port"},
	} {
		if strings.HasPrefix(reason, r[0]) {
			return r[1]
		}
	}
	return ""
}
