package rules

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
)

// gpu is the capability of a device request that asks for a graphics processor.
const gpu = "gpu"

// deviceRequests maps gpus, reserved devices and generic resources to extended
// resources, which the device plugins of their vendors offer. Kubernetes takes
// these as limits, and in whole numbers.
func (u *unit) deviceRequests() {
	for i, r := range u.in.Gpus {
		if len(r.Capabilities) == 0 {
			r.Capabilities = []string{gpu}
		}
		u.deviceRequest(r, "gpus", strconv.Itoa(i))
	}
	reserved := u.deploy().Resources.Reservations
	if reserved == nil {
		return
	}
	for i, r := range reserved.Devices {
		u.deviceRequest(r, "deploy", "resources", "reservations", "devices", strconv.Itoa(i))
	}
	for i, r := range reserved.GenericResources {
		if r.DiscreteResourceSpec != nil {
			u.genericResource(*r.DiscreteResourceSpec, "deploy", "resources", "reservations", "generic_resources", strconv.Itoa(i))
		}
	}
}

// deviceRequest maps one request. Where it fits no known device, it is left out.
func (u *unit) deviceRequest(r types.DeviceRequest, key ...string) {
	if r.Driver == "cdi" {
		for _, id := range r.IDs {
			u.cdi(id, key)
		}
		return
	}
	name, known := vendorResource(r)
	if !known {
		u.warn(finding{
			code:    "device-driver",
			summary: fmt.Sprintf("there is no known resource for driver %q and capabilities %v: the device is left out", r.Driver, r.Capabilities),
			hint:    "ask for the extended resource of the device plugin under generic_resources",
		}, key...)
		return
	}
	d := device{resource: name, count: int64(r.Count), all: r.Count < 1 && len(r.IDs) == 0}
	if len(r.IDs) > 0 {
		d.count = int64(len(r.IDs))
		u.warn(finding{code: "device-ids", summary: fmt.Sprintf("names certain devices, and the scheduler chooses which: it asks for any %d", d.count)}, below(key, "device_ids")...)
	}
	u.capabilities(name, r.Capabilities, key)
	if len(r.Options) > 0 {
		u.note(finding{code: "device-options", summary: "are for the driver on Docker's machine: they are left out"}, below(key, "options")...)
	}
	if !u.claimDevice(d, key...) {
		u.pluginDevice(d, key...)
	}
}

// pluginDevice asks for devices of the vendor's device plugin, of which a pod can
// have a number.
func (u *unit) pluginDevice(d device, key ...string) {
	if d.all {
		d.count = 1
		u.warn(finding{code: "device-count", summary: "asks for all devices of the machine, and a pod asks for a number: it asks for 1", hint: fmt.Sprintf("write count: NUMBER, or claim all of a node with --device-class %s=CLASS", d.resource)}, key...)
	}
	u.extendedResource(d.resource, d.count)
	u.note(finding{
		code:    "device-resource",
		summary: fmt.Sprintf("asks for %d of %s, which the device plugin of the vendor offers on its nodes", d.count, d.resource),
		hint:    "where such nodes have a taint, give x-kubernetes.tolerations",
	}, key...)
}

// driverCapabilities is the variable by which NVIDIA's runtime learns which parts
// of its driver a container uses. Docker sets it from the capabilities of a request.
const driverCapabilities = "NVIDIA_DRIVER_CAPABILITIES"

// capabilities maps what a request wants of a device besides that it is a GPU.
func (u *unit) capabilities(device corev1.ResourceName, names, key []string) {
	var parts []string
	for _, name := range names {
		switch {
		case slices.Contains([]string{gpu, "tpu", "nvidia", "amd", "intel", "habana"}, name):
		case device == "nvidia.com/gpu" && slices.Contains([]string{"compute", "compat32", "display", "graphics", "utility", "video"}, name):
			parts = append(parts, name)
		default:
			u.warn(finding{
				code: "device-capability", summary: fmt.Sprintf("%q is no capability of %s: it is left out", name, device),
			}, below(key, "capabilities")...)
		}
	}
	if _, given := u.in.Environment[driverCapabilities]; given || len(parts) == 0 {
		return
	}
	at := slices.IndexFunc(u.container.Env, func(e corev1.EnvVar) bool { return e.Name == driverCapabilities })
	if at < 0 {
		u.container.Env = append(u.container.Env, corev1.EnvVar{Name: driverCapabilities, Value: strings.Join(parts, ",")})
		return
	}
	parts = append(strings.Split(u.container.Env[at].Value, ","), parts...)
	slices.Sort(parts)
	u.container.Env[at].Value = strings.Join(slices.Compact(parts), ",")
}

// vendorResource names the resource under which the vendor's device plugin offers
// what a request asks for. Without a driver, a request for a GPU means NVIDIA's,
// as in Docker.
func vendorResource(r types.DeviceRequest) (corev1.ResourceName, bool) {
	switch strings.ToLower(r.Driver) {
	case "nvidia":
		return "nvidia.com/gpu", true
	case "amd":
		return "amd.com/gpu", true
	case "intel":
		return "gpu.intel.com/i915", true
	case "habana":
		return "habana.ai/gaudi", true
	case "":
		if slices.Contains(r.Capabilities, gpu) {
			return "nvidia.com/gpu", true
		}
		return "google.com/tpu", slices.Contains(r.Capabilities, "tpu")
	default:
		return "", false
	}
}

// genericResource maps a resource that Swarm's nodes advertise. Its kind is a
// name of the user's own; Kubernetes' have a domain.
func (u *unit) genericResource(r types.DiscreteGenericResource, key ...string) {
	name := map[string]string{"GPU": "nvidia.com/gpu", "gpu": "nvidia.com/gpu", "NVIDIA-GPU": "nvidia.com/gpu"}[r.Kind]
	setDefault(&name, r.Kind)
	if !strings.Contains(name, "/") || len(validation.IsQualifiedName(name)) > 0 || strings.Contains(name, "kubernetes.io/") || r.Value < 1 {
		u.warn(finding{
			code:    "generic-resource",
			summary: fmt.Sprintf("%q is no resource of a Kubernetes node: it is left out", r.Kind),
			hint:    "write the name that a device plugin gives it, such as nvidia.com/gpu",
		}, key...)
		return
	}
	u.extendedResource(corev1.ResourceName(name), r.Value)
}

// cdi maps a device of the Container Device Interface, VENDOR/CLASS=NAME. Vendors
// give their device plugins' resources the same name.
func (u *unit) cdi(id string, key []string) {
	kind, name, _ := strings.Cut(id, "=")
	if u.claimDevice(deviceOf(kind, name), key...) {
		return
	}
	switch kind {
	case "nvidia.com/gpu", "amd.com/gpu", "google.com/tpu":
		u.extendedResource(corev1.ResourceName(kind), 1)
		if name != "0" {
			u.warn(finding{code: "device-cdi", summary: fmt.Sprintf("%s is a certain device or all of them, and a pod asks for a number: it asks for one of %s", id, kind)}, key...)
		}
	default:
		u.warn(finding{
			code:    "device-cdi",
			summary: id + " is a CDI device, which needs a device class of the cluster: it is left out",
			hint:    fmt.Sprintf("name the class with --device-class %s=CLASS, or ask for the extended resource of the device plugin under deploy.resources.reservations.generic_resources", kind),
		}, key...)
	}
}

// extendedResource adds to what the container asks for.
func (u *unit) extendedResource(name corev1.ResourceName, n int64) {
	if u.container.Resources.Limits == nil {
		u.container.Resources.Limits = corev1.ResourceList{}
	}
	sum := u.container.Resources.Limits[name]
	sum.Add(*resource.NewQuantity(n, resource.DecimalSI))
	u.container.Resources.Limits[name] = sum
}
