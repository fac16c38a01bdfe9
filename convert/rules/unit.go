package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/extension"
	"gantry/convert/hosts"
	"gantry/convert/workload"
)

// app is the application on its way through the rules: what they read, and the
// model they write.
type app struct {
	opts    Options
	project *compose.Project
	out     *workload.App
	diags   diag.List
	// minor is the version of Kubernetes that the objects are for: 1.minor.
	minor int

	// names holds the Kubernetes name of every active service and job.
	names map[string]string
	// taken holds the names in use, by kind of object.
	taken map[string]registry
	// waited names the services that others wait for to complete, and who waits.
	waited map[string][]string
	// dependedOn names the services that others depend on.
	dependedOn map[string]bool
	// once are the services and jobs that run to completion.
	once map[string]bool
	// called finds services by their container_name, and seats holds their places in
	// pods.
	called map[string]string
	seats  map[string]seat
	// contexts are the folders that services are built from, and builtFrom those that
	// images are.
	contexts  map[string]string
	builtFrom map[string][]string
	// addresses are those that networks of Compose give to services, and whose they are.
	addresses map[string]string
	// subnets are their ranges of addresses, by the first of each.
	subnets map[string]subnet
	// mentions is where the user's own strings speak of services, and renames are those of
	// their names that hosts of the cluster cannot have.
	mentions mentions
	renames  hosts.Renames
	// sharedAliases are the aliases that several services have together.
	sharedAliases map[string]sharedAlias
	// claims are the named volumes that pods mount, by their Compose name.
	claims map[string]*claim
	// folders are the folders of this machine that pods mount, by their path.
	folders map[string]*claim
	// below are those that lie in another.
	below map[string]belowFolder
	// data, services and bound find what is in the model already: ConfigMaps and
	// Secrets by kind and name, Services by name, claims in place of folders.
	data     map[string]*workload.Data
	services map[string]*workload.Endpoint
	bound    map[string]*workload.Claim
	// charted are the services in whose place a chart runs.
	charted types.Services
	// units are the services and jobs that have a container, by their names.
	units map[string]*unit
	// ext is what x-kubernetes says.
	ext *extension.Set
	// secretVariables are the variables of the files that hold secrets.
	secretVariables credentials
	// declared are the ConfigMaps and Secrets of top-level configs and secrets
	// that were looked at already.
	declared map[string]bool
	// knownSecrets are the secrets among the variables of all units.
	knownSecrets map[string]bool
	// sharedEnv are the variables of env files that set the same for several units.
	sharedEnv map[envFileID]*envSource
}

// unit is one container of Compose (a service, a job, a pre_start hook) on its
// way into a pod.
type unit struct {
	*app
	// path leads to the unit in the Compose file: services, web.
	path diag.Path
	// name is its Compose name, object its Kubernetes name.
	name, object string
	in           *types.ServiceConfig
	// ext is what x-kubernetes says of the unit; hooks have none.
	ext *extension.Service
	// work is the workload of the unit alone until the group is joined, and that of
	// the whole group from then on.
	work  *workload.Workload
	group *group
	// files are the env files, as far as they can be read.
	files []envFile
	// container is filled by the rules and put into the pod at the end.
	container *corev1.Container
	// referred are the secrets that the container has as variables, and that its
	// command line and its probes refer to.
	referred []compose.Variable
	// checked are the secrets in the health check.
	checked []compose.Variable
	// ports are what the unit answers on, published or not.
	ports []port
}

func (u *unit) pod() *corev1.PodSpec { return &u.work.Pod.Spec }

// seat is the place of the unit in the pods of the application.
func (u *unit) seat() seat { return u.seats[u.name] }

// isJob tells a Compose job, or a hook, from a service.
func (u *unit) isJob() bool { return u.path[0] == "jobs" }

// isHook tells a pre_start hook from the service that it belongs to.
func (u *unit) isHook() bool { return len(u.path) > 2 }

// at returns the path of a key of the unit.
func (u *unit) at(key ...string) diag.Path { return slices.Concat(u.path, key) }

// finding is what a rule has to say about a key.
type finding struct {
	code, summary, hint string
}

func (u *unit) note(f finding, key ...string) { u.say(diag.Note, f, key) }
func (u *unit) warn(f finding, key ...string) { u.say(diag.Warning, f, key) }
func (u *unit) fail(f finding, key ...string) { u.say(diag.Error, f, key) }

// say reports a finding about a key of the unit. What a hook inherits is reported
// where the service has it.
func (u *unit) say(severity diag.Severity, f finding, key []string) {
	if u.isHook() && len(key) > 0 {
		own, ok := u.own(key)
		if !ok {
			return
		}
		key = own
	}
	u.report(severity, f, u.at(key...))
}

// own returns a key of a hook as somebody wrote it, and whether anybody did: what
// its service has is in the hook, too, and before the items of its lists.
func (u *unit) own(key []string) ([]string, bool) {
	service, origins := u.path[:2:2], u.project.Origins
	if len(key) > 1 {
		inherited := origins.Items(append(service, key[0])...)
		if i, err := strconv.Atoi(key[1]); err == nil && inherited > 0 {
			key = slices.Clone(key)
			key[1] = strconv.Itoa(i - inherited)
			return key, i >= inherited
		}
	}
	if origins.Has(u.at(key...)...) {
		return key, true
	}
	return key, origins.Has(u.at(key[0])...) && !origins.Has(append(service, key...)...)
}

// report adds a diagnostic about a key at the place where somebody wrote it.
func (a *app) report(severity diag.Severity, f finding, path diag.Path) {
	a.reportAt(severity, f, a.project.Origins.At(path...), path)
}

// reportAt is report for what stands in another file than its key.
func (a *app) reportAt(severity diag.Severity, f finding, pos diag.Pos, path diag.Path) {
	a.diags.Add(diag.Diagnostic{
		Severity: severity,
		Pos:      pos,
		Path:     path,
		Code:     f.code,
		Summary:  f.summary,
		Hint:     f.hint,
	})
}

// service is the Compose service or job that the unit is or belongs to.
func (u *unit) service() string { return u.work.Service }

// madeUp returns a name for an object that gantry makes for this unit alone.
// What tells objects with one suffix apart is given behind it.
func (u *unit) madeUp(kind, suffix string, apart ...string) string {
	return u.kindNames(kind).unique(objectName(u.object+"-"+plainStart(suffix)), strings.Join(append(apart, suffix, u.name), "\x00"))
}

// below returns the path of a key below another.
func below(path diag.Path, key ...string) diag.Path { return slices.Concat(path, key) }
