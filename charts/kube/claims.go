package kube

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// selectedNode is the annotation by which the scheduler says that a pod uses a claim.
const selectedNode = "volume.kubernetes.io/selected-node"

// unclaimed reports whether an object is a claim that nothing will bind before a pod
// uses it: its storage class waits for that. There is nothing to wait for; the pods of
// the release, which are waited for, are not ready before their claims are bound.
func (s *Session) unclaimed(ctx context.Context, obj *unstructured.Unstructured) bool {
	if obj == nil || obj.GetKind() != "PersistentVolumeClaim" || obj.GetDeletionTimestamp() != nil || obj.GetAnnotations()[selectedNode] != "" {
		return false
	}
	phase, _, _ := unstructured.NestedString(obj.Object, "status", "phase")
	class, _, _ := unstructured.NestedString(obj.Object, "spec", "storageClassName")
	return phase == string(corev1.ClaimPending) && class != "" && s.bindsLate(ctx, class)
}

// bindsLate reports whether claims of a storage class are bound when a pod uses them. It
// asks once; whoever may not read classes waits for the claims.
func (s *Session) bindsLate(ctx context.Context, class string) bool {
	s.mu.Lock()
	late, known := s.late[class]
	s.mu.Unlock()
	if known {
		return late
	}
	client, err := s.cluster.Clientset()
	if err != nil {
		return false
	}
	found, err := client.StorageV1().StorageClasses().Get(ctx, class, metav1.GetOptions{})
	if err != nil && !apierrors.IsForbidden(err) && !apierrors.IsNotFound(err) {
		return false // the next look asks again
	}
	late = err == nil && found.VolumeBindingMode != nil && *found.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late == nil {
		s.late = map[string]bool{}
	}
	s.late[class] = late
	return late
}
