package controlplane

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// fakes stands in for what a cluster has beside its control plane.
type fakes struct {
	client    kubernetes.Interface
	informers informers.SharedInformerFactory
	events    record.EventRecorder
	queue     workqueue.TypedRateLimitingInterface[item]
	now       func() time.Time
	nodes     int
	stays     stays
	podIPs    *addressBook
	balancers *addressBook
}

// item names an object that is to be looked at.
type item struct{ kind, namespace, name string }

const (
	kindPod     = "pod"
	kindClaim   = "claim"
	kindVolume  = "volume"
	kindService = "service"
	kindIngress = "ingress"
)

const (
	workers    = 4
	firstRetry = 20 * time.Millisecond
	maxRetry   = 10 * time.Second
	userAgent  = "gantry-sandbox"
)

// startFakes makes the nodes and the default classes, and begins to watch.
func (c *cluster) startFakes(ctx context.Context) error {
	cfg := rest.CopyConfig(c.config)
	cfg.ContentType = runtime.ContentTypeProtobuf
	cfg.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfig(rest.AddUserAgent(cfg, userAgent))
	if err != nil {
		return err
	}
	f := &fakes{
		client:    client,
		informers: informers.NewSharedInformerFactory(client, 0),
		queue:     workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[item](firstRetry, maxRetry)),
		now:       c.Now,
		nodes:     c.Nodes,
		podIPs:    newAddressBook(podAddresses, podAddress),
		balancers: newAddressBook(balancerAddresses, balancerAddress),
	}
	if err := f.watch(); err != nil {
		return err
	}
	if err := f.ensureNodes(ctx); err != nil {
		return err
	}
	if err := f.ensureClasses(ctx); err != nil {
		return err
	}
	pods := f.informers.Core().V1().Pods().Lister()
	c.kubelets.pods.Store(&pods)
	c.runComponent("nodes", f.run)
	return nil
}

// watch queues every object that comes or changes.
func (f *fakes) watch() error {
	core, networking := f.informers.Core().V1(), f.informers.Networking().V1()
	for _, w := range []struct {
		kind     string
		informer cache.SharedIndexInformer
	}{
		{kindPod, core.Pods().Informer()},
		{kindClaim, core.PersistentVolumeClaims().Informer()},
		{kindVolume, core.PersistentVolumes().Informer()},
		{kindService, core.Services().Informer()},
		{kindIngress, networking.Ingresses().Informer()},
	} {
		add := func(o any) {
			if name, err := cache.ObjectToName(o); err == nil {
				f.queue.Add(item{w.kind, name.Namespace, name.Name})
			}
		}
		if _, err := w.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: add, UpdateFunc: func(_, o any) { add(o) }}); err != nil {
			return err
		}
	}
	if err := f.watchDeletions(); err != nil {
		return err
	}
	for _, informer := range []cache.SharedIndexInformer{core.ConfigMaps().Informer(), core.Secrets().Informer()} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: f.unblock, UpdateFunc: func(_, o any) { f.unblock(o) }}); err != nil {
			return err
		}
	}
	// Asked for, so that the factory starts it.
	f.informers.Storage().V1().StorageClasses().Informer()
	return nil
}

// watchDeletions gives back what pods and Services had.
func (f *fakes) watchDeletions() error {
	forget := func(o any) {
		if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
			o = last.Obj
		}
		if m, err := meta.Accessor(o); err == nil {
			f.stays.forget(m.GetUID())
			f.podIPs.forget(m.GetUID())
			f.balancers.forget(m.GetUID())
		}
	}
	for _, informer := range []cache.SharedIndexInformer{f.informers.Core().V1().Pods().Informer(), f.informers.Core().V1().Services().Informer()} {
		if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{DeleteFunc: forget}); err != nil {
			return err
		}
	}
	return nil
}

// unblock looks again at the pods that may have waited for a ConfigMap or Secret.
func (f *fakes) unblock(o any) {
	name, err := cache.ObjectToName(o)
	if err != nil {
		return
	}
	pods, err := f.informers.Core().V1().Pods().Lister().Pods(name.Namespace).List(labels.Everything())
	if err != nil {
		return
	}
	for _, p := range pods {
		if p.Status.Phase == corev1.PodPending && p.Spec.NodeName != "" {
			f.queue.Add(item{kindPod, p.Namespace, p.Name})
		}
	}
}

// run looks at what is queued and keeps the nodes alive, until the context ends.
func (f *fakes) run(ctx context.Context) error {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	defer broadcaster.Shutdown()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: f.client.CoreV1().Events("")})
	f.events = broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet"})

	f.informers.Start(ctx.Done())
	defer f.informers.Shutdown()
	f.informers.WaitForCacheSync(ctx.Done())
	if err := f.adoptAddresses(); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for f.work(ctx) {
			}
		})
	}
	wg.Go(func() { f.heartbeat(ctx) })
	<-ctx.Done()
	f.queue.ShutDown()
	wg.Wait()
	return nil
}

// work takes one item from the queue, and tells whether there can be more.
func (f *fakes) work(ctx context.Context) bool {
	it, quit := f.queue.Get()
	if quit {
		return false
	}
	defer f.queue.Done(it)
	switch err := f.sync(ctx, it); {
	case err == nil || apierrors.IsNotFound(err):
		f.queue.Forget(it)
	case ctx.Err() != nil:
	case apierrors.IsConflict(err): // the informer is a moment behind
		f.queue.AddRateLimited(it)
	default:
		klog.ErrorS(err, "fake", "kind", it.kind, "namespace", it.namespace, "name", it.name)
		f.queue.AddRateLimited(it)
	}
	return true
}

func (f *fakes) sync(ctx context.Context, it item) error {
	core := f.informers.Core().V1()
	switch it.kind {
	case kindPod:
		return with(ctx, it, core.Pods().Lister().Pods(it.namespace).Get, f.syncPod)
	case kindClaim:
		return with(ctx, it, core.PersistentVolumeClaims().Lister().PersistentVolumeClaims(it.namespace).Get, f.syncClaim)
	case kindVolume:
		return with(ctx, it, core.PersistentVolumes().Lister().Get, f.syncVolume)
	case kindService:
		return with(ctx, it, core.Services().Lister().Services(it.namespace).Get, f.syncService)
	case kindIngress:
		return with(ctx, it, f.informers.Networking().V1().Ingresses().Lister().Ingresses(it.namespace).Get, f.syncIngress)
	}
	return nil
}

// object is what can be copied: nothing that a lister returns may be changed.
type object[T any] interface {
	*corev1.Pod | *corev1.PersistentVolumeClaim | *corev1.PersistentVolume | *corev1.Service | *networkingv1.Ingress
	DeepCopy() T
}

// with gets the object from the informer's store, and hands on a copy.
func with[T object[T]](ctx context.Context, it item, get func(string) (T, error), sync func(context.Context, T) error) error {
	o, err := get(it.name)
	if err != nil {
		return err
	}
	return sync(ctx, o.DeepCopy())
}
