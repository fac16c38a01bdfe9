package rules

import (
	"fmt"
	"math"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// defaultCPUPeriod is Docker's, in microseconds.
const defaultCPUPeriod = 100_000

// sharesPerCPU is the weight of one core in cpu_shares (Linux cgroups v1).
const sharesPerCPU = 1024

// resources maps limits and reservations, in both spellings of Compose. Nothing
// is invented: what Compose leaves open stays open.
func (u *unit) resources() {
	limits, requests := corev1.ResourceList{}, corev1.ResourceList{}
	in, deploy := u.in, u.deploy().Resources
	setCPU(limits, float64(in.CPUS))
	if in.CPUQuota > 0 {
		period := float64(in.CPUPeriod)
		if period == 0 {
			period = defaultCPUPeriod
		}
		setCPU(limits, float64(in.CPUQuota)/period)
	}
	if _, set := limits[corev1.ResourceCPU]; !set {
		setCPU(limits, float64(in.CPUCount))
	}
	setMemory(limits, in.MemLimit)
	setMemory(requests, in.MemReservation)
	if r := deploy.Limits; r != nil {
		setCPU(limits, float64(r.NanoCPUs))
		setMemory(limits, r.MemoryBytes)
	}
	if r := deploy.Reservations; r != nil {
		setCPU(requests, float64(r.NanoCPUs))
		setMemory(requests, r.MemoryBytes)
	}
	if _, set := requests[corev1.ResourceCPU]; !set && in.CPUShares > 0 {
		setCPU(requests, float64(in.CPUShares)/sharesPerCPU)
	}
	if size, ok := in.StorageOpt["size"]; ok {
		u.ephemeralStorage(limits, size)
	}
	u.clamp(requests, limits)
	if len(limits) > 0 {
		u.container.Resources.Limits = limits
	}
	if len(requests) > 0 {
		u.container.Resources.Requests = requests
	}
}

// setCPU writes cores as thousandths, which is how fine Kubernetes counts.
func setCPU(list corev1.ResourceList, cores float64) {
	if cores > 0 {
		list[corev1.ResourceCPU] = *resource.NewMilliQuantity(max(1, int64(math.Round(cores*1000))), resource.DecimalSI)
	}
}

// setMemory writes bytes in powers of 1024: Compose's m is a mebibyte.
func setMemory(list corev1.ResourceList, bytes types.UnitBytes) {
	if bytes > 0 {
		list[corev1.ResourceMemory] = *resource.NewQuantity(int64(bytes), resource.BinarySI)
	}
}

func (u *unit) ephemeralStorage(limits corev1.ResourceList, size string) {
	var bytes types.UnitBytes
	if err := bytes.DecodeMapstructure(size); err != nil {
		u.warn(finding{code: "storage-size", summary: fmt.Sprintf("%q is not a size: no limit is set", size)}, "storage_opt")
		return
	}
	limits[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(bytes), resource.BinarySI)
}

// reservationKey is where the user reserved a resource.
func (u *unit) reservationKey(name corev1.ResourceName) []string {
	r := u.deploy().Resources.Reservations
	switch {
	case name == corev1.ResourceMemory && (r == nil || r.MemoryBytes == 0):
		return []string{"mem_reservation"}
	case name == corev1.ResourceCPU && (r == nil || r.NanoCPUs == 0):
		return []string{"cpu_shares"}
	default:
		return []string{"deploy", "resources", "reservations"}
	}
}

// clamp lowers requests that are above the limit, which the API server refuses.
func (u *unit) clamp(requests, limits corev1.ResourceList) {
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		request, limit := requests[name], limits[name]
		if !limit.IsZero() && request.Cmp(limit) > 0 {
			requests[name] = limit
			u.warn(finding{
				code:    "reservation-above-limit",
				summary: fmt.Sprintf("reserves more %s (%s) than its limit (%s): the limit is reserved", name, request.String(), limit.String()),
			}, u.reservationKey(name)...)
		}
	}
}
