package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts"
	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/compose"
	"gantry/convert/hosts"
)

// Services of Compose have names that no Service can have: plausible_db. The user's
// strings find them by their new names where only a host can stand. What may be something
// else stays, and files do: somebody is told of each (convert/adr/0025).

// readStrings finds where strings speak of services, by the names that these have in the
// cluster.
func (a *app) readStrings() {
	known := a.hosts()
	a.renames = a.findRenames(known)
	a.mentions = a.findMentions(known)
	for name := range a.renames {
		if a.mentions.first[name] != nil { // which is rare
			a.rename()
			a.out.Hosts = a.renames
			a.mentions = a.findMentions(known)
			return
		}
	}
}

// findRenames returns the names by which Compose knows services and the cluster cannot,
// and what each is called there. Names of others than services give way to them.
func (a *app) findRenames(known map[string]string) hosts.Renames {
	renames := hosts.Renames{}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		service := known[name]
		_, job := a.project.Jobs[service]
		switch _, address := a.addresses[name]; {
		case service == "" || job || address || strings.HasPrefix(name, swarmTasks):
		case name == service:
			if object := a.names[service]; object != name {
				renames[name] = object
			}
		case !a.servable(name):
			renames[name] = a.substitute(name, service, known)
		}
	}
	for _, name := range a.outside() {
		clean := objectName(name)
		_, taken := known[clean]
		if _, ours := known[name]; !ours && !taken && !a.servable(name) {
			renames[name], known[name], known[clean] = clean, "", ""
		}
	}
	return renames
}

// outside are the names that the files give to hosts of others, sorted.
func (a *app) outside() []string {
	var names []string
	for _, s := range a.project.Services {
		names = slices.AppendSeq(names, maps.Keys(s.ExtraHosts))
		for _, link := range s.ExternalLinks {
			_, alias := externalNames(link)
			names = append(names, alias)
		}
	}
	slices.Sort(names)
	return names
}

// servable reports whether the cluster's DNS can have a name: that of a Service, or one
// with dots, of which [unit.dotted] sees what can be done.
func (a *app) servable(name string) bool {
	if strings.Contains(name, ".") {
		return len(validation.IsDNS1123Subdomain(name)) == 0
	}
	return len(validation.IsDNS1123Label(name)) == 0 && (name[0] > '9' || a.takes(digitNames))
}

// substitute returns the name for another name of a service: that of its Service. A host
// name is made to fit, since programs compare it with what their own machine is called.
func (a *app) substitute(name, service string, known map[string]string) string {
	clean := objectName(name)
	if _, taken := known[clean]; !taken && name == a.project.Services[service].Hostname && a.servable(clean) {
		known[clean] = service
		return clean
	}
	return a.names[service]
}

// known returns a name as the cluster knows it.
func (a *app) known(name string) string {
	if renamed, ok := a.renames[name]; ok {
		return renamed
	}
	return name
}

// rename writes new names into the variables, commands and health checks of services and
// jobs. A copy of the project has them afterwards.
func (a *app) rename() {
	copied, project := *a.project.Project, *a.project
	copied.Services, copied.Jobs = maps.Clone(copied.Services), maps.Clone(copied.Jobs)
	project.Project, project.Variables = &copied, slices.Clone(project.Variables)
	a.project = &project
	for i, v := range project.Variables {
		project.Variables[i].Value, _ = a.renames.Rewrite(v.Name, v.Value)
	}
	for _, name := range slices.Sorted(maps.Keys(copied.Services)) {
		copied.Services[name] = a.renameInService(copied.Services[name], diag.Path{"services", name})
	}
	for _, name := range slices.Sorted(maps.Keys(copied.Jobs)) {
		job := copied.Jobs[name]
		a.renameIn(&job.ContainerSpec, diag.Path{"jobs", name})
		copied.Jobs[name] = job
	}
}

func (a *app) renameInService(s types.ServiceConfig, path diag.Path) types.ServiceConfig {
	a.renameIn(&s.ContainerSpec, path)
	s.PreStart = slices.Clone(s.PreStart)
	for i := range s.PreStart {
		a.renameIn(&s.PreStart[i].ContainerSpec, below(path, "pre_start", strconv.Itoa(i)))
	}
	s.PostStart, s.PreStop = a.renameInHooks(s.PostStart, below(path, "post_start")), a.renameInHooks(s.PreStop, below(path, "pre_stop"))
	if s.HealthCheck != nil {
		check := *s.HealthCheck
		check.Test = a.renameWords(check.Test, below(path, "healthcheck", "test"))
		s.HealthCheck = &check
	}
	return s
}

// renameIn writes new names into what a container runs.
func (a *app) renameIn(c *types.ContainerSpec, path diag.Path) {
	c.Environment = maps.Clone(c.Environment)
	for _, key := range slices.Sorted(maps.Keys(c.Environment)) {
		if v := c.Environment[key]; v != nil {
			at := below(path, "environment", key)
			renamed := a.renameVariable(key, *v, a.project.Origins.At(at...), at)
			c.Environment[key] = &renamed
		}
	}
	c.Entrypoint = a.renameWords(c.Entrypoint, below(path, "entrypoint"))
	c.Command = a.renameWords(c.Command, below(path, "command"))
}

func (a *app) renameInHooks(hooks []types.ServiceHook, path diag.Path) []types.ServiceHook {
	hooks = slices.Clone(hooks)
	for i := range hooks {
		hooks[i].Command = a.renameWords(hooks[i].Command, below(path, strconv.Itoa(i), "command"))
	}
	return hooks
}

// renameWords writes new names into a command line.
func (a *app) renameWords(words []string, path diag.Path) []string {
	rewritten, found := a.renames.RewriteWords(words)
	for i := range words {
		at := path
		if item := below(path, strconv.Itoa(i)); a.project.Origins.Has(item...) {
			at = item // a list, and no text that is split into words
		}
		a.reportRenamed(found[i], a.project.Origins.At(at...), at)
	}
	return rewritten
}

// renameVariable writes new names into the value of a variable.
func (a *app) renameVariable(key, value string, pos diag.Pos, path diag.Path) string {
	rewritten, found := a.renames.Rewrite(key, value)
	a.reportRenamed(found, pos, path)
	if a.renames[value] != "" && len(found.Others) > 0 && !charts.IsSecretName(key) {
		a.reportAt(diag.Note, finding{
			code: "name-kept", summary: fmt.Sprintf("stays %s: by its name it is no host, though hosts of this name become %s", value, a.renames[value]),
		}, pos, path)
	}
	return rewritten
}

// renameInFile writes new names into the variables of an env file. path is the key that
// names it.
func (u *unit) renameInFile(vars map[string]string, file string, data []byte, path diag.Path) {
	if len(u.renames) == 0 {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(vars)) {
		if u.renames.Everywhere(vars[key]) != vars[key] {
			vars[key] = u.renameVariable(key, vars[key], compose.EnvPosition(file, data, key), path)
		}
	}
}

// reportRenamed tells of the hosts of a string that have new names, and of names that may
// be hosts. What a hook inherits is told of where its service has it.
func (a *app) reportRenamed(found hosts.Mentions, pos diag.Pos, path diag.Path) {
	if slices.Contains(path, "pre_start") && !a.project.Origins.Has(path...) {
		return
	}
	for _, name := range found.Hosts {
		a.reportAt(diag.Note, finding{
			code: "host-renamed", summary: fmt.Sprintf("the host %s becomes %s, as it is called in Kubernetes", name, a.renames[name]),
		}, pos, path)
	}
	for _, name := range found.Unknown {
		if strings.EqualFold(a.renames[name], name) {
			continue // DNS knows no capital letters
		}
		a.reportAt(diag.Warning, finding{
			code:    "name-changed",
			summary: fmt.Sprintf("mentions %s, which is called %s in Kubernetes: it stays, because it may be no host", name, a.renames[name]),
			hint:    "if it is a host, " + a.together(name),
		}, pos, path)
	}
}

// together says how a file can work under Compose and in the cluster.
func (a *app) together(name string) string {
	service := a.mentions.hosts[name]
	if service == "" {
		return fmt.Sprintf("write %s, here and where the file gives the host its name", a.renames[name])
	}
	network := "default"
	if networks := slices.Sorted(maps.Keys(a.project.Services[service].Networks)); len(networks) > 0 {
		network = networks[0]
	}
	return fmt.Sprintf("write %s; Compose finds it by that, too, with services.%s.networks: {%s: {aliases: [%[1]s]}}", a.renames[name], service, network)
}

// text is a text that goes into an object as it is: the content of a file, where file is
// its name, or of a key of the Compose file.
type text struct{ file, content string }

// mostPlaces is how many places of one text are told of, each.
const mostPlaces = 16

// reportKept tells where a text that nobody changes names hosts that have other names in
// the cluster.
func (a *app) reportKept(t text, path diag.Path) {
	if len(a.renames) == 0 {
		return
	}
	places := a.keptIn(t.content)
	for i, p := range places {
		if i == mostPlaces {
			a.report(diag.Warning, finding{
				code: "name-changed", summary: fmt.Sprintf("has %d more such places in %s", len(places)-i, a.textName(t)), hint: "look for names of services there",
			}, path)
			return
		}
		name, line := t.content[p.start:p.end], 1+strings.Count(t.content[:p.start], "\n")
		pos, where := a.project.Origins.At(path...), fmt.Sprintf(" in line %d", line)
		if t.file != "" {
			pos = diag.Pos{File: a.project.Reach.Shown(t.file), Line: line, Column: p.start - strings.LastIndex(t.content[:p.start], "\n")}
			where = ""
		}
		a.reportAt(diag.Warning, finding{
			code: "name-changed", summary: fmt.Sprintf("mentions %s%s, which is called %s in Kubernetes: files stay as they are", name, where, a.renames[name]), hint: a.together(name),
		}, pos, path)
	}
}

// textName is what a person calls a text.
func (a *app) textName(t text) string {
	if t.file == "" {
		return "it"
	}
	return a.project.Reach.Shown(t.file)
}

// span is a part of a text.
type span struct{ start, end int }

// keptIn returns where a text names hosts that have other names in the cluster: each place
// that is one, and the first of a name that only may be one.
func (a *app) keptIn(content string) []span {
	var places []span
	own, told, first := upstreams(content), map[string]bool{}, map[string]span{}
	for start, end := range hosts.Words(content) {
		name, at := content[start:end], span{start, end}
		if renamed, known := a.renames[name]; !known || strings.EqualFold(renamed, name) {
			continue
		}
		place := hosts.PlaceOf(content, start, end)
		_, noted := first[name]
		switch {
		case own[name] && !serverOf(content, at):
		case place == hosts.Host:
			places, told[name] = append(places, at), true
		case place == hosts.Unknown && !noted:
			first[name] = at
		}
	}
	for name, at := range first {
		if !told[name] {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(x, y span) int { return x.start - y.start })
	return places
}

var (
	// upstream is a name that nginx is told what it means: http://api is none of a host then.
	upstream = pattern.Lazy(`(?m)^[ \t]*upstream\s+([^\s{]+)\s*\{`)
	// listedServer is a line of what it means.
	listedServer = pattern.Lazy(`(?:^|[\s{;])server\s+$`)
)

func upstreams(content string) map[string]bool {
	names := map[string]bool{}
	for _, m := range upstream().FindAllStringSubmatch(content, -1) {
		names[m[1]] = true
	}
	return names
}

func serverOf(content string, at span) bool {
	return listedServer().MatchString(content[max(0, at.start-len("server ")-1):at.start])
}
