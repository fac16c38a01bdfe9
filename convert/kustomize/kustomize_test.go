package kustomize_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"gantry/charts"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/kustomize"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

const (
	// shifts is how many others each object of the corpus is turned into.
	shifts = 3
	// maxKind is how many objects of a kind take part.
	maxKind = 30
)

// TestAnyObjectBecomesAnyOther turns each object of testdata/convert into others
// of its kind, and lets kustomize apply the patches.
func TestAnyObjectBecomesAnyOther(t *testing.T) {
	kinds := map[string][]manifest.Object{}
	for _, o := range corpus(t) {
		kinds[o.Kind()] = append(kinds[o.Kind()], o)
	}
	for kind, objects := range kinds {
		for len(objects) > maxKind {
			objects = everySecond(objects)
		}
		kinds[kind] = objects
	}
	var base []manifest.Object
	overlays := make([]kustomize.Overlay, shifts)
	for _, objects := range kinds {
		for i, o := range objects {
			name := fmt.Sprintf("x%d", i)
			base = append(base, renamed(o, name))
			for s := range overlays {
				other := objects[(i+s+1)%len(objects)]
				overlays[s].Objects = append(overlays[s].Objects, renamed(other, name))
			}
		}
	}
	for i := range overlays {
		overlays[i].Name = fmt.Sprintf("shift-%d", i)
	}
	check(t, base, overlays)
}

func everySecond(objects []manifest.Object) []manifest.Object {
	var kept []manifest.Object
	for i := 0; i < len(objects); i += 2 {
		kept = append(kept, objects[i])
	}
	return kept
}

func TestObjectsComeAndGo(t *testing.T) {
	objects := corpus(t)[:40]
	for i := range objects {
		objects[i] = renamed(objects[i], fmt.Sprintf("x%d", i))
	}
	check(t, objects[:20], []kustomize.Overlay{
		{Name: "more", Objects: objects},
		{Name: "fewer", Objects: objects[:10]},
		{Name: "same", Objects: objects[:20]},
		{Name: "other", Objects: objects[20:]},
		{Name: "none"},
	})
}

// TestHardLists turns pods into each other whose lists kustomize merges in its
// own way.
func TestHardLists(t *testing.T) {
	pod := func(name string, spec corev1.PodSpec) manifest.Object {
		return manifest.Object{Resource: &corev1.Pod{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}, ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec,
		}}
	}
	containers := func(names ...string) (list []corev1.Container) {
		for _, name := range names {
			list = append(list, corev1.Container{Name: name, Image: name})
		}
		return list
	}
	with := func(change func(*corev1.Container)) corev1.PodSpec {
		list := containers("a")
		change(&list[0])
		return corev1.PodSpec{Containers: list}
	}
	dns := func(image string) corev1.PodSpec {
		return with(func(c *corev1.Container) {
			c.Image = image
			c.Ports = []corev1.ContainerPort{{ContainerPort: 53}, {ContainerPort: 53, Protocol: corev1.ProtocolUDP}}
		})
	}
	volume := func(source corev1.VolumeSource) corev1.PodSpec {
		return corev1.PodSpec{Containers: containers("a"), Volumes: []corev1.Volume{{Name: "v", VolumeSource: source}}}
	}
	specs := []corev1.PodSpec{
		{},
		{Containers: containers("a")},
		{Containers: containers("a", "b", "c")},
		{Containers: containers("c", "a", "d", "b")},
		{Containers: containers("b", "c"), InitContainers: containers("a")},
		{Containers: containers("b", "c"), InitContainers: containers("i", "a", "j")},
		dns("one"),
		dns("two"),
		with(func(c *corev1.Container) {
			c.Ports = []corev1.ContainerPort{{ContainerPort: 53, Protocol: corev1.ProtocolUDP}}
		}),
		with(func(c *corev1.Container) {
			c.Ports = []corev1.ContainerPort{{ContainerPort: 80, Name: "http"}, {ContainerPort: 53, Protocol: corev1.ProtocolUDP}}
		}),
		with(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B"}, {Name: "C", Value: "null"}}
		}),
		with(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "B", Value: "2"}, {Name: "C", Value: "3"}, {Name: "D", Value: ""}, {Name: "A", ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"},
			}}}
		}),
		with(func(c *corev1.Container) { c.Args = []string{"a", "b", "a"} }),
		with(func(c *corev1.Container) { c.Args = []string{"b"} }),
		volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}),
		volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}),
		volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/x"}}),
		{ResourceClaims: []corev1.PodResourceClaim{{Name: "a"}, {Name: "b"}}},
		{ResourceClaims: []corev1.PodResourceClaim{{Name: "b", ResourceClaimName: new("x")}}},
		{HostAliases: []corev1.HostAlias{{IP: "1.1.1.1", Hostnames: []string{"a"}}, {IP: "::1", Hostnames: []string{"b"}}}},
		{HostAliases: []corev1.HostAlias{{IP: "::1", Hostnames: []string{"c", "b"}}}, NodeSelector: map[string]string{"a/b": "true", "c~d": "~"}},
	}
	var base []manifest.Object
	overlays := make([]kustomize.Overlay, len(specs))
	for i, was := range specs {
		name := fmt.Sprintf("x.%d", i)
		base = append(base, pod(name, was))
		for shift := range overlays {
			overlays[shift].Name = fmt.Sprintf("shift-%d", shift)
			overlays[shift].Objects = append(overlays[shift].Objects, pod(name, specs[(i+shift)%len(specs)]))
		}
	}
	check(t, base, overlays)
}

// corpus converts every case of testdata/convert.
func corpus(t *testing.T) []manifest.Object {
	t.Helper()
	cases, err := filepath.Glob("../../testdata/convert/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var all []manifest.Object
	for _, name := range cases {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		var opts struct {
			Files, Profiles, Environ []string
			Rules                    rules.Options
		}
		for _, f := range archive.Files {
			if f.Name == "options.json" {
				if err := json.Unmarshal(f.Data, &opts); err != nil {
					t.Fatal(err)
				}
			}
			file := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, f.Data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		result, err := convert.Convert(t.Context(), compose.Source{
			Files: opts.Files, Dir: dir, WorkingDir: dir, Profiles: opts.Profiles, Environ: opts.Environ,
		}, opts.Rules)
		if err == nil {
			all = append(all, result.Objects...)
		}
	}
	return all
}

// renamed returns a copy of an object under another name.
func renamed(o manifest.Object, name string) manifest.Object {
	c, ok := o.DeepCopyObject().(manifest.Resource)
	if !ok {
		panic("a copy is of the same type")
	}
	c.SetName(name)
	return manifest.Object{Resource: c, Service: o.Service}
}

// check builds the base and every overlay with kustomize.
func check(t *testing.T, base []manifest.Object, overlays []kustomize.Overlay) {
	t.Helper()
	files, err := kustomize.Files(base, overlays)
	if err != nil {
		t.Fatal(err)
	}
	again, err := kustomize.Files(base, overlays)
	if diff := gocmp.Diff(files, again); err != nil || diff != "" {
		t.Errorf("writing it twice gives different bytes: %v\n%s", err, diff)
	}
	if len(base) > 0 {
		compare(t, files, "base", base)
	}
	for _, o := range overlays {
		compare(t, files, "overlays/"+o.Name, o.Objects)
	}
}

func compare(t *testing.T, files []charts.File, dir string, objects []manifest.Object) {
	t.Helper()
	want := map[string]any{}
	for _, o := range objects {
		var b bytes.Buffer
		if err := manifest.Write(&b, []manifest.Object{o}); err != nil {
			t.Fatal(err)
		}
		tree := map[string]any{}
		if err := yaml.Unmarshal([]byte(strings.TrimPrefix(b.String(), "---\n")), &tree); err != nil {
			t.Fatal(err)
		}
		want[o.Kind()+" "+o.GetName()] = sorted(tree)
	}
	got := map[string]any{}
	for id, tree := range build(t, files, dir) {
		got[id] = sorted(tree)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		for _, f := range files {
			if path.Dir(f.Name) == dir && len(files) < 80 {
				t.Logf("%s:\n%s", f.Name, f.Data)
			}
		}
		t.Fatalf("%s builds something else (-want +got):\n%s", dir, diff)
	}
}

// build runs kustomize and returns the objects by kind and name.
func build(t *testing.T, files []charts.File, dir string) map[string]map[string]any {
	t.Helper()
	disk := filesys.MakeFsInMemory()
	for _, f := range files {
		if err := disk.WriteFile("/"+f.Name, f.Data); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/"+dir)
	if err != nil {
		t.Fatalf("build %s: %v", dir, err)
	}
	objects := map[string]map[string]any{}
	for _, r := range built.Resources() {
		tree, err := r.Map()
		if err != nil {
			t.Fatal(err)
		}
		objects[r.GetKind()+" "+r.GetName()] = runtime.DeepCopyJSON(normal(t, tree))
	}
	return objects
}

// normal gives numbers the type that JSON has.
func normal(t *testing.T, tree map[string]any) map[string]any {
	t.Helper()
	data, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(data, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// sorted puts the lists that Kubernetes takes for mappings into one order.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			sorted(field)
			if list, ok := field.([]any); ok && slices.Contains([]string{"env", "volumes", "volumeMounts"}, key) {
				slices.SortFunc(list, func(a, b any) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			}
		}
	case []any:
		for _, item := range v {
			sorted(item)
		}
	}
	return v
}
