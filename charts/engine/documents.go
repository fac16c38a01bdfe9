package engine

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
)

// split returns the documents of a file. What separates them is helm's idea of
// it, which is not YAML's: three hyphens at the beginning of a line, with the
// white space around them.
func split(text string) []string {
	const separator = "---"
	text = strings.TrimSpace(text)
	var documents []string
	add := func(document string) {
		if document != "" {
			documents = append(documents, strings.TrimSpace(document))
		}
	}
	begin, at := 0, 0
	for {
		i := strings.Index(text[at:], separator)
		if i < 0 {
			break
		}
		if i += at; i > 0 && (i == begin || text[i-1] != '\n') {
			at = i + 1
			continue
		}
		add(strings.TrimRight(text[begin:i], space))
		rest := strings.TrimLeft(text[i+len(separator):], space)
		begin = len(text) - len(rest)
		at = begin
	}
	add(text[begin:])
	return documents
}

// space is what regular expressions take for white space.
const space = " \t\n\f\r"

// document is one document of a file.
type document struct {
	Manifest
	head head
}

// sortFiles makes documents of rendered files.
func sortFiles(c *chart.Chart, files map[string]string, o Options) (*Rendered, error) {
	r := &Rendered{Files: files}
	var all []document
	for _, name := range slices.Sorted(maps.Keys(files)) {
		const notes = "NOTES.txt"
		if strings.HasSuffix(name, notes) {
			if name == path.Join(c.Name(), "templates", notes) {
				r.Notes = files[name]
			}
			continue
		}
		for _, text := range split(files[name]) {
			h, err := readHead(text)
			if err != nil {
				return nil, notYAML(name, text, err)
			}
			all = append(all, document{Manifest{Source: name, APIVersion: h.APIVersion, Kind: h.Kind, Name: h.Metadata.Name, Content: text}, h})
		}
	}
	sortByKind(all)
	for _, d := range all {
		if events, ok := d.head.Metadata.Annotations[release.HookAnnotation]; ok {
			r.addHook(d, events)
			continue
		}
		r.Manifests = append(r.Manifests, d.Manifest)
	}
	if o.IncludeCRDs {
		for _, crd := range c.CRDObjects() {
			r.CRDs = append(r.CRDs, Manifest{Source: crd.Filename, Kind: "CustomResourceDefinition", Content: string(crd.File.Data)})
		}
	}
	return r, nil
}

// sortByKind puts documents into the order in which helm installs their kinds;
// those it does not know come last, by name.
func sortByKind(all []document) {
	order := make(map[string]int, len(releaseutil.InstallOrder))
	for i, k := range releaseutil.InstallOrder {
		order[k] = i
	}
	slices.SortStableFunc(all, func(a, b document) int {
		first, known := order[a.Kind]
		second, alsoKnown := order[b.Kind]
		switch {
		case known && alsoKnown:
			return first - second
		case known:
			return -1
		case alsoKnown:
			return 1
		default:
			return strings.Compare(a.Kind, b.Kind)
		}
	})
}

// addHook adds a document as a hook. A document with an event that does not
// exist is neither a hook nor a manifest.
func (r *Rendered) addHook(d document, events string) {
	h := Hook{Manifest: d.Manifest}
	if weight, err := strconv.Atoi(d.head.Metadata.Annotations[release.HookWeightAnnotation]); err == nil {
		h.Weight = weight
	}
	for event := range strings.SplitSeq(events, ",") {
		event = strings.ToLower(strings.TrimSpace(event))
		if event == "test-success" { // as Helm 2 had it
			event = release.HookTest.String()
		}
		if !slices.Contains(hookEvents(), event) {
			r.Ignored = append(r.Ignored, Ignored{d.Manifest, event})
			return
		}
		h.Events = append(h.Events, event)
	}
	r.Hooks = append(r.Hooks, h)
}

func hookEvents() []string {
	var names []string
	for _, e := range []release.HookEvent{
		release.HookPreInstall, release.HookPostInstall, release.HookPreDelete, release.HookPostDelete, release.HookPreUpgrade,
		release.HookPostUpgrade, release.HookPreRollback, release.HookPostRollback, release.HookTest,
	} {
		names = append(names, e.String())
	}
	return names
}
