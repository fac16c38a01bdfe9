package rules

import (
	"fmt"
	"path"

	"gantry/charts/pattern"
)

// command maps entrypoint and command. Compose ignores the image's CMD when an
// entrypoint is set and no command is, and so does Kubernetes, so the mapping is
// exact but for clearing: an empty list means the image's own in Kubernetes.
func (u *unit) command() {
	entrypoint, args := u.in.Entrypoint, u.in.Command
	if len(entrypoint) == 1 && entrypoint[0] == "" {
		entrypoint = []string{} // which is how docker run --entrypoint "" clears it
		u.note(finding{code: "entrypoint-reset", summary: "is no program: it clears the entrypoint of the image"}, "entrypoint", "0")
	}
	switch image := u.facts(u.name, u.in); {
	case isCleared(entrypoint) && len(args) > 0:
		entrypoint, args = args, nil // what would be its arguments runs itself
	case isCleared(entrypoint) && len(image.Command) > 0:
		entrypoint = image.Command
	case isCleared(entrypoint):
		u.warn(finding{
			code:    "entrypoint-reset",
			summary: "clears the image's entrypoint, which Kubernetes cannot: the image's entrypoint runs",
			hint:    "set entrypoint to the program that should run",
		}, "entrypoint")
	case isCleared(args) && entrypoint == nil && len(image.Entrypoint) > 0:
		entrypoint = image.Entrypoint
	case isCleared(args) && entrypoint == nil:
		u.warn(finding{
			code:    "command-reset",
			summary: "clears the image's command, which Kubernetes cannot: the image's command runs",
			hint:    "set command to the arguments that should be passed",
		}, "command")
	}
	u.container.Command, u.container.Args = u.arguments(entrypoint), u.arguments(args)
	u.workingDir()
}

// windowsFolder is an absolute path in a container of Windows.
var windowsFolder = pattern.Lazy(`^[A-Za-z]:[/\\]`)

// workingDir maps working_dir. Runtimes start no container in a relative folder.
func (u *unit) workingDir() {
	dir := u.in.WorkingDir
	if dir != "" && !path.IsAbs(dir) && !windowsFolder().MatchString(dir) {
		u.warn(finding{
			code: "unknown-word", summary: fmt.Sprintf("%q does not begin at the root of the container: it is left out", dir), hint: fmt.Sprintf("write %q", "/"+dir),
		}, "working_dir")
		return
	}
	u.container.WorkingDir = dir
}

// isCleared tells a list that is empty from one that nobody wrote.
func isCleared(list []string) bool { return list != nil && len(list) == 0 }

// dollars are the runs of $ that the kubelet would change: two or more collapse
// by pairs, and one before a parenthesis begins a variable.
// (k8s.io/kubernetes/third_party/forked/golang/expansion)
var dollars = pattern.Lazy(`\$\$+|\$\(`)

// kubeletEscape protects text that the kubelet expands (the values of env,
// command, args and the commands of probes) so that the container sees exactly
// what Compose would give it. ConfigMaps, Secrets and the commands of lifecycle
// hooks are not expanded.
func kubeletEscape(s string) string {
	return dollars().ReplaceAllStringFunc(s, func(run string) string {
		if run == "$(" {
			return "$$("
		}
		return run + run
	})
}
