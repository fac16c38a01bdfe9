package rules

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/pattern"
	"gantry/convert/workload"
)

// exclusive says why no two pods of the unit may run at a time, and what changes that.
// The former is "" where they may.
func (u *unit) exclusive() (why, hint string) {
	if u.claimsForOneNode() {
		return "one node at a time mounts the volume", "use storage that many nodes can mount"
	}
	for _, m := range u.mountsOf(u.in) {
		c := u.mounted(m.Type, m.Source)
		switch {
		case c == nil || m.ReadOnly || m.develops:
		case isDatastore(u.in.Image) && c.database, slices.Contains(dataFolders(), path.Clean(m.Target)):
			return "two servers must not write to one database", ""
		case m.Type != types.VolumeTypeBind && c.storage == existing && len(c.pods) == 1 && u.in.GetScale() == 1:
			return "nothing says that two pods may write to an external volume", "say read_only: true where the service only reads it"
		}
	}
	return "", ""
}

// claimsForOneNode reports whether the unit alone mounts storage that one node can
// mount at a time.
func (u *unit) claimsForOneNode() bool {
	for _, name := range u.sharedVolumes() {
		if len(u.claims[name].pods) == 1 && !u.claims[name].manyNodes() {
			return true
		}
	}
	return slices.ContainsFunc(u.pod().Volumes, func(v corev1.Volume) bool {
		if v.PersistentVolumeClaim == nil {
			return false
		}
		c := u.bound[v.PersistentVolumeClaim.ClaimName]
		return c != nil && slices.Contains(c.AccessModes, corev1.ReadWriteOnce)
	})
}

// placement maps platform, runtime and deploy.placement.
func (u *unit) placement() {
	u.platform()
	if r := u.in.Runtime; r != "" && r != "runc" {
		class := objectName(r)
		u.pod().RuntimeClassName = &class
		u.note(finding{code: "runtime-class", summary: "needs a RuntimeClass called " + class}, "runtime")
	}
	p := u.deploy().Placement
	for i, c := range p.Constraints {
		u.constraint(c, "deploy", "placement", "constraints", strconv.Itoa(i))
	}
	for i, preference := range p.Preferences {
		u.spread(preference.Spread, "deploy", "placement", "preferences", strconv.Itoa(i))
	}
	if p.MaxReplicas == 1 {
		u.affinity().PodAntiAffinity = &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			LabelSelector: u.selector(), TopologyKey: corev1.LabelHostname,
		}}}
	} else if p.MaxReplicas > 1 {
		u.note(finding{code: "max-replicas", summary: "becomes an even spread over nodes: Kubernetes has no limit above one"}, "deploy", "placement", "max_replicas_per_node")
		u.topologySpread(corev1.LabelHostname)
	}
}

// platform maps os[/arch[/variant]] to the labels that every node has.
func (u *unit) platform() {
	if u.in.Platform == "" {
		return
	}
	systems := []string{"linux", "windows"}
	parts := strings.Split(u.in.Platform, "/")
	if len(parts) == 1 && !slices.Contains(systems, parts[0]) {
		parts = []string{"linux", parts[0]}
	}
	labels := map[string]string{corev1.LabelOSStable: parts[0]}
	if len(parts) > 1 {
		labels[corev1.LabelArchStable] = architecture(parts[1])
	}
	if !slices.Contains(systems, parts[0]) || len(parts) > 1 && !slices.Contains(architectures(), labels[corev1.LabelArchStable]) {
		u.warn(finding{
			code: "platform", summary: fmt.Sprintf("%q is no platform of a node: it is left out", u.in.Platform), hint: "write OS/ARCHITECTURE, such as linux/arm64",
		}, "platform")
		return
	}
	u.pod().NodeSelector = labels
}

// architectures are the processors of nodes, as the kubelet labels them.
func architectures() []string {
	return []string{"386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"}
}

// constraintPattern reads Swarm's constraints, with or without blanks.
var constraintPattern = pattern.Lazy(`^\s*([^\s=!]+)\s*(==|!=)\s*(.*?)\s*$`)

func (u *unit) constraint(s string, key ...string) {
	m := constraintPattern().FindStringSubmatch(s)
	if m == nil {
		u.warn(finding{code: "constraint", summary: fmt.Sprintf("%q is no constraint: it is left out", s), hint: "write node.labels.KEY == VALUE"}, key...)
		return
	}
	label, value := m[1], m[3]
	op := corev1.NodeSelectorOpIn
	if m[2] == "!=" {
		op = corev1.NodeSelectorOpNotIn
	}
	switch label {
	case "node.role":
		u.roleConstraint((value == "manager") == (op == corev1.NodeSelectorOpIn), key)
		return
	case "node.platform.arch":
		value = architecture(value)
	}
	known, ok := nodeLabel(label)
	if !ok {
		u.warn(finding{code: "constraint", summary: label + " is a property of Docker's nodes: the constraint is left out"}, key...)
		return
	}
	if len(validation.IsQualifiedName(known)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
		u.warn(finding{code: "constraint", summary: fmt.Sprintf("%q is no label of a Kubernetes node: the constraint is left out", s)}, key...)
		return
	}
	u.requireNode(corev1.NodeSelectorRequirement{Key: known, Operator: op, Values: []string{value}})
}

// roleConstraint maps node.role: managers are the nodes of the control plane.
func (u *unit) roleConstraint(manager bool, key []string) {
	const label = "node-role.kubernetes.io/control-plane"
	if !manager {
		u.note(finding{code: "constraint-role", summary: "keeps pods from control-plane nodes, which mostly keep them away themselves"}, key...)
		u.requireNode(corev1.NodeSelectorRequirement{Key: label, Operator: corev1.NodeSelectorOpDoesNotExist})
		return
	}
	u.warn(finding{code: "constraint-role", summary: "runs on control-plane nodes only, of which managed clusters show none"}, key...)
	u.requireNode(corev1.NodeSelectorRequirement{Key: label, Operator: corev1.NodeSelectorOpExists})
	u.pod().Tolerations = append(u.pod().Tolerations, corev1.Toleration{Key: label, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule})
}

// nodeLabel returns the label of Kubernetes for a property of Swarm's nodes.
func nodeLabel(property string) (string, bool) {
	switch property {
	case "node.hostname":
		return corev1.LabelHostname, true
	case "node.platform.os":
		return corev1.LabelOSStable, true
	case "node.platform.arch":
		return corev1.LabelArchStable, true
	default:
		return strings.CutPrefix(property, "node.labels.")
	}
}

// architecture returns Kubernetes' name for what uname calls a processor.
func architecture(name string) string {
	switch strings.ToLower(name) {
	case "aarch64", "arm64":
		return "arm64"
	case "x86_64", "amd64":
		return "amd64"
	case "armv7l", "armhf", "armv6l":
		return "arm"
	case "i386", "i686":
		return "386"
	default:
		return name
	}
}

func (u *unit) affinity() *corev1.Affinity {
	if u.pod().Affinity == nil {
		u.pod().Affinity = &corev1.Affinity{}
	}
	return u.pod().Affinity
}

// requireNode adds a rule that every node of the pod must meet.
func (u *unit) requireNode(r corev1.NodeSelectorRequirement) {
	a := u.affinity()
	if a.NodeAffinity == nil {
		a.NodeAffinity = &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{}}}}
	}
	term := &a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0]
	term.MatchExpressions = append(term.MatchExpressions, r)
}

func (u *unit) spread(spread string, key ...string) {
	label, ok := nodeLabel(spread)
	if !ok || len(validation.IsQualifiedName(label)) > 0 {
		u.warn(finding{code: "constraint", summary: fmt.Sprintf("%q is no label of a Kubernetes node: the preference is left out", spread)}, key...)
		return
	}
	u.topologySpread(label)
}

func (u *unit) topologySpread(label string) {
	if slices.ContainsFunc(u.pod().TopologySpreadConstraints, func(c corev1.TopologySpreadConstraint) bool { return c.TopologyKey == label }) {
		return // the API server refuses it a second time
	}
	u.pod().TopologySpreadConstraints = append(u.pod().TopologySpreadConstraints, corev1.TopologySpreadConstraint{
		MaxSkew: 1, TopologyKey: label, WhenUnsatisfiable: corev1.ScheduleAnyway, LabelSelector: u.selector(),
	})
}

func (u *unit) selector() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: workload.SelectorLabels(u.out.Name, u.work.Component)}
}

// hostDevice tells of a device of the node: only privileged containers may open
// those that their runtime was not asked for.
func (u *unit) hostDevice(source string, key []string) {
	f := finding{
		code: "device-host", summary: fmt.Sprintf("mounts %s of whichever node runs the pod", source), hint: "use the device plugin of the device where there is one",
	}
	if u.in.Privileged {
		u.note(f, key...)
		return
	}
	f.summary += "; without privileged: true the container may not open it"
	u.warn(f, key...)
}

// devices mounts host devices by their files.
func (u *unit) devices() {
	for i, d := range u.in.Devices {
		key := []string{"devices", strconv.Itoa(i)}
		if !strings.HasPrefix(d.Source, "/") {
			u.cdi(d.Source, key)
			continue
		}
		target := d.Target
		setDefault(&target, d.Source)
		u.hostDevice(d.Source, key)
		u.mount(nodeVolume("device"+d.Source, d.Source, deviceType(d.Source)), corev1.VolumeMount{MountPath: target})
	}
}
