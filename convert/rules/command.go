package rules

import (
	"regexp"
)

// command maps entrypoint and command. Compose ignores the image's CMD when an
// entrypoint is set and no command is, and so does Kubernetes, so the mapping is
// exact but for clearing: an empty list means the image's own in Kubernetes.
func (u *unit) command() {
	u.container.Command = kubeletEscapeAll(u.in.Entrypoint)
	u.container.Args = kubeletEscapeAll(u.in.Command)
	u.container.WorkingDir = u.in.WorkingDir
	if u.in.Entrypoint != nil && len(u.in.Entrypoint) == 0 {
		u.warn(finding{
			code:    "entrypoint-reset",
			summary: "clears the image's entrypoint, which Kubernetes cannot: the image's entrypoint runs",
			hint:    "set entrypoint to the program that should run",
		}, "entrypoint")
	}
	if u.in.Command != nil && len(u.in.Command) == 0 && len(u.in.Entrypoint) == 0 {
		u.warn(finding{
			code:    "command-reset",
			summary: "clears the image's command, which Kubernetes cannot: the image's command runs",
			hint:    "set command to the arguments that should be passed",
		}, "command")
	}
}

// dollars are the runs of $ that the kubelet would change: two or more collapse
// by pairs, and one before a parenthesis begins a variable.
// (k8s.io/kubernetes/third_party/forked/golang/expansion)
var dollars = regexp.MustCompile(`\$\$+|\$\(`)

// kubeletEscape protects text that the kubelet expands (the values of env,
// command and args) so that the container sees exactly what Compose would give
// it. ConfigMaps, Secrets and probes are not expanded.
func kubeletEscape(s string) string {
	return dollars.ReplaceAllStringFunc(s, func(run string) string {
		if run == "$(" {
			return "$$("
		}
		return run + run
	})
}

func kubeletEscapeAll(list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, kubeletEscape(s))
	}
	return out
}
