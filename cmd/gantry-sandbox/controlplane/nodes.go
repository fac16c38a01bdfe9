package controlplane

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"
	"k8s.io/utils/ptr"
)

const (
	nodeLabel  = prefix + "node"
	leaseFor   = 40 // seconds, as a kubelet's
	beatEvery  = 10 * time.Second
	nodeZones  = 3
	firstOctet = 10
)

// nodeName counts from 1, for people.
func nodeName(i int) string { return fmt.Sprintf("sandbox-%d", i+1) }

// nodeIP is an address of a range that is kept for documentation.
func nodeIP(i int) string { return fmt.Sprintf("192.0.2.%d", firstOctet+i) }

// nodeOf returns which of our nodes the pod was assigned to.
func (f *fakes) nodeOf(p *corev1.Pod) (int, bool) {
	for i := range f.nodes {
		if p.Spec.NodeName == nodeName(i) {
			return i, true
		}
	}
	return 0, false
}

// ensureNodes makes the nodes, and removes what an earlier run had beyond them:
// nobody would keep those alive.
func (f *fakes) ensureNodes(ctx context.Context) error {
	old, err := f.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: nodeLabel})
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for i := range f.nodes {
		known[nodeName(i)] = true
	}
	for _, n := range old.Items {
		if !known[n.Name] {
			if err := f.client.CoreV1().Nodes().Delete(ctx, n.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
				return err
			}
		}
	}
	for i := range f.nodes {
		if err := f.ensureNode(ctx, i); err != nil {
			return fmt.Errorf("node %s: %w", nodeName(i), err)
		}
	}
	return nil
}

func (f *fakes) ensureNode(ctx context.Context, i int) error {
	nodes := f.client.CoreV1().Nodes()
	if _, err := nodes.Create(ctx, newNode(i), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	// Controllers write to a node as soon as it is there.
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		n, err := nodes.Get(ctx, nodeName(i), metav1.GetOptions{})
		if err != nil {
			return err
		}
		n.Status = nodeStatus(i, metav1.NewTime(f.now()))
		_, err = nodes.UpdateStatus(ctx, n, metav1.UpdateOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return f.renewLease(ctx, nodeName(i))
}

func newNode(i int) *corev1.Node {
	cidr := fmt.Sprintf("10.244.%d.0/24", i)
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: nodeName(i), Labels: map[string]string{
			corev1.LabelHostname:           nodeName(i),
			corev1.LabelOSStable:           "linux",
			corev1.LabelArchStable:         "amd64",
			corev1.LabelTopologyZone:       fmt.Sprintf("zone-%d", i%nodeZones+1),
			corev1.LabelTopologyRegion:     "sandbox",
			corev1.LabelInstanceTypeStable: "fake",
			nodeLabel:                      "",
		}},
		Spec: corev1.NodeSpec{PodCIDR: cidr, PodCIDRs: []string{cidr}},
	}
}

func nodeStatus(i int, now metav1.Time) corev1.NodeStatus {
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("64"),
		corev1.ResourceMemory:           resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		corev1.ResourcePods:             resource.MustParse("1000"),
	}
	condition := func(kind corev1.NodeConditionType, ok bool, reason string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status(ok), Reason: reason, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	return corev1.NodeStatus{
		Capacity:    capacity,
		Allocatable: capacity,
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeReady, true, "KubeletReady"),
			condition(corev1.NodeMemoryPressure, false, "KubeletHasSufficientMemory"),
			condition(corev1.NodeDiskPressure, false, "KubeletHasNoDiskPressure"),
			condition(corev1.NodePIDPressure, false, "KubeletHasSufficientPID"),
		},
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: nodeIP(i)},
			{Type: corev1.NodeHostName, Address: nodeName(i)},
		},
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: kubeletPort}},
		NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion:          version.Get().GitVersion,
			OperatingSystem:         "linux",
			Architecture:            "amd64",
			ContainerRuntimeVersion: "sandbox://0",
			OSImage:                 "sandbox",
			KernelVersion:           "sandbox",
		},
	}
}

// heartbeat keeps the nodes alive. A node that was given up nevertheless (the
// machine slept) must say itself that it is ready again.
func (f *fakes) heartbeat(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for i := range f.nodes {
			if err := f.beat(ctx, i); err != nil && ctx.Err() == nil {
				klog.ErrorS(err, "heartbeat", "node", nodeName(i))
			}
		}
	}
}

func (f *fakes) beat(ctx context.Context, i int) error {
	n, err := f.client.CoreV1().Nodes().Get(ctx, nodeName(i), metav1.GetOptions{ResourceVersion: "0"})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	for _, c := range n.Status.Conditions {
		if err == nil && c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue {
			return f.renewLease(ctx, n.Name)
		}
	}
	return f.ensureNode(ctx, i) // it may have been deleted, too
}

func (f *fakes) renewLease(ctx context.Context, node string) error {
	leases := f.client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	now := metav1.NewMicroTime(f.now())
	lease, err := leases.Get(ctx, node, metav1.GetOptions{})
	if err == nil {
		lease.Spec.RenewTime = &now
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		return err
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	_, err = leases.Create(ctx, &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: node},
		Spec:       coordinationv1.LeaseSpec{HolderIdentity: &node, LeaseDurationSeconds: ptr.To[int32](leaseFor), RenewTime: &now},
	}, metav1.CreateOptions{})
	if apierrors.IsNotFound(err) {
		return nil // the API server makes the namespace a moment later: next time
	}
	return err
}
