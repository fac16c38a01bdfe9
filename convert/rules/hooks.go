package rules

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/extension"
)

// hooks maps pre_start to init containers and post_start and pre_stop to the
// lifecycle of the container.
func (u *unit) hooks() {
	for i, hook := range u.in.PreStart {
		u.preStart(i, hook)
	}
	if start := u.hook("post_start", u.in.PostStart); start != nil {
		u.lifecycle().PostStart = start
	}
	if stop := u.hook("pre_stop", u.in.PreStop); stop != nil {
		u.lifecycle().PreStop = stop
	}
}

// preStart adds an init container. The loader has merged the service's own
// attributes into the hook, all but the volumes.
func (u *unit) preStart(i int, hook types.PreStartHook) {
	index := strconv.Itoa(i)
	h := &unit{
		app: u.app, path: u.at("pre_start", index), name: u.name, object: limitName(u.object+"-pre-start-"+strconv.Itoa(i+1), maxName),
		in: &types.ServiceConfig{Name: u.name, ContainerSpec: hook.ContainerSpec}, work: u.work, group: u.group, ext: &extension.Service{},
	}
	h.container, h.files = &corev1.Container{Name: h.object}, h.envFiles()
	setDefault(&h.in.Image, u.container.Image)
	for _, m := range u.in.Volumes {
		h.container.VolumeMounts = append(h.container.VolumeMounts, u.mountsAt(m.Target)...)
	}
	for _, rule := range []func(){h.image, h.command, h.environment, h.resources, h.user, h.security, h.credentialSpec, h.devices, h.deviceRequests, h.configs, h.secrets, h.volumes, h.logging, h.stopSignal} {
		rule()
	}
	u.pod().InitContainers = append(u.pod().InitContainers, *h.container)
	if !hook.PerReplica && u.in.GetScale() > 1 {
		u.warn(finding{
			code:    "pre-start-replica",
			summary: fmt.Sprintf("runs before each of the %d replicas, and not once for the service", u.in.GetScale()),
			hint:    "make it safe to run again, or make it a service that completes",
		}, "pre_start", index)
	}
}

// mountsAt returns what the container mounts at a place.
func (u *unit) mountsAt(target string) []corev1.VolumeMount {
	at := func(m corev1.VolumeMount) bool { return m.MountPath == path.Clean("/"+target) }
	if i := slices.IndexFunc(u.container.VolumeMounts, at); i >= 0 {
		return u.container.VolumeMounts[i : i+1]
	}
	return nil
}

// hook maps the hooks of one moment. Kubernetes runs one command, in the
// container and as its user.
func (u *unit) hook(key string, hooks []types.ServiceHook) *corev1.LifecycleHandler {
	var commands [][]string
	for i, hook := range hooks {
		if len(hook.Command) == 0 {
			continue
		}
		commands = append(commands, hook.Command)
		if hook.User != "" || hook.Privileged || hook.WorkingDir != "" || len(hook.Environment) > 0 {
			u.warn(finding{
				code:    "hook-context",
				summary: "runs as the container's own user, in its working directory and with its environment",
			}, key, strconv.Itoa(i))
		}
	}
	switch len(commands) {
	case 0:
		return nil
	case 1:
		return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: commands[0]}}
	}
	var lines []string
	for _, c := range commands {
		lines = append(lines, shellJoin(c))
	}
	return &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/sh", "-c", strings.Join(lines, " && ")}}}
}

// shellJoin writes a command as a POSIX shell reads it back.
func shellJoin(command []string) string {
	var words []string
	for _, w := range command {
		words = append(words, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}
