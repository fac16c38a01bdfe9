package kube

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/release"
)

// TestMistyped has what a template writes without quotes, in the words of each of the ways
// to send it: they are told alike, with every place, and without the values.
func TestMistyped(t *testing.T) {
	t.Parallel()
	answer := func(code int32, reason metav1.StatusReason, message string) error {
		return &apierrors.StatusError{ErrStatus: metav1.Status{Code: code, Reason: reason, Message: message}}
	}
	obj := parse(t, `{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {
		replicas: "2", selector: {matchLabels: {app: true}}, strategy: {rollingUpdate: {maxSurge: 1}}, template: {metadata: {annotations: {at: 12}}, spec: {
		hostNetwork: "yes", containers: [{name: web, env: [{name: DB_PASSWORD, value: 31337}, {name: OK, value: ok}], args: [-p, 8080], ports: {http: 80}, resources: {limits: {cpu: 1}}}]}}}}`)
	want := strings.Join([]string{
		"spec.replicas is a text, where a number belongs: leave out the quotes",
		"spec.selector.matchLabels.app is a boolean, where a text belongs: write it in quotes",
		"spec.template.metadata.annotations.at is a number, where a text belongs: write it in quotes",
		"spec.template.spec.containers[web].args[1] is a number, where a text belongs: write it in quotes",
		"spec.template.spec.containers[web].env[DB_PASSWORD].value is a number, where a text belongs: write it in quotes",
		"spec.template.spec.containers[web].ports is a mapping, where a list belongs",
		"spec.template.spec.hostNetwork is a text, where a boolean belongs",
	}, "; ")
	for name, err := range map[string]error{
		"create": answer(http.StatusBadRequest, metav1.StatusReasonBadRequest, `Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal number into Go struct field EnvVar.value of type string`),
		"patch":  answer(http.StatusUnprocessableEntity, metav1.StatusReasonInvalid, ` "" is invalid: patch: Invalid value: "map[a:31337]": unrecognized type: string`),
		"apply":  answer(http.StatusInternalServerError, metav1.StatusReasonUnknown, "failed to create typed patch object (a/web; apps/v1, Kind=Deployment): .spec: expected string, got &value.valueUnstructured{Value:31337}"),
	} {
		e, ok := refused("change", obj, nil, err).(*release.RefusedError) //nolint:errorlint // it is not wrapped
		if !ok || e.Why != release.RefusedMistyped {
			t.Errorf("%s: got %v", name, e)
			continue
		}
		if diff := cmp.Diff(want, e.Problem); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, err := range []error{
		answer(http.StatusForbidden, metav1.StatusReasonForbidden, "exceeded quota"),
		answer(http.StatusBadRequest, metav1.StatusReasonBadRequest, "the dryRun alpha feature is disabled"),
	} {
		if text := refused("change", obj, nil, err).Error(); strings.Contains(text, "belongs") {
			t.Errorf("%v became %s", err, text)
		}
	}
	custom := parse(t, "{apiVersion: example.com/v1, kind: Shop, metadata: {name: x}, spec: {a: 1, b: c}}")
	err := answer(http.StatusInternalServerError, metav1.StatusReasonUnknown, "failed to create typed patch object (a/x; example.com/v1, Kind=Shop): errors:\n  .spec.a: expected string, got &value.valueUnstructured{Value:1}\n  .spec.b: expected list, got string")
	if got, want := refused("create", custom, nil, err).Error(), "create Shop x: the API server refuses it: .spec.a: expected string; .spec.b: expected list, got string"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if found := mistyped(custom); found != nil {
		t.Errorf("of a kind that nobody knows: %v", found)
	}
}

// TestUnasked: a webhook that does not answer keeps the object out, and is told like every
// other refusal.
func TestUnasked(t *testing.T) {
	t.Parallel()
	obj := parse(t, "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}}")
	err := apierrors.NewInternalError(errors.New(`failed calling webhook "w.example.com": failed to call webhook: connection refused`))
	e, ok := refused("create", obj, nil, err).(*release.RefusedError) //nolint:errorlint // it is not wrapped
	if !ok || e.Why != release.RefusedUnasked || !strings.Contains(e.Problem, `failed calling webhook "w.example.com"`) {
		t.Errorf("got %v", e)
	}
}
