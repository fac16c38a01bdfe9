package rules

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"gantry/charts/diag"
)

// containerSecurity returns the container's security context, made when needed:
// an empty one would be noise.
func (u *unit) containerSecurity() *corev1.SecurityContext {
	if u.container.SecurityContext == nil {
		u.container.SecurityContext = &corev1.SecurityContext{}
	}
	return u.container.SecurityContext
}

// podSecurity returns the pod's security context, made when needed.
func (u *unit) podSecurity() *corev1.PodSecurityContext {
	if u.pod().SecurityContext == nil {
		u.pod().SecurityContext = &corev1.PodSecurityContext{}
	}
	return u.pod().SecurityContext
}

// user maps user and group_add. Kubernetes takes numbers only: names are in the
// image, which nobody has here.
func (u *unit) user() {
	name, group, hasGroup := strings.Cut(u.in.User, ":")
	if name != "" {
		if id, ok := u.userID(name, "user"); ok {
			u.containerSecurity().RunAsUser = new(id)
		}
	}
	if hasGroup && group != "" {
		if id, ok := u.userID(group, "user"); ok {
			u.containerSecurity().RunAsGroup = new(id)
		}
	}
	for i, g := range u.in.GroupAdd {
		if id, ok := u.userID(g, "group_add", strconv.Itoa(i)); ok {
			u.podSecurity().SupplementalGroups = append(u.podSecurity().SupplementalGroups, id)
		}
	}
}

func (u *unit) userID(name string, key ...string) (int64, bool) {
	if id, err := strconv.ParseInt(name, 10, 64); err == nil && id >= 0 {
		return id, true
	}
	if id, ok := u.opts.UIDs[name]; ok {
		return id, true
	}
	switch name {
	case "root":
		return 0, true
	case "nobody":
		return 65534, true
	}
	instead := "it is left to the image"
	if key[0] == "group_add" {
		instead = "the pod is not in that group"
	}
	u.warn(finding{
		code:    "user-name",
		summary: fmt.Sprintf("%q is a name, and Kubernetes takes only numbers: %s", name, instead),
		hint:    fmt.Sprintf("write the number, or pass --uid %s=NUMBER", name),
	}, key...)
	return 0, false
}

// security maps what the container may do. Nothing is hardened or loosened
// beyond what the Compose file says.
func (u *unit) security() {
	in := u.in
	if add, drop := u.knownCapabilities("cap_add", in.CapAdd), u.knownCapabilities("cap_drop", in.CapDrop); len(add)+len(drop) > 0 {
		u.containerSecurity().Capabilities = &corev1.Capabilities{Add: add, Drop: drop}
	}
	for i, name := range in.CapAdd {
		if c := capability(name); isCapability(c) && !slices.Contains(baselineCapabilities(), c) && !in.Privileged {
			u.beyondBaseline(fmt.Sprintf("adds the capability %s", c), "cap_add", strconv.Itoa(i))
		}
	}
	if in.Privileged {
		u.containerSecurity().Privileged = new(true)
		u.warn(finding{code: "privileged", summary: "may do everything on its node; the Pod Security levels baseline and restricted forbid it"}, "privileged")
	}
	if in.ReadOnly {
		u.containerSecurity().ReadOnlyRootFilesystem = new(true)
	}
	switch in.Cgroup {
	case "":
	case "host":
		u.warn(finding{code: "cgroup-host", summary: "has no counterpart: containers have a cgroup namespace of their own"}, "cgroup")
	default:
		u.note(finding{code: "cgroup", summary: "is what containers have in Kubernetes: a cgroup namespace of their own"}, "cgroup")
	}
	u.users()
	for i, opt := range in.SecurityOpt {
		u.securityOpt(opt, "security_opt", strconv.Itoa(i))
	}
}

// users maps userns_mode: the users of the node are what pods have anyway.
func (u *unit) users() {
	switch {
	case u.in.UserNSMode != "host":
	case u.has(userNamespaces):
		u.pod().HostUsers = new(true)
	default:
		u.note(finding{
			code: "kubernetes-version", summary: fmt.Sprintf("is how all pods run before Kubernetes 1.%d: nothing says so", userNamespaces.gate().minor),
		}, "userns_mode")
	}
}

// knownCapabilities returns those that Linux has. Runtimes refuse to start a container
// with any other, and the API server takes all.
func (u *unit) knownCapabilities(key string, names []string) []corev1.Capability {
	var out []corev1.Capability
	for i, name := range names {
		switch c := capability(name); {
		case !isCapability(c):
			u.warn(finding{
				code: "unknown-word", summary: fmt.Sprintf("%q is no capability of Linux: it is left out", name), hint: diag.DidYouMean(string(c), linuxCapabilities()),
			}, key, strconv.Itoa(i))
		case !slices.Contains(out, c):
			out = append(out, c)
		}
	}
	return out
}

func isCapability(c corev1.Capability) bool {
	return c == "ALL" || slices.Contains(linuxCapabilities(), string(c))
}

// linuxCapabilities are those of capabilities(7).
func linuxCapabilities() []string {
	return []string{
		"AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID",
		"IPC_LOCK", "IPC_OWNER", "KILL", "LEASE", "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_RAW",
		"PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT", "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE",
		"SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "WAKE_ALARM",
	}
}

// capability returns the Kubernetes name of a capability, which has no CAP_.
func capability(name string) corev1.Capability {
	return corev1.Capability(strings.TrimPrefix(strings.ToUpper(name), "CAP_"))
}

// baselineCapabilities are those that the Pod Security level baseline lets
// containers add: Docker gives them to all.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/
func baselineCapabilities() []corev1.Capability {
	return []corev1.Capability{
		"AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
	}
}

// baselineTypes are the SELinux types that the level baseline knows.
func baselineTypes() []string {
	return []string{"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
}

// beyondBaseline tells of what namespaces with a Pod Security level refuse.
func (u *unit) beyondBaseline(what string, key ...string) {
	u.warn(finding{code: "pod-security", summary: what + "; the Pod Security levels baseline and restricted forbid it"}, key...)
}

// securityOpt maps one option of Docker, written name=value or name:value.
func (u *unit) securityOpt(opt string, key ...string) {
	at := strings.IndexAny(opt, "=:")
	name, value := opt, ""
	if at >= 0 {
		name, value = opt[:at], opt[at+1:]
	}
	switch name {
	case "no-new-privileges":
		if value != "false" {
			u.noNewPrivileges(key)
		}
	case "seccomp":
		u.seccomp(value, key)
	case "apparmor":
		u.apparmor(value, key)
	case "label":
		u.seLinux(value, key)
	case "systempaths":
		u.unmaskProc(key)
	default:
		u.warn(finding{code: "security-option", summary: fmt.Sprintf("option %q has no counterpart: it is left out", opt)}, key...)
	}
}

// noNewPrivileges is refused by the API server beside what needs privileges.
func (u *unit) noNewPrivileges(key []string) {
	if u.in.Privileged || slices.ContainsFunc(u.in.CapAdd, func(c string) bool { return capability(c) == "SYS_ADMIN" }) {
		u.warn(finding{code: "security-option", summary: "has no effect on a container with these privileges, and Kubernetes refuses both: it is left out"}, key...)
		return
	}
	u.containerSecurity().AllowPrivilegeEscalation = new(false)
}

// unmaskProc shows all of /proc. Kubernetes allows it to containers whose root is
// not the node's; privileged ones see it anyway.
func (u *unit) unmaskProc(key []string) {
	host := u.in.UserNSMode == "host" || u.in.NetworkMode == "host" || u.in.Pid == "host" || u.in.Ipc == "host"
	switch {
	case u.in.Privileged:
	case host:
		u.warn(finding{code: "security-option", summary: "does not go with a namespace of the node in Kubernetes: it is left out"}, key...)
	case u.needs(procMount, key...):
		u.containerSecurity().ProcMount = ptr.To(corev1.UnmaskedProcMount)
		u.pod().HostUsers = new(false)
		u.warn(finding{
			code: "security-option", summary: "gives the pod users of its own (hostUsers: false), without which Kubernetes refuses it; nodes must support them",
		}, key...)
	}
}

func (u *unit) seccomp(value string, key []string) {
	switch value {
	case "unconfined":
		u.containerSecurity().SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}
		u.beyondBaseline("runs without a seccomp profile", key...)
	case "builtin", "default":
		u.containerSecurity().SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}
	default:
		name := path.Base(filepath.ToSlash(value))
		u.containerSecurity().SeccompProfile = &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost, LocalhostProfile: &name}
		u.warn(finding{
			code:    "seccomp-file",
			summary: fmt.Sprintf("must be installed on each node, as /var/lib/kubelet/seccomp/%s: the container does not start without it", name),
		}, key...)
	}
}

func (u *unit) apparmor(value string, key []string) {
	if !u.needs(appArmorFields, key...) {
		return
	}
	profile := &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &value}
	switch value {
	case "unconfined":
		profile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
		u.beyondBaseline("runs without an AppArmor profile", key...)
	case "docker-default", "":
		profile = &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	default:
		u.note(finding{code: "apparmor-profile", summary: fmt.Sprintf("needs the profile %s loaded on each node", value)}, key...)
	}
	u.containerSecurity().AppArmorProfile = profile
}

// seLinux maps label:FIELD:VALUE.
func (u *unit) seLinux(value string, key []string) {
	if u.containerSecurity().SELinuxOptions == nil {
		u.containerSecurity().SELinuxOptions = &corev1.SELinuxOptions{}
	}
	options := u.containerSecurity().SELinuxOptions
	field, v, _ := strings.Cut(value, ":")
	switch field {
	case "user":
		options.User = v
	case "role":
		options.Role = v
	case "type":
		options.Type = v
	case "level":
		options.Level = v
	case "disable":
		options.Type = "spc_t" // the type of containers that SELinux does not confine
	default:
		u.warn(finding{code: "security-option", summary: fmt.Sprintf("SELinux label %q is not known: it is left out", value)}, key...)
		return
	}
	if field == "user" || field == "role" || !slices.Contains(baselineTypes(), options.Type) && field != "level" {
		u.beyondBaseline(fmt.Sprintf("sets the SELinux label %q", value), key...)
	}
}
