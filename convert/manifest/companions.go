package manifest

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"

	"gantry/convert/workload"
)

// companions returns the objects that look after a workload.
func (b builder) companions(w *workload.Workload) []Object {
	var objects []Object
	meta := b.meta(w.Name, w.Component, nil, nil)
	if w.Autoscaler != nil {
		spec := *w.Autoscaler.DeepCopy()
		spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: string(w.Kind), Name: w.Name}
		objects = append(objects, Object{Service: w.Service, Resource: &autoscalingv2.HorizontalPodAutoscaler{
			TypeMeta: typeMeta("autoscaling/v2", "HorizontalPodAutoscaler"), ObjectMeta: *meta.DeepCopy(), Spec: spec,
		}})
	}
	if w.Disruption != nil {
		spec := *w.Disruption.DeepCopy()
		spec.Selector = b.selector(w)
		objects = append(objects, Object{Service: w.Service, Resource: &policyv1.PodDisruptionBudget{
			TypeMeta: typeMeta("policy/v1", "PodDisruptionBudget"), ObjectMeta: *meta.DeepCopy(), Spec: spec,
		}})
	}
	return objects
}

// devices returns the template of what each pod claims.
func (b builder) devices(d *workload.DeviceClaim) Object {
	return Object{Service: d.Service, Resource: &resourcev1.ResourceClaimTemplate{
		TypeMeta: typeMeta("resource.k8s.io/v1", "ResourceClaimTemplate"), ObjectMeta: b.meta(d.Name, b.components[d.Service], nil, nil),
		Spec: resourcev1.ResourceClaimTemplateSpec{Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: d.Requests}}},
	}}
}

// account returns a ServiceAccount and the roles that it is bound to.
func (b builder) account(a *workload.Account) []Object {
	component := b.components[a.Service]
	object := func(r Resource) Object { return Object{Service: a.Service, Resource: r} }
	objects := []Object{object(&corev1.ServiceAccount{
		TypeMeta: typeMeta("v1", "ServiceAccount"), ObjectMeta: b.meta(a.Name, component, nil, a.Annotations), AutomountServiceAccountToken: &a.Automount,
	})}
	// A RoleBinding without a namespace means its own; a ClusterRoleBinding has none.
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: a.Name, Namespace: b.app.Scope.Namespace}
	if len(a.Rules) > 0 {
		meta := b.meta(a.Name, component, nil, nil)
		objects = append(objects,
			object(&rbacv1.Role{TypeMeta: typeMeta(rbacVersion, "Role"), ObjectMeta: *meta.DeepCopy(), Rules: a.Rules}),
			object(&rbacv1.RoleBinding{TypeMeta: typeMeta(rbacVersion, "RoleBinding"), ObjectMeta: *meta.DeepCopy(), Subjects: []rbacv1.Subject{subject}, RoleRef: roleRef("Role", a.Name)}),
		)
	}
	if len(a.ClusterRules) > 0 {
		// Names in the cluster are shared by all applications and namespaces.
		subject.Namespace = b.namespace()
		meta := b.meta(b.namespace()+"-"+b.app.Name+"-"+a.Name, component, nil, nil)
		objects = append(objects,
			object(&rbacv1.ClusterRole{TypeMeta: typeMeta(rbacVersion, "ClusterRole"), ObjectMeta: *meta.DeepCopy(), Rules: a.ClusterRules}),
			object(&rbacv1.ClusterRoleBinding{
				TypeMeta: typeMeta(rbacVersion, "ClusterRoleBinding"), ObjectMeta: *meta.DeepCopy(), Subjects: []rbacv1.Subject{subject}, RoleRef: roleRef("ClusterRole", meta.Name),
			}),
		)
	}
	return objects
}

const rbacVersion = "rbac.authorization.k8s.io/v1"

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}
