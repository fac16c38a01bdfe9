package controlplane

import (
	"context"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// The addresses are of the ranges that are kept for documentation, so that none
// of them is by chance somebody's.
const (
	// ingressAddress is where all Ingresses are, as behind one controller.
	ingressAddress    = "203.0.113.1"
	balancerAddresses = 254
	podAddresses      = 250 * 250
)

func balancerAddress(i int) string { return fmt.Sprintf("198.51.100.%d", i+1) }

// podAddress keeps clear of the ends of the /24 ranges.
func podAddress(i int) string { return fmt.Sprintf("10.244.%d.%d", i/250, i%250+2) }

// addressBook gives out addresses, to each object one.
type addressBook struct {
	address func(i int) string
	size    int

	mu    sync.Mutex
	next  int
	of    map[types.UID]string
	taken map[string]bool
}

func newAddressBook(size int, address func(i int) string) *addressBook {
	return &addressBook{address: address, size: size, of: map[types.UID]string{}, taken: map[string]bool{}}
}

// get returns the address of an object, and gives it one the first time. An
// address that was given back comes again as late as possible.
func (b *addressBook) get(uid types.UID) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a, ok := b.of[uid]; ok {
		return a, nil
	}
	for range b.size {
		a := b.address(b.next)
		b.next = (b.next + 1) % b.size
		if !b.taken[a] {
			b.of[uid], b.taken[a] = a, true
			return a, nil
		}
	}
	return "", fmt.Errorf("all %d addresses from %s on are taken", b.size, b.address(0))
}

// adopt keeps an address that an object has from an earlier run.
func (b *addressBook) adopt(uid types.UID, address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of[uid], b.taken[address] = address, true
}

func (b *addressBook) forget(uid types.UID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.taken, b.of[uid])
	delete(b.of, uid)
}

// adoptAddresses keeps what an earlier run gave out.
func (f *fakes) adoptAddresses() error {
	pods, err := f.informers.Core().V1().Pods().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	for _, p := range pods {
		if p.Status.PodIP != "" && !p.Spec.HostNetwork {
			f.podIPs.adopt(p.UID, p.Status.PodIP)
		}
	}
	services, err := f.informers.Core().V1().Services().Lister().List(labels.Everything())
	if err != nil {
		return err
	}
	for _, s := range services {
		for _, i := range s.Status.LoadBalancer.Ingress {
			f.balancers.adopt(s.UID, i.IP)
		}
	}
	return nil
}

// syncService gives a Service of type LoadBalancer an address, and takes it back
// when the type changes.
func (f *fakes) syncService(ctx context.Context, s *corev1.Service) error {
	has := len(s.Status.LoadBalancer.Ingress) > 0
	wants := s.Spec.Type == corev1.ServiceTypeLoadBalancer && s.DeletionTimestamp == nil
	if has == wants {
		return nil
	}
	s.Status.LoadBalancer.Ingress = nil
	if wants {
		ip, err := f.balancerIP(s)
		if err != nil {
			return err
		}
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip, IPMode: ptr.To(corev1.LoadBalancerIPModeVIP)}}
	}
	_, err := f.client.CoreV1().Services(s.Namespace).UpdateStatus(ctx, s, metav1.UpdateOptions{})
	return err
}

// balancerIP returns the address that the Service asks for, or a free one.
func (f *fakes) balancerIP(s *corev1.Service) (string, error) {
	// Deprecated, and still the only way to ask that works everywhere.
	if s.Spec.LoadBalancerIP != "" {
		return s.Spec.LoadBalancerIP, nil
	}
	return f.balancers.get(s.UID)
}

// syncIngress gives an Ingress of any class the one address.
func (f *fakes) syncIngress(ctx context.Context, i *networkingv1.Ingress) error {
	if len(i.Status.LoadBalancer.Ingress) > 0 || i.DeletionTimestamp != nil {
		return nil
	}
	i.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: ingressAddress}}
	_, err := f.client.NetworkingV1().Ingresses(i.Namespace).UpdateStatus(ctx, i, metav1.UpdateOptions{})
	return err
}
