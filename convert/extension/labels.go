package extension

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/schema"
)

// LabelPrefix begins the labels of kompose. They are read as fields of
// x-kubernetes, and are no labels or annotations of objects.
const LabelPrefix = "kompose."

// Label is a label of kompose: github.com/kubernetes/kompose, user guide.
type Label struct {
	// Name is the label.
	Name string `json:"name"`
	// Field is the field of x-kubernetes that it stands for, a number for the
	// item of a list.
	Field string `json:"field"`
	// Values are the words that the label takes, if there are few.
	Values []string `json:"values,omitempty"`
	// Text says in one sentence what it does.
	Text string `json:"text"`
	// unless is a field that says the same in another way, and wins.
	unless string
	// needs is the label without which this one says nothing, unless x-kubernetes
	// has the section that their fields lie in.
	needs string
	// volume tells that it may stand on a volume as well, where its field lies
	// below Storage's.
	volume bool
	// parse returns the value of the field, or those of several.
	parse func(value string) (any, error)
}

// settings are the values of several fields.
type settings map[string]any

// Labels returns every label that kompose knows, in the order of their names.
func Labels() []Label {
	all := slices.Concat(workloadLabels(), probeLabels(), exposureLabels(), volumeLabels())
	slices.SortFunc(all, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func workloadLabels() []Label {
	return []Label{
		oneOf(Label{Name: "kompose.controller.type", Field: "kind", Text: "is the kind of the controller"}, map[string]any{
			"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet", "replicationcontroller": "Deployment",
		}),
		{Name: "kompose.controller.port.expose", Field: "hostPorts", Text: "binds the ports on the node", parse: truth},
		{Name: "kompose.cronjob.backoff_limit", Field: "job.backoffLimit", Text: "is how often the pods may fail", parse: number},
		oneOf(Label{Name: "kompose.cronjob.concurrency_policy", Field: "cronJob.concurrencyPolicy", Text: "is what happens when a run is due while another runs"}, map[string]any{
			"allow": "Allow", "forbid": "Forbid", "replace": "Replace",
		}),
		{Name: "kompose.cronjob.schedule", Field: "cronJob.schedule", Text: "is when the pods run", parse: text},
		{Name: "kompose.ephemeral-storage.limit", Field: "resources.limits.ephemeral-storage", Text: "is how much the container may write to its own disk", parse: text},
		{Name: "kompose.ephemeral-storage.request", Field: "resources.requests.ephemeral-storage", Text: "is how much of its own disk the container asks for", parse: text},
		{Name: "kompose.hpa.cpu", Field: "autoscale.cpu", Text: "is how much of their CPU the pods should use, in percent", parse: number},
		{Name: "kompose.hpa.memory", Field: "autoscale.memory", Text: "is how much of their memory the pods should use, in percent", parse: number},
		{Name: "kompose.hpa.replicas.max", Field: "autoscale.max", Text: "is the number of pods under full load", parse: number},
		{Name: "kompose.hpa.replicas.min", Field: "autoscale.min", Text: "is the number of pods without load", parse: number},
		oneOf(Label{Name: "kompose.image-pull-policy", Field: "imagePullPolicy", Text: "is when the image is pulled"}, map[string]any{
			"always": "Always", "ifnotpresent": "IfNotPresent", "never": "Never",
		}),
		{Name: "kompose.image-pull-secret", Field: "imagePullSecrets.0", Text: "is the Secret with the credentials for the registry", parse: text},
		{Name: "kompose.init.containers.command", Field: "initContainers.0.command", Text: "is what the init container runs", parse: command},
		{Name: "kompose.init.containers.image", Field: "initContainers.0.image", Text: "is the image of the init container", parse: text},
		{Name: "kompose.init.containers.name", Field: "initContainers.0.name", Text: "is the name of the init container", parse: text},
		{Name: "kompose.security-context.fsgroup", Field: "podSecurityContext.fsGroup", Text: "is the group that owns the volumes", parse: number},
		{Name: "kompose.serviceaccount-name", Field: "serviceAccount.existing", Text: "is the ServiceAccount of the pods", parse: text},
	}
}

func probeLabels() []Label {
	const check = "kompose.service.healthcheck."
	rows := []Label{
		{Name: check + "readiness.disable", Field: "probes.readiness.disable", Text: "leaves out the readiness probe", parse: truth},
		{Name: check + "readiness.test", Field: "probes.readiness.exec.command", Text: "is the command of the readiness probe", parse: command},
		{Name: check + "readiness.interval", Field: "probes.readiness.periodSeconds", Text: "is the time between two readiness probes", parse: wholeSeconds},
		{Name: check + "readiness.timeout", Field: "probes.readiness.timeoutSeconds", Text: "is how long a readiness probe may take", parse: wholeSeconds},
		{Name: check + "readiness.retries", Field: "probes.readiness.failureThreshold", Text: "is how many readiness probes in a row may fail", parse: number},
		{Name: check + "readiness.start_period", Field: "probes.readiness.initialDelaySeconds", Text: "is the time before the first readiness probe", parse: wholeSeconds},
	}
	for _, probe := range []string{"readiness", "liveness"} {
		rows = append(rows,
			Label{Name: check + probe + ".http_get_path", Field: "probes." + probe + ".httpGet.path", Text: "is the path that the " + probe + " probe gets", parse: text},
			Label{Name: check + probe + ".http_get_port", Field: "probes." + probe + ".httpGet.port", Text: "is the port of the " + probe + " probe", parse: number},
			Label{Name: check + probe + ".tcp_port", Field: "probes." + probe + ".tcpSocket.port", Text: "is the port to which the " + probe + " probe connects", parse: number},
		)
	}
	return rows
}

func exposureLabels() []Label {
	const expose = "kompose.service.expose"
	return []Label{
		{Name: expose, Field: "ingress.hosts", unless: "ingress.host", Text: "makes an Ingress for these hosts, or for any where it is true", parse: hosts},
		{Name: expose + ".ingress-class-name", Field: "ingress.class", needs: expose, Text: "is the class of the Ingress", parse: text},
		{Name: expose + ".tls-secret", Field: "ingress.tls.secret", needs: expose, Text: "is the Secret with the certificate of the Ingress", parse: text},
		oneOf(Label{Name: "kompose.service.external-traffic-policy", Field: "service.externalTrafficPolicy", Text: "says whether requests from outside may be sent on to other nodes"}, map[string]any{
			"local": "Local", "cluster": "Cluster",
		}),
		{Name: "kompose.service.group", Field: "pod", Text: "is the name of a pod that several services share", parse: text},
		{Name: "kompose.service.name_override", Field: "name", Text: "is the name of the service", parse: text},
		{Name: "kompose.service.nodeport.port", Field: "service.nodePort", Text: "is the port of the nodes that leads to the service", parse: number},
		oneOf(Label{Name: "kompose.service.type", Field: "expose", Text: "says how the published ports are reached"}, map[string]any{
			"clusterip": "cluster", "nodeport": "nodeport", "loadbalancer": "loadbalancer", "headless": settings{"service.headless": true},
		}),
	}
}

func volumeLabels() []Label {
	return []Label{
		{Name: "kompose.volume.selector", Field: "storage.selector", Text: "is the label of the PersistentVolumes that may be bound", volume: true, parse: selector},
		{Name: "kompose.volume.size", Field: "storage.size", Text: "is the size of the volumes", volume: true, parse: text},
		{Name: "kompose.volume.storage-class-name", Field: "storage.storageClass", Text: "is the storage class of the volumes", volume: true, parse: text},
		{Name: "kompose.volume.subpath", Field: "storage.subPath", Text: "is the folder of the volumes that is mounted", volume: true, parse: text},
		oneOf(Label{Name: "kompose.volume.type", Field: "storage.type", Text: "is what becomes of the volumes", volume: true}, map[string]any{
			"persistentvolumeclaim": "claim", "emptydir": "emptyDir", "hostpath": "hostPath", "configmap": "configMap",
		}),
	}
}

// Parsers of values.

func text(value string) (any, error) {
	if value == "" {
		return nil, errors.New("is empty")
	}
	return value, nil
}

func truth(value string) (any, error) {
	b, err := strconv.ParseBool(value)
	if err != nil {
		return nil, fmt.Errorf("%q is neither true nor false", value)
	}
	return b, nil
}

func number(value string) (any, error) {
	n, err := strconv.ParseInt(value, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("%q is no whole number", value)
	}
	return n, nil
}

// wholeSeconds rounds a duration up.
func wholeSeconds(value string) (any, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return nil, fmt.Errorf("%q is no duration", value)
	}
	return int64((d + time.Second - 1) / time.Second), nil
}

// oneOf makes a label take one of several words, in capitals or not.
func oneOf(row Label, values map[string]any) Label {
	row.Values = slices.Sorted(maps.Keys(values))
	row.parse = func(value string) (any, error) {
		if v, ok := values[strings.ToLower(value)]; ok {
			return v, nil
		}
		return nil, fmt.Errorf("%q is none of %s", value, strings.Join(row.Values, ", "))
	}
	return row
}

// command reads a command as kompose does: a list in JSON, or words behind CMD,
// or a line for the shell behind CMD-SHELL.
func command(value string) (any, error) {
	var list []string
	if json.Unmarshal([]byte(value), &list) == nil && len(list) > 0 {
		return anyList(list), nil
	}
	if line, ok := strings.CutPrefix(value, "CMD-SHELL "); ok {
		return anyList([]string{"/bin/sh", "-c", line}), nil
	}
	var split types.ShellCommand
	if err := split.DecodeMapstructure(strings.TrimPrefix(value, "CMD ")); err != nil || len(split) == 0 {
		return nil, fmt.Errorf("%q is no command", value)
	}
	return anyList(split), nil
}

func anyList(list []string) []any {
	out := make([]any, 0, len(list))
	for _, w := range list {
		out = append(out, w)
	}
	return out
}

// hosts reads true, or hosts with commas between, each of which may have a path.
func hosts(value string) (any, error) {
	if b, err := strconv.ParseBool(value); err == nil {
		if b {
			return settings{"ingress": map[string]any{}}, nil
		}
		return settings{}, nil
	}
	var names []any
	for host := range strings.SplitSeq(strings.Trim(value, " ,"), ",") {
		host, path, found := strings.Cut(strings.TrimSpace(host), "/")
		if host == "" {
			return nil, fmt.Errorf("%q is no list of hosts", value)
		}
		host = strings.ToLower(host)
		if found {
			host += "/" + path
		}
		names = append(names, host)
	}
	return names, nil
}

// selector names the PersistentVolumes as kompose labels them.
func selector(value string) (any, error) {
	if _, err := text(value); err != nil {
		return nil, err
	}
	return map[string]any{"matchLabels": map[string]any{"io.kompose.service": value}}, nil
}

// labels are those of a service or volume.
type labels struct {
	at     diag.Path
	values types.Labels
	// volume tells that they are a volume's.
	volume bool
}

// fromLabels lays an extension over what labels of kompose say, and returns both.
// What comes from a label is noted in the source.
func (r *reader) fromLabels(l labels, src source) any {
	out, isMap := schema.Value(src.value).(map[string]any)
	if src.value != nil && !isMap {
		return src.value // which is an error
	}
	var known map[string]Label
	for _, name := range slices.Sorted(maps.Keys(l.values)) {
		if !strings.HasPrefix(name, LabelPrefix) {
			continue
		}
		if known == nil {
			known = knownLabels(l.volume)
		}
		row, ok := known[name]
		if !ok {
			r.unknownLabel(append(l.at, name), name, slices.Sorted(maps.Keys(known)))
			continue
		}
		at := append(slices.Clip(l.at), name)
		value, err := row.parse(strings.TrimSpace(l.values[name]))
		if err != nil {
			r.fail(at, schema.CodeValue, err.Error(), "its field is "+Key+"."+row.Field)
			continue
		}
		if _, said := l.values[row.needs]; row.needs != "" && !has(out, row.section()) {
			r.alone(at, row, said)
			continue
		}
		if out == nil {
			out = map[string]any{}
		}
		r.fromLabel(at, row, value, out, src)
	}
	if out == nil {
		return nil
	}
	complete(out, src)
	return out
}

// knownLabels are the labels of services, or those of volumes, by name.
func knownLabels(ofVolumes bool) map[string]Label {
	known := map[string]Label{}
	for _, row := range Labels() {
		if !ofVolumes {
			known[row.Name] = row
		} else if row.volume {
			row.Field = strings.TrimPrefix(row.Field, "storage.")
			known[row.Name] = row
		}
	}
	return known
}

func (r *reader) unknownLabel(path diag.Path, name string, known []string) {
	hint := diag.DidYouMean(name, known)
	if hint == "" {
		hint = "the labels that gantry reads are listed in docs/x-kubernetes.md"
	}
	r.report(diag.Warning, slices.Clone(path), "kompose-unknown", "is no label of kompose that gantry reads here: it does nothing", hint)
}

// section is the field in which that of the label lies.
func (l Label) section() []string { return strings.Split(l.Field, ".")[:1] }

// alone reports a label without the one that it needs, or beside one that says no.
func (r *reader) alone(path diag.Path, row Label, said bool) {
	if said {
		r.report(diag.Note, path, "kompose-overruled", "does nothing: "+row.needs+" says no", "remove the label")
		return
	}
	r.fail(path, schema.CodeIncomplete, "means nothing without "+row.needs, "add it, or "+Key+": {"+row.section()[0]+": …}, or remove the label")
}

// fromLabel sets the fields of one label and reports it.
func (r *reader) fromLabel(path diag.Path, row Label, value any, into map[string]any, src source) {
	several, ok := value.(settings)
	if !ok {
		several = settings{row.Field: value}
	}
	if len(several) == 0 {
		r.report(diag.Note, path, "kompose-label", "says no, as "+Key+" without "+row.section()[0]+" does", "")
	}
	for _, field := range slices.Sorted(maps.Keys(several)) {
		overruled := row.unless != "" && has(into, strings.Split(row.unless, "."))
		if !overruled && set(into, strings.Split(field, "."), several[field]) {
			src.from[field] = path
			r.report(diag.Note, path, "kompose-label", "is read as "+named(field, several[field]), "")
			continue
		}
		r.report(diag.Note, path, "kompose-overruled", "does nothing: "+Key+"."+field+" says otherwise", "remove the label")
	}
}

// set sets a field unless it is there, and reports whether it did.
func set(into map[string]any, field []string, value any) bool {
	key := field[0]
	now, found := into[key]
	if len(field) == 1 {
		if !found {
			into[key] = value
		}
		return !found
	}
	if field[1] == "0" {
		return setItem(into, key, field[2:], value)
	}
	if !found {
		now = map[string]any{}
		into[key] = now
	}
	inner, ok := now.(map[string]any)
	return ok && set(inner, field[1:], value)
}

// has reports whether a field is there.
func has(in map[string]any, field []string) bool {
	value, found := in[field[0]]
	if len(field) == 1 {
		return found
	}
	inner, ok := value.(map[string]any)
	return ok && has(inner, field[1:])
}

// setItem sets the first item of a list that only labels have made, or a field of
// it.
func setItem(into map[string]any, key string, field []string, value any) bool {
	if len(field) == 0 {
		return set(into, []string{key}, []any{value})
	}
	list, ok := into[key].([]labelItem)
	if !ok {
		if into[key] != nil {
			return false
		}
		list = []labelItem{{}}
		into[key] = list
	}
	return set(list[0], field, value)
}

// labelItem is an item of a list that labels have made.
type labelItem map[string]any

// complete fills in what kompose takes for granted. It comes from the labels that
// are there.
func complete(out map[string]any, src source) {
	if scale, ok := out["autoscale"].(map[string]any); ok && fromLabel(src, "autoscale.") {
		low, _ := scale["min"].(int64)
		if set(scale, []string{"max"}, max(low, komposeMaxReplicas)) {
			src.from["autoscale.max"] = src.at([]string{"autoscale"})
		}
	}
	if list, ok := out["initContainers"].([]labelItem); ok {
		if set(list[0], []string{"name"}, "init") {
			src.from["initContainers.0.name"] = src.at([]string{"initContainers"})
		}
		out["initContainers"] = []any{map[string]any(list[0])}
	}
}

// komposeMaxReplicas is what kompose takes for kompose.hpa.replicas.max.
const komposeMaxReplicas = 3

func fromLabel(src source, prefix string) bool {
	for field := range src.from {
		if strings.HasPrefix(field, prefix) {
			return true
		}
	}
	return false
}
