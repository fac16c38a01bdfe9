package rules

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"gantry/convert/workload"
)

// device is what a container asks for: so many of a resource, or all of a node.
type device struct {
	resource corev1.ResourceName
	count    int64
	all      bool
}

// claimDevice asks for devices of a class of the cluster, by dynamic resource
// allocation, where the user names the class that stands for the resource.
func (u *unit) claimDevice(d device, key ...string) bool {
	class := u.opts.DeviceClasses[string(d.resource)]
	if class == "" {
		return false
	}
	if !u.takes(dynamicResources) {
		u.warn(finding{
			code: "kubernetes-version", summary: fmt.Sprintf("asks for the extended resource %s: Kubernetes has %s since 1.%d, and 1.%d was asked for",
				d.resource, dynamicResources.gate().what, dynamicResources.gate().minor, u.minor),
		}, key...)
		return false
	}
	request := &resourcev1.ExactDeviceRequest{DeviceClassName: class, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: d.count}
	if d.all {
		request.AllocationMode, request.Count = resourcev1.DeviceAllocationModeAll, 0
	}
	name := fmt.Sprintf("%s-%d", objectName(class), len(u.container.Resources.Claims)+1)
	out := &workload.DeviceClaim{
		Name: u.madeUp("ResourceClaimTemplate", name), Service: u.service(),
		Requests: []resourcev1.DeviceRequest{{Name: "devices", Exactly: request}},
	}
	u.out.Devices = append(u.out.Devices, out)
	u.pod().ResourceClaims = append(u.pod().ResourceClaims, corev1.PodResourceClaim{Name: out.Name, ResourceClaimTemplateName: &out.Name})
	u.container.Resources.Claims = append(u.container.Resources.Claims, corev1.ResourceClaim{Name: out.Name})
	u.note(finding{code: "device-claim", summary: fmt.Sprintf("claims %s of the device class %s, which a DRA driver of the cluster offers", d.amount(), class)}, key...)
	return true
}

// deviceOf is what a name of the Container Device Interface stands for.
func deviceOf(kind, name string) device {
	return device{resource: corev1.ResourceName(kind), count: 1, all: name == "all"}
}

// amount says how many devices it is about.
func (d device) amount() string {
	if d.all {
		return "all devices of a node"
	}
	return strconv.FormatInt(d.count, 10)
}
