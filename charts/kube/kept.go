package kube

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/charts/release"
)

// Kept lists what outlives an uninstallation: the claims of a release, those of
// its StatefulSets included, and its Secrets. selector chooses them by label.
// Records of releases are never among them.
func (c *Cluster) Kept(ctx context.Context, namespace, selector string) ([]release.Object, error) {
	client, err := c.Clientset()
	if err != nil {
		return nil, err
	}
	options := metav1.ListOptions{LabelSelector: selector}
	claims, err := client.CoreV1().PersistentVolumeClaims(namespace).List(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("list the claims of %s: %w", namespace, err)
	}
	secrets, err := client.CoreV1().Secrets(namespace).List(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("list the secrets of %s: %w", namespace, err)
	}
	var kept []release.Object
	for _, claim := range claims.Items {
		kept = append(kept, release.Object{APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: namespace, Name: claim.Name})
	}
	for _, secret := range secrets.Items {
		if secret.Type == corev1.SecretTypeOpaque {
			kept = append(kept, release.Object{APIVersion: "v1", Kind: "Secret", Namespace: namespace, Name: secret.Name})
		}
	}
	return kept, nil
}

// DeleteKept deletes one object that [Cluster.Kept] has listed. One that is gone
// already is no error.
func (c *Cluster) DeleteKept(ctx context.Context, o release.Object) error {
	client, err := c.Clientset()
	if err != nil {
		return err
	}
	switch o.Kind {
	case "PersistentVolumeClaim":
		err = client.CoreV1().PersistentVolumeClaims(o.Namespace).Delete(ctx, o.Name, metav1.DeleteOptions{})
	case "Secret":
		err = client.CoreV1().Secrets(o.Namespace).Delete(ctx, o.Name, metav1.DeleteOptions{})
	default:
		return fmt.Errorf("%s is not kept by releases", o)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", o, err)
	}
	return nil
}
