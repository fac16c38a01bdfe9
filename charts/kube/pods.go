package kube

import (
	"errors"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
)

// GetPodList lists pods, for the logs of hooks.
func (s *Session) GetPodList(namespace string, options metav1.ListOptions) (*corev1.PodList, error) {
	client, err := s.cluster.Clientset()
	if err != nil {
		return nil, err
	}
	return client.CoreV1().Pods(namespace).List(s.ctx, options)
}

// OutputContainerLogsForPodList copies the logs of all containers of pods.
func (s *Session) OutputContainerLogsForPodList(pods *corev1.PodList, namespace string, to func(namespace, pod, container string) io.Writer) error {
	client, err := s.cluster.Clientset()
	if err != nil {
		return err
	}
	for _, pod := range pods.Items {
		for _, c := range pod.Spec.Containers {
			stream, err := client.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).Stream(s.ctx)
			if err != nil {
				return fmt.Errorf("read the log of pod %s, container %s: %w", pod.Name, c.Name, err)
			}
			_, err = io.Copy(to(namespace, pod.Name, c.Name), stream)
			if err := errors.Join(err, stream.Close()); err != nil {
				return fmt.Errorf("read the log of pod %s, container %s: %w", pod.Name, c.Name, err)
			}
		}
	}
	return nil
}

// WaitAndGetCompletedPodPhase waits for the end of a pod, for tests of a
// release. helm's own takes the timeout for seconds when it is nanoseconds.
func (s *Session) WaitAndGetCompletedPodPhase(name string, timeout time.Duration) (corev1.PodPhase, error) {
	client, err := s.cluster.Clientset()
	if err != nil {
		return corev1.PodUnknown, err
	}
	seconds := int64(timeout / time.Second)
	stream, err := client.CoreV1().Pods(s.namespace).Watch(s.ctx, metav1.ListOptions{
		FieldSelector:  fields.OneTermEqualSelector("metadata.name", name).String(),
		TimeoutSeconds: &seconds,
	})
	if err != nil {
		return corev1.PodUnknown, err
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || event.Type == watch.Deleted {
			return corev1.PodUnknown, fmt.Errorf("pod %s went away while it was waited for", name)
		}
		if pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
			return pod.Status.Phase, nil
		}
	}
	return corev1.PodUnknown, s.ctx.Err()
}
