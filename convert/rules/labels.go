package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"gantry/charts/diag"
	"gantry/convert/extension"
	"gantry/convert/workload"
)

// labels keeps labels and annotations as annotations: their values are free text
// that Kubernetes labels cannot hold. deploy.labels are the workload's, and stay
// labels where they can.
func (u *unit) labels() {
	annotations := validAnnotations(u.in.Labels)
	u.invalidKeys(u.in.Labels, u.at("labels"))
	if annotations == nil {
		annotations = map[string]string{}
	}
	maps.Copy(annotations, validAnnotations(u.in.Annotations))
	u.invalidKeys(u.in.Annotations, u.at("annotations"))
	if len(annotations) > 0 {
		u.work.Annotations = maps.Clone(annotations)
		u.work.Pod.Annotations = annotations
	}
	u.deployLabels()
	u.proxied()
}

func (u *unit) deployLabels() {
	labels, annotations := u.objectLabels(u.deploy().Labels, u.at("deploy", "labels"))
	u.work.Labels = labels
	for key, value := range annotations {
		setKey(&u.work.Annotations, key, value)
	}
}

// objectLabels returns what an object can carry of the user's labels: as labels
// where Kubernetes takes their values, and as annotations otherwise.
func (a *app) objectLabels(in map[string]string, path diag.Path) (labels, annotations map[string]string) {
	a.invalidKeys(in, path)
	for _, key := range slices.Sorted(maps.Keys(validAnnotations(in))) {
		value := in[key]
		part := "value"
		if len(validation.IsQualifiedName(key)) > 0 {
			part = "key" // in annotations, the domain may have upper case
		} else if len(validation.IsValidLabelValue(value)) == 0 && !strings.HasPrefix(key, "app.kubernetes.io/") {
			setKey(&labels, key, value)
			continue
		}
		setKey(&annotations, key, value)
		a.report(diag.Note, finding{
			code: "label-annotation", summary: "is kept as an annotation: its " + part + " is none for a Kubernetes label",
		}, below(path, key))
	}
	return labels, annotations
}

func setKey(m *map[string]string, key, value string) {
	if *m == nil {
		*m = map[string]string{}
	}
	(*m)[key] = value
}

// validAnnotations returns the entries whose keys Kubernetes accepts, or nil.
// Labels of kompose are read already, and mean nothing to the cluster.
func validAnnotations[M ~map[string]string](in M) map[string]string {
	var out map[string]string
	for key, value := range in {
		if validKey(key) && !strings.HasPrefix(key, extension.LabelPrefix) {
			setKey(&out, key, value)
		}
	}
	return out
}

func validKey(key string) bool {
	return len(validation.IsQualifiedName(strings.ToLower(key))) == 0 && !reservedKey(key)
}

// reservedKey reports whether the key belongs to Kubernetes: setting it would
// change what the cluster does.
func reservedKey(key string) bool {
	domain, _, found := strings.Cut(key, "/")
	return found && (domain == "kubernetes.io" || domain == "k8s.io" || strings.HasSuffix(domain, ".kubernetes.io") || strings.HasSuffix(domain, ".k8s.io")) &&
		domain != "app.kubernetes.io"
}

// invalidKeys reports the entries that no annotation can hold.
func (a *app) invalidKeys(in map[string]string, path diag.Path) {
	for _, key := range slices.Sorted(maps.Keys(in)) {
		if validKey(key) {
			continue
		}
		a.report(diag.Warning, finding{
			code:    "label-key",
			summary: "is left out: Kubernetes does not take this key for an annotation",
			hint:    "use up to 63 letters, digits, - _ . and before them at most a domain and a /",
		}, below(path, key))
	}
}

// checksum makes pods roll when a file or variable that they read changes: the
// objects are not part of the pod template. Secrets are left out: the hash of a
// short secret would tell the secret.
func (u *unit) checksum() {
	if u.work.Kind == workload.CronJob {
		return
	}
	hash := sha256.New()
	found := false
	for _, name := range u.configMaps() {
		d := u.data[kindOf(false)+" "+name]
		if d == nil {
			continue
		}
		found = true
		fmt.Fprintf(hash, "%s\n", d.Name)
		for _, key := range slices.Sorted(maps.Keys(d.Text)) {
			fmt.Fprintf(hash, "%q=%q\n", key, d.Text[key])
		}
		for _, key := range slices.Sorted(maps.Keys(d.Binary)) {
			fmt.Fprintf(hash, "%q=%q\n", key, d.Binary[key])
		}
	}
	if found {
		setKey(&u.work.Pod.Annotations, "checksum/config", hex.EncodeToString(hash.Sum(nil)))
	}
}

// configMaps are the names of those that the pod reads, sorted.
func (u *unit) configMaps() []string {
	names := map[string]bool{}
	for _, v := range u.pod().Volumes {
		if v.ConfigMap != nil {
			names[v.ConfigMap.Name] = true
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				names[source.ConfigMap.Name] = true
			}
		}
	}
	for _, c := range slices.Concat(u.pod().InitContainers, u.pod().Containers) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				names[from.ConfigMapRef.Name] = true
			}
		}
	}
	return sortedSet(names)
}

// nameRun gives a Job a name that changes with its pod template: the template of
// a Job can never change, and a changed Job must run again.
func (u *unit) nameRun() {
	if u.work.Kind != workload.Job {
		return
	}
	data, err := json.Marshal(u.work.Pod)
	if err != nil {
		panic(err) // a pod template is plain data
	}
	u.work.Name = limitName(u.object, maxName-hashLength-1) + "-" + hashOf(string(data))
}
