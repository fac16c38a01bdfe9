package helm

import (
	"bytes"
	"cmp"
	"fmt"
	"net/mail"
	"net/url"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"gantry/convert/manifest"
	"gantry/convert/young"
)

// Chart.yaml says what the Compose file says of the application: the labels of the
// Open Container Initiative, which became annotations of the workloads.
const label = "org.opencontainers.image."

// artifactHub begins the labels of images by which Artifact Hub describes them.
// https://artifacthub.io/docs/topics/repositories/container-images/
const artifactHub = "io.artifacthub.package."

// metadataFile writes Chart.yaml.
func (b *builder) metadataFile() error {
	n := emptyMap()
	for _, f := range []struct{ key, value string }{
		{"apiVersion", "v2"}, {"name", b.chart}, {"description", b.src.Description}, {"type", "application"},
	} {
		n.Set(f.key, manifest.Text(f.value))
	}
	var out bytes.Buffer
	if err := manifest.Encode(&out, n); err != nil {
		return err
	}
	// In quotes even where YAML needs none: people change 1.10.0 to 1.10.
	// The suffix of the range admits the versions of vendors, such as 1.33.1-gke.1.
	fmt.Fprintf(&out, "version: %s\n", b.src.Version)
	if version := cmp.Or(b.src.AppVersion, b.appVersion()); version != "" {
		fmt.Fprintf(&out, "appVersion: %q\n", version)
	}
	fmt.Fprintf(&out, "kubeVersion: \">=1.%d.0-0\"\n", b.oldestMinor())
	about, err := b.about()
	if err != nil {
		return err
	}
	if len(about.Fields) > 0 {
		if err := manifest.Encode(&out, about); err != nil {
			return err
		}
	}
	b.file("Chart.yaml", out.Bytes())
	return nil
}

// oldestMinor is the oldest version of Kubernetes, 1.N, that takes the objects as they
// are, those fields among them that the user wrote in the words of Kubernetes.
func (b *builder) oldestMinor() int {
	resources := func(yield func(any) bool) {
		for _, o := range b.objects {
			if !yield(o.Resource) {
				return
			}
		}
	}
	return max(oldestMinor, b.src.Minor, young.Oldest(resources))
}

// about returns the rest of Chart.yaml, as far as it is known.
func (b *builder) about() (*manifest.Node, error) {
	n := emptyMap()
	if icon := cmp.Or(b.src.Icon, address(b.found(artifactHub+"logo-url"))); icon != "" {
		n.Set("icon", manifest.Text(icon))
	}
	if home := b.link("url"); home != "" {
		n.Set("home", manifest.Text(home))
	}
	if source := b.link("source"); source != "" {
		n.Set("sources", list(manifest.Text(source)))
	}
	if words := b.keywords(); len(words) > 0 {
		n.Set("keywords", list(words...))
	}
	if people := maintainers(b.said("authors")); len(people) > 0 {
		n.Set("maintainers", list(people...))
	}
	if dependencies := b.dependencies(); len(dependencies) > 0 {
		n.Set("dependencies", list(dependencies...))
	}
	annotations := emptyMap()
	if err := setText(annotations, "artifacthub.io/images", b.images()); err != nil {
		return nil, err
	}
	if category := b.found(artifactHub + "category"); category != "" {
		annotations.Set("artifacthub.io/category", manifest.Text(category))
	}
	if license := cmp.Or(b.said("licenses"), b.found(artifactHub+"license")); license != "" {
		annotations.Set("artifacthub.io/license", manifest.Text(license))
	}
	if docs := b.link("documentation"); docs != "" {
		link := emptyMap()
		link.Set("name", manifest.Text("Documentation"))
		link.Set("url", manifest.Text(docs))
		if err := setText(annotations, "artifacthub.io/links", list(link)); err != nil {
			return nil, err
		}
	}
	if len(annotations.Fields) > 0 {
		n.Set("annotations", annotations)
	}
	return n, nil
}

// setText puts a list into an annotation, as YAML.
func setText(annotations *manifest.Node, key string, list *manifest.Node) error {
	if len(list.Items) == 0 {
		return nil
	}
	var text bytes.Buffer
	err := manifest.Encode(&text, list)
	annotations.Set(key, manifest.Text(text.String()))
	return err
}

// said returns what the labels say of the application: those of the service that
// is reached from outside come first.
func (b *builder) said(what string) string { return b.found(label + what) }

// found returns the value of a label of the Compose file: as a label of a workload,
// or as an annotation, which it becomes where it is too long or has blanks.
func (b *builder) found(name string) string {
	for _, o := range b.outsideFirst() {
		for _, from := range []map[string]string{o.GetAnnotations(), o.GetLabels()} {
			if text := strings.Join(strings.Fields(from[name]), " "); text != "" {
				return text
			}
		}
	}
	return ""
}

// link is said for the address of a page.
func (b *builder) link(what string) string { return address(b.said(what)) }

// address returns a text that is the address of a page, or "".
func address(text string) string {
	if u, err := url.Parse(text); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return text
}

// maintainers splits a list of people, each a name with or without a mail address.
func maintainers(text string) []*manifest.Node {
	var people []*manifest.Node
	for one := range strings.SplitSeq(text, ",") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		person := emptyMap()
		person.Set("name", manifest.Text(one))
		if address, err := mail.ParseAddress(one); err == nil {
			person.Set("name", manifest.Text(cmp.Or(address.Name, address.Address)))
			person.Set("email", manifest.Text(address.Address))
		}
		people = append(people, person)
	}
	return people
}

// keywords are what people search for: the names of the images.
func (b *builder) keywords() []*manifest.Node {
	var words []string
	for _, i := range b.images().Items {
		words = append(words, path.Base(splitImage(i.Get("image").Value).repository))
	}
	slices.Sort(words)
	var nodes []*manifest.Node
	for _, w := range slices.Compact(words) {
		nodes = append(nodes, manifest.Text(w))
	}
	return nodes
}

// images lists the images, which Artifact Hub scans.
func (b *builder) images() *manifest.Node {
	images, seen := emptyList(), map[string]bool{}
	for _, o := range b.objects {
		pod := podOf(o)
		if pod == nil {
			continue
		}
		for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
			if c.Image == "" || seen[c.Image] {
				continue
			}
			seen[c.Image] = true
			image := emptyMap()
			image.Set("name", manifest.Text(c.Name))
			image.Set("image", manifest.Text(c.Image))
			images.Items = append(images.Items, image)
		}
	}
	return images
}

// outsideFirst returns the workloads, those that an Ingress leads to first, and
// then those whose Services people reach in other ways. Those that are not installed
// by default come last: they are tools more often than the application.
func (b *builder) outsideFirst() []manifest.Object {
	var workloads []manifest.Object
	for _, o := range b.objects {
		if isWorkload(o.Kind()) {
			workloads = append(workloads, o)
		}
	}
	slices.SortStableFunc(workloads, func(x, y manifest.Object) int { return b.inside(x) - b.inside(y) })
	return workloads
}

// unreached is the rank of workloads that no other reaches by a name.
const unreached = 3

func (b *builder) inside(o manifest.Object) int {
	rank := unreached
	if slices.Contains(b.src.Disabled, o.Service) {
		return rank + 1
	}
	for _, other := range b.objects {
		if other.Service != o.Service {
			continue
		}
		switch r := other.Resource.(type) {
		case *corev1.Service:
			if r.Spec.ClusterIP != corev1.ClusterIPNone && len(r.Spec.Ports) > 0 {
				rank = min(rank, 2)
			}
		case *networkingv1.Ingress:
			rank = 0
		default:
			if other.Kind() == "HTTPRoute" {
				rank = min(rank, 1)
			}
		}
	}
	return rank
}
