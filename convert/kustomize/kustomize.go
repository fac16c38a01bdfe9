package kustomize

import (
	"bytes"
	"fmt"
	"path"
	"slices"
	"strings"

	"gantry/charts"
	"gantry/convert/manifest"
)

// Overlay is a variation of the application.
type Overlay struct {
	// Name is the name of its folder.
	Name string
	// Objects are the whole application in this variation.
	Objects []manifest.Object
}

const (
	baseDir     = "base"
	overlaysDir = "overlays"
	fileName    = "kustomization.yaml"
)

// Files returns the files of a folder with a base and its overlays, in the order
// of their names. Building base gives the objects of the base, and building an
// overlay those of the overlay.
func Files(base []manifest.Object, overlays []Overlay) ([]charts.File, error) {
	w := &writer{}
	origin, err := nodes(base)
	if err != nil {
		return nil, err
	}
	if err := w.base(origin); err != nil {
		return nil, err
	}
	for _, o := range overlays {
		variant, err := nodes(o.Objects)
		if err != nil {
			return nil, fmt.Errorf("overlay %s: %w", o.Name, err)
		}
		if err := w.overlay(path.Join(overlaysDir, o.Name), origin, variant); err != nil {
			return nil, fmt.Errorf("overlay %s: %w", o.Name, err)
		}
	}
	slices.SortFunc(w.files, func(a, b charts.File) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(w.files); i++ {
		if w.files[i].Name == w.files[i-1].Name {
			return nil, fmt.Errorf("two objects would be the file %s", w.files[i].Name)
		}
	}
	return w.files, nil
}

// object is an object as a tree, and what tells it from others.
type object struct {
	tree *manifest.Node
	// group, version, kind, namespace and name are how kustomize finds it.
	group, version, kind, namespace, name string
	// lists says how the lists of its type are merged.
	lists lists
}

func nodes(objects []manifest.Object) ([]object, error) {
	var all []object
	for _, o := range objects {
		tree, err := o.Node()
		if err != nil {
			return nil, fmt.Errorf("%s %s: %w", o.Kind(), o.GetName(), err)
		}
		gvk := o.GetObjectKind().GroupVersionKind()
		all = append(all, object{tree, gvk.Group, gvk.Version, gvk.Kind, o.GetNamespace(), o.GetName(), listsOf(o.Resource)})
	}
	return all, nil
}

// id is what makes two objects one for kustomize.
func (o object) id() [4]string { return [4]string{o.group, o.kind, o.namespace, o.name} }

// file returns the name of the object's file.
func (o object) file(ext string) string {
	name := strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:`, r) { // names of RBAC and of custom objects may have them
			return '-'
		}
		return r
	}, o.name)
	return name + "-" + strings.ToLower(o.kind) + ext
}

const (
	objectExt = ".yaml"
	patchExt  = ".patch.yaml"
)

// writer gathers the files.
type writer struct{ files []charts.File }

func (w *writer) base(objects []object) error {
	k := &kustomization{}
	for _, o := range objects {
		k.resources = append(k.resources, o.file(objectExt))
		if err := w.add(path.Join(baseDir, o.file(objectExt)), o.tree); err != nil {
			return err
		}
	}
	return w.add(path.Join(baseDir, fileName), k.tree())
}

// overlay writes what makes the variant of the base.
func (w *writer) overlay(dir string, base, variant []object) error {
	k := &kustomization{resources: []string{"../../" + baseDir}}
	before := map[[4]string]object{}
	for _, was := range base {
		before[was.id()] = was
	}
	for _, is := range variant {
		was, known := before[is.id()]
		delete(before, is.id())
		if !known {
			k.resources = append(k.resources, is.file(objectExt))
			if err := w.add(path.Join(dir, is.file(objectExt)), is.tree); err != nil {
				return err
			}
			continue
		}
		p := patchOf(was, is)
		if p == nil {
			continue
		}
		k.patches = append(k.patches, *p)
		if err := w.add(path.Join(dir, p.file), p.content); err != nil {
			return err
		}
	}
	for _, was := range base {
		if _, gone := before[was.id()]; !gone {
			continue
		}
		p := patch{file: was.file(patchExt), content: was.identity()}
		p.content.Set(directive, manifest.Text("delete"))
		k.patches = append(k.patches, p)
		if err := w.add(path.Join(dir, p.file), p.content); err != nil {
			return err
		}
	}
	return w.add(path.Join(dir, fileName), k.tree())
}

func (w *writer) add(name string, content *manifest.Node) error {
	var b bytes.Buffer
	if err := manifest.Encode(&b, content); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	w.files = append(w.files, charts.File{Name: name, Data: b.Bytes()})
	return nil
}

// kustomization is a file of that name.
type kustomization struct {
	resources []string
	patches   []patch
}

func (k *kustomization) tree() *manifest.Node {
	n := mapping(
		manifest.Field{Key: "apiVersion", Value: manifest.Text("kustomize.config.k8s.io/v1beta1")},
		manifest.Field{Key: "kind", Value: manifest.Text("Kustomization")},
	)
	resources := &manifest.Node{Kind: manifest.Sequence}
	for _, r := range k.resources {
		resources.Items = append(resources.Items, manifest.Text(r))
	}
	n.Set("resources", resources)
	if len(k.patches) == 0 {
		return n
	}
	patches := &manifest.Node{Kind: manifest.Sequence}
	for _, p := range k.patches {
		entry := mapping(manifest.Field{Key: "path", Value: manifest.Text(p.file)})
		if p.target != nil {
			entry.Set("target", p.target)
		}
		patches.Items = append(patches.Items, entry)
	}
	n.Set("patches", patches)
	return n
}

func mapping(fields ...manifest.Field) *manifest.Node {
	return &manifest.Node{Kind: manifest.Map, Fields: fields}
}
