package kube

import (
	"context"
	"errors"
	"fmt"
	"io"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Logs copies the logs of all containers of a Pod, or of the pods of a Job.
func (s *Session) Logs(ctx context.Context, obj *unstructured.Unstructured, to func(pod, container string) io.Writer) error {
	client, err := s.cluster.Clientset()
	if err != nil {
		return err
	}
	options := metav1.ListOptions{FieldSelector: "metadata.name=" + obj.GetName()}
	if obj.GetKind() == "Job" {
		options = metav1.ListOptions{LabelSelector: "job-name=" + obj.GetName()}
	}
	pods, err := client.CoreV1().Pods(obj.GetNamespace()).List(ctx, options)
	if err != nil {
		return fmt.Errorf("list the pods of %s: %w", obj.GetName(), s.cluster.Lost(err))
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Spec.Containers {
			stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).Stream(ctx)
			if err != nil {
				return fmt.Errorf("read the log of pod %s, container %s: %w", pod.Name, c.Name, err)
			}
			_, err = io.Copy(to(pod.Name, c.Name), stream)
			if err := errors.Join(err, stream.Close()); err != nil {
				return fmt.Errorf("read the log of pod %s, container %s: %w", pod.Name, c.Name, err)
			}
		}
	}
	return nil
}
