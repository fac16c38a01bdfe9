package kube

import (
	"fmt"
	"strings"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// condition decides on an object, nil when it is not there, whether waiting for
// it is over; message says how it is. An error ends waiting for everything.
type condition func(obj *unstructured.Unstructured) (met bool, message string, err error)

// isReady waits for what the object is for: its pods are ready, its claim is
// bound. Jobs count when they are waited for only; helm has it so, because a Job
// may run for hours.
func isReady(jobs bool) condition {
	return func(obj *unstructured.Unstructured) (bool, string, error) {
		if obj == nil {
			return false, "it does not exist", nil
		}
		if kind := obj.GetKind(); kind == "Job" {
			if !jobs {
				return true, "", nil
			}
			return isComplete(obj)
		}
		if paused, _, _ := unstructured.NestedBool(obj.Object, "spec", "paused"); paused && obj.GetKind() == "Deployment" {
			return true, "paused", nil
		}
		if waitsForAddress(obj) {
			return false, "no address from a load balancer yet", nil
		}
		result, err := status.Compute(obj)
		if err != nil {
			return false, "", fmt.Errorf("read the status of %s %s: %w", obj.GetKind(), obj.GetName(), err)
		}
		return result.Status == status.CurrentStatus, result.Message, nil
	}
}

// isComplete waits for the end of a Job or a Pod; a failure is an error. Other
// objects are complete when they are there. Hooks are waited for like this.
func isComplete(obj *unstructured.Unstructured) (bool, string, error) {
	if obj == nil {
		return false, "it does not exist", nil
	}
	switch obj.GetKind() {
	case "Job":
		return jobIsComplete(obj)
	case "Pod":
		phase, _, _ := unstructured.NestedString(obj.Object, "status", "phase")
		switch phase {
		case "Succeeded":
			return true, "", nil
		case "Failed":
			return false, "", fmt.Errorf("Pod %s has failed", obj.GetName())
		default:
			return false, "its phase is " + phase, nil
		}
	default:
		return true, "", nil
	}
}

func jobIsComplete(obj *unstructured.Unstructured) (bool, string, error) {
	conditions, _, _ := unstructured.NestedSlice(obj.Object, "status", "conditions")
	for _, c := range conditions {
		fields, _ := c.(map[string]any)
		if fields["status"] != "True" {
			continue
		}
		switch fields["type"] {
		case "Complete":
			return true, "", nil
		case "Failed":
			return false, "", fmt.Errorf("Job %s has failed: %v", obj.GetName(), fields["message"])
		}
	}
	succeeded, _, _ := unstructured.NestedInt64(obj.Object, "status", "succeeded")
	failed, _, _ := unstructured.NestedInt64(obj.Object, "status", "failed")
	active, _, _ := unstructured.NestedInt64(obj.Object, "status", "active")
	return false, fmt.Sprintf("%d succeeded, %d failed, %d at work", succeeded, failed, active), nil
}

// isGone waits until an object is deleted.
func isGone(obj *unstructured.Unstructured) (bool, string, error) {
	if obj == nil {
		return true, "", nil
	}
	if waits := obj.GetFinalizers(); len(waits) > 0 {
		return false, "it is being deleted, once its finalizers are gone: " + strings.Join(waits, ", "), nil
	}
	return false, "it is being deleted", nil
}

// waitsForAddress holds for a Service that a load balancer has not answered yet;
// kstatus does not look.
func waitsForAddress(obj *unstructured.Unstructured) bool {
	if obj.GetKind() != "Service" {
		return false
	}
	kind, _, _ := unstructured.NestedString(obj.Object, "spec", "type")
	external, _, _ := unstructured.NestedSlice(obj.Object, "spec", "externalIPs")
	addresses, _, _ := unstructured.NestedSlice(obj.Object, "status", "loadBalancer", "ingress")
	return kind == "LoadBalancer" && len(external) == 0 && len(addresses) == 0
}
