package kube

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
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

// Claims returns the claims that a StatefulSet has made for its pods, and that stay when
// it goes: those that it takes along are its own.
func (s *Session) Claims(ctx context.Context, set *unstructured.Unstructured) ([]*unstructured.Unstructured, error) {
	templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
	if len(templates) == 0 {
		return nil, nil
	}
	// Claims get the labels of the selector, whatever else it says.
	common, _, _ := unstructured.NestedStringMap(set.Object, "spec", "selector", "matchLabels")
	client := s.client.Resource(corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")).Namespace(set.GetNamespace())
	list, err := client.List(ctx, metav1.ListOptions{LabelSelector: labels.Set(common).String()})
	if apierrors.IsForbidden(err) {
		return nil, nil // they stay, unseen
	}
	if err != nil {
		return nil, fmt.Errorf("list the claims of StatefulSet %s: %w", set.GetName(), s.cluster.Lost(err))
	}
	var claims []*unstructured.Unstructured
	for i := range list.Items {
		claim := &list.Items[i]
		taken := slices.ContainsFunc(claim.GetOwnerReferences(), func(o metav1.OwnerReference) bool { return o.UID == set.GetUID() })
		if !taken && claimOf(set.GetName(), templates, claim.GetName()) {
			claims = append(claims, claim)
		}
	}
	return claims, nil
}

// claimOf reports whether a name is that of a claim for a pod of a StatefulSet:
// TEMPLATE-SET-NUMBER.
func claimOf(set string, templates []any, name string) bool {
	for _, template := range templates {
		fields, _ := template.(map[string]any)
		of, _, _ := unstructured.NestedString(fields, "metadata", "name")
		if number, found := strings.CutPrefix(name, of+"-"+set+"-"); found {
			if _, err := strconv.ParseUint(number, 10, 31); err == nil {
				return true
			}
		}
	}
	return false
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
