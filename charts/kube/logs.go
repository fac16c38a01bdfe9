package kube

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
)

const (
	// longestLine is how much of a log is told as one line.
	longestLine = 64 << 10
	// logLines is how much of a failed container's log is shown, for maxLogged objects:
	// each log is a request.
	logLines  = 10
	maxLogged = 10
)

// Logs tells the lines that all containers of a Pod, or of the pods of a Job, have
// written.
func (s *Session) Logs(ctx context.Context, obj *unstructured.Unstructured, tell func(pod, container, line string)) error {
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
			if !hasStarted(pod, c.Name) {
				continue // it has no log, of which the reasons tell
			}
			stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).Stream(ctx)
			if err == nil {
				err = errors.Join(eachLine(stream, func(line string) { tell(pod.Name, c.Name, line) }), stream.Close())
			}
			if err != nil {
				return fmt.Errorf("read the log of pod %s, container %s: %w", pod.Name, c.Name, err)
			}
		}
	}
	return nil
}

// hasStarted reports whether a container of a pod has ever run.
func hasStarted(pod corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
		return c.Name == name && (c.State.Waiting == nil || c.RestartCount > 0)
	})
}

// eachLine tells each line of a stream, in several pieces where one is too long.
func eachLine(stream io.Reader, tell func(line string)) error {
	lines := bufio.NewReaderSize(stream, longestLine)
	for {
		line, _, err := lines.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		tell(string(line))
	}
}

// readLogs adds the ends of logs to the first of the objects that have some to show.
func (s *Session) readLogs(ctx context.Context, objects []Unready) {
	client, err := s.cluster.Clientset()
	if err != nil {
		return
	}
	left := maxLogged
	for i := range objects {
		for _, pod := range objects[i].pods {
			objects[i].Logs = append(objects[i].Logs, podLogs(ctx, client, pod)...)
		}
		if len(objects[i].Logs) > 0 {
			left--
		}
		if left == 0 {
			return
		}
	}
}

// podLogs returns the end of the logs of containers that ended badly.
func podLogs(ctx context.Context, client kubernetes.Interface, pod corev1.Pod) []string {
	var lines []string
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		previous := c.State.Terminated == nil
		end := c.State.Terminated
		if previous {
			end = c.LastTerminationState.Terminated
		}
		if end == nil || end.ExitCode == 0 {
			continue
		}
		for _, line := range tail(ctx, client, pod, c.Name, previous) {
			lines = append(lines, fmt.Sprintf("pod %s, container %s: %s", pod.Name, c.Name, line))
		}
	}
	return lines
}

func tail(ctx context.Context, client kubernetes.Interface, pod corev1.Pod, container string, previous bool) []string {
	count := int64(logLines)
	stream, err := client.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: container, Previous: previous, TailLines: &count}).Stream(ctx)
	if err != nil {
		return nil
	}
	defer stream.Close()
	data, err := io.ReadAll(io.LimitReader(stream, longestLine))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\n"), "\n")
}
