package controlplane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

const (
	readyWithin = 120 * time.Second
	askEvery    = 20 * time.Millisecond
	answerLimit = 64 << 10
)

// waitReady waits until pods can be made and run. For that the ServiceAccount default
// must exist in the namespace, besides the API server being ready, and controllers must
// know that the nodes are.
func (c *cluster) waitReady(ctx context.Context) error {
	if err := c.waitOK(ctx, "/readyz", readyWithin); err != nil {
		return err
	}
	err := c.poll(ctx, readyWithin, func(ctx context.Context) error {
		_, err := c.client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return c.poll(ctx, readyWithin, c.nodesAreReady)
}

// nodesAreReady reports nodes that are kept from pods. A node is from when it is made
// until a controller has seen its status, and again when it comes back; until then a
// DaemonSet wants no pods, and is ready without any.
func (c *cluster) nodesAreReady(ctx context.Context) error {
	nodes, err := c.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: nodeLabel})
	if err != nil {
		return err
	}
	for _, n := range nodes.Items {
		for _, t := range n.Spec.Taints {
			if t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable {
				return fmt.Errorf("node %s has the taint %s", n.Name, t.Key)
			}
		}
	}
	return nil
}

// waitOK waits until a path of the API server answers 200.
func (c *cluster) waitOK(ctx context.Context, path string, within time.Duration) error {
	transport, err := rest.TransportFor(c.config)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport, Timeout: 2 * time.Second}
	return c.poll(ctx, within, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.config.Host+path, http.NoBody)
		if err != nil {
			return err
		}
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(io.LimitReader(res.Body, answerLimit))
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s answers %s: %s", path, res.Status, strings.TrimSpace(string(body)))
		}
		return err
	})
}

// poll asks until there is no error. It ends early when a component fails.
func (c *cluster) poll(ctx context.Context, within time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s: %w", within, err)
		case failure := <-c.failures:
			return failure
		case <-tick.C:
		}
	}
}
