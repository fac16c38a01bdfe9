package rules

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
	corev1 "k8s.io/api/core/v1"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/workload"
)

// Apply turns a Compose project into the model of an application. The list says
// what becomes of the keys that are not converted exactly; when it has errors
// the application must not be used.
func Apply(project *compose.Project, opts Options) (*workload.App, diag.List) {
	a := &app{
		opts:          opts.withDefaults(),
		project:       project,
		out:           &workload.App{Name: objectName(project.Name)},
		names:         map[string]string{},
		taken:         map[string]registry{},
		waited:        map[string][]string{},
		dependedOn:    map[string]bool{},
		once:          map[string]bool{},
		called:        map[string]string{},
		seats:         map[string]seat{},
		contexts:      map[string]string{},
		builtFrom:     map[string][]string{},
		claims:        map[string]*claim{},
		folders:       map[string]*claim{},
		below:         map[string]belowFolder{},
		data:          map[string]*workload.Data{},
		services:      map[string]*workload.Endpoint{},
		bound:         map[string]*workload.Claim{},
		declared:      map[string]bool{},
		knownSecrets:  map[string]bool{},
		sharedAliases: map[string]sharedAlias{},
		sharedEnv:     map[envFileID]*envSource{},
		charted:       types.Services{},
		units:         map[string]*unit{},
	}
	a.readLabelFiles()
	a.minor = opts.Minor()
	a.readExtensions()
	a.reportKeys()
	a.reportInactive()
	a.reportModels()
	a.takeOutCharts()
	a.reportUnused()
	a.nameServices()
	a.reserveNames()
	a.dependencies()
	a.findWaits()
	a.findOnce()
	a.readImages()
	a.findContexts()
	a.findPods()
	a.findClaims()
	a.nestFolders()
	a.findStorage()
	a.addresses, a.subnets = a.findAddresses(), a.findSubnets()
	a.findSharedAliases()
	a.readStrings()
	a.secretVariables = findCredentials(project)
	units := a.readUnits()
	groups := groupsOf(units)
	for _, g := range groups {
		g.convert()
	}
	for _, g := range groups {
		g.answer()
	}
	a.shareClaims(groups)
	for _, g := range groups {
		g.comeAfter()
		g.owner.checksum()
	}
	for _, g := range groups {
		g.nameRuns()
		a.out.Workloads = append(a.out.Workloads, g.owner.work)
	}
	a.aliases(units)
	a.ownNames(units)
	a.extendApp()
	a.networks()
	a.policies()
	a.patchAll()
	a.unreachable()
	a.fixed()
	a.tasks()
	a.reportClear()
	a.sort()
	a.diags.Sort()
	return a.out, a.diags
}

// readUnits reads every active service and job, in the order of their names, into
// a container each.
func (a *app) readUnits() []*unit {
	var units []*unit
	for _, name := range slices.Sorted(maps.Keys(a.project.Services)) {
		service := a.project.Services[name]
		if service.Provider != nil {
			a.provider(name, service)
			continue
		}
		units = append(units, a.newUnit(diag.Path{"services", name}, name, &service))
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		job := a.project.Jobs[name]
		units = append(units, a.newUnit(diag.Path{"jobs", name}, name, &types.ServiceConfig{
			Name: name, ContainerSpec: job.ContainerSpec, WorkloadSpec: job.WorkloadSpec, Extensions: job.Extensions,
		}))
	}
	a.findSharedEnv(units)
	a.findKnownSecrets(units)
	a.findOwn(units)
	for _, u := range units {
		a.units[u.name] = u
		u.containerRules()
	}
	return units
}

// podRules run for every unit of a pod, once all of their containers are known.
// They run in the order in which they depend on each other: the kind decides how
// volumes are claimed and pods replaced.
func (u *unit) podRules() {
	for _, rule := range []func(){
		u.probes,
		u.kind,
		u.replicas,
		u.scaledVolumes,
		u.volumes,
		u.ownership,
		u.update,
		u.placement,
		u.labels,
		u.podDefaults,
		u.stop,
		u.awaitHealthy,
		u.hooks,
		u.logging,
		u.extend,
		u.availability,
	} {
		rule()
	}
}

// containerRules are those that services, jobs and pre_start hooks share.
func (u *unit) containerRules() {
	for _, rule := range []func(){
		u.words,
		u.templates,
		u.image,
		u.environment,
		u.command,
		u.readPorts,
		u.resources,
		u.user,
		u.security,
		u.credentialSpec,
		u.devices,
		u.deviceRequests,
		u.hostNamespaces,
		u.dns,
		u.sysctls,
		u.configs,
		u.secrets,
	} {
		rule()
	}
}

func (a *app) newUnit(path diag.Path, name string, in *types.ServiceConfig) *unit {
	object, owner := a.names[name], a.names[a.podOf(name)]
	u := &unit{
		app: a, path: path, name: name, object: object, in: in, ext: a.extensionOf(path),
		container: &corev1.Container{Name: object},
		work:      &workload.Workload{Name: owner, Component: owner, Service: name, Kind: workload.Deployment},
	}
	u.files = u.envFiles()
	return u
}

// nameServices gives every service and job its Kubernetes name. Two that would
// have the same name are an error: which of them answers to it would be chance.
func (a *app) nameServices() {
	named := registry{}
	name := func(section, service string) {
		object := a.objectOf(diag.Path{section, service})
		if section == "services" && object[0] <= '9' && !a.takes(digitNames) {
			a.report(diag.Warning, finding{
				code:    "name-digit",
				summary: fmt.Sprintf("is called %s: before Kubernetes 1.%d, names of Services begin with a letter", "x"+object, digitNames.gate().minor),
				hint:    "rename it, and what looks for it",
			}, diag.Path{section, service})
			object = objectName("x" + object)
		}
		if len(service) > maxName {
			a.report(diag.Warning, finding{
				code: "name-cut", summary: fmt.Sprintf("is called %s: names of Services have at most %d characters", object, maxName), hint: "choose a shorter name",
			}, diag.Path{section, service})
		}
		a.names[service] = object
		if other, ok := named.take(object, service); !ok {
			a.report(diag.Error, finding{
				code:    "name-collision",
				summary: fmt.Sprintf("would be called %q in Kubernetes, as %q is already", object, other),
				hint:    "rename one of the two: Kubernetes names have only lower-case letters, digits and hyphens",
			}, diag.Path{section, service})
		}
	}
	for _, services := range []types.Services{a.project.Services, a.charted} {
		for _, service := range slices.Sorted(maps.Keys(services)) {
			name("services", service)
		}
	}
	for _, job := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		name("jobs", job)
	}
}

// reserveNames keeps the names that the user chose from those that gantry makes
// up for files and variables. Of two that are one name in Kubernetes, the first by
// its name in Compose has it.
func (a *app) reserveNames() {
	for _, name := range slices.Sorted(maps.Keys(a.project.Configs)) {
		f := fileObject{section: "configs", name: name, config: types.FileObjectConfig(a.project.Configs[name])}
		a.kindNames("ConfigMap").take(a.dataName(f), "configs "+name)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Secrets)) {
		f := fileObject{section: "secrets", name: name, config: types.FileObjectConfig(a.project.Secrets[name])}
		a.kindNames("Secret").take(a.dataName(f), "secrets "+name)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Volumes)) {
		a.kindNames("PersistentVolumeClaim").take(a.claimName(name, a.project.Volumes[name]), name)
	}
	for _, name := range slices.Sorted(maps.Keys(a.project.Jobs)) {
		a.kindNames("CronJob").take(limitName(a.names[name], maxCronJobName), name)
	}
	for _, object := range a.names {
		a.kindNames("Service").take(object, object)
	}
}

// kindNames returns the names taken by one kind of object.
func (a *app) kindNames(kind string) registry {
	if a.taken[kind] == nil {
		a.taken[kind] = registry{}
	}
	return a.taken[kind]
}

// podDefaults sets what keeps pods from surprising people who come from
// Compose, and changes nothing of how the image runs.
func (u *unit) podDefaults() {
	pod := u.pod()
	// Variables such as REDIS_PORT=tcp://… for every Service of the namespace
	// collide with the settings of many images.
	pod.EnableServiceLinks = new(false)
	// Nothing that ran under Compose talks to the Kubernetes API.
	pod.AutomountServiceAccountToken = new(false)
	u.container.Stdin, u.container.TTY = u.in.StdinOpen, u.in.Tty
}

// sort puts the lists of the model in the order of their names.
func (a *app) sort() {
	slices.SortFunc(a.out.Workloads, func(x, y *workload.Workload) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Claims, func(x, y *workload.Claim) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Data, func(x, y *workload.Data) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Devices, func(x, y *workload.DeviceClaim) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Endpoints, func(x, y *workload.Endpoint) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Policies, func(x, y *workload.Policy) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Builds, func(x, y workload.Build) int { return cmp.Compare(x.Service, y.Service) })
	slices.SortFunc(a.out.Routes, func(x, y *workload.Route) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.HTTPRoutes, func(x, y *workload.HTTPRoute) int { return cmp.Compare(x.Name, y.Name) })
	slices.SortFunc(a.out.Accounts, func(x, y *workload.Account) int { return cmp.Compare(x.Name, y.Name) })
}
