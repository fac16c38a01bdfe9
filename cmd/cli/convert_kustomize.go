package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/kustomize"
	"gantry/convert/workload"
)

// kustomizeHelp explains which overlays there are.
const kustomizeHelp = `With --to kustomize, the result is a folder with a base and overlays, for
kubectl apply -k. The base is what the first file gives. Each further file makes an
overlay of its own, called prod for compose.prod.yaml: what the first file and this
one give together. So does each profile: what the first file gives with it; --profile
chooses among them. For other combinations, name them: with --overlay, all files and
profiles of the command line make the base, and each overlay adds to it what is
behind its name.`

// defaultKustomizeDir is where the folder goes when nobody says.
const defaultKustomizeDir = "kustomize"

// profilePrefix tells a profile from a file behind --overlay.
const profilePrefix = "profile:"

// variation is a combination of files and profiles.
type variation struct {
	name            string
	files, profiles []string
	// implied tells that nobody asked for it: where it cannot be converted, there
	// is no overlay for it.
	implied bool
}

func runKustomize(ctx context.Context, a *app, o *convertOptions) error {
	if o.output == "-" {
		return usageError(errors.New("a base and its overlays are a folder: name one with -o, or leave it out"))
	}
	in, err := a.repeatable(&o.sourceOptions)
	if err != nil {
		return err
	}
	k := &kustomizer{app: a, options: o, stdin: in, said: convert.Result{App: &workload.App{}}, heard: map[string]bool{}}
	first, err := k.firstFiles()
	if err != nil {
		return err
	}
	base, err := k.convert(ctx, first)
	if err != nil {
		return o.explainBase(err)
	}
	more, err := o.variations(base.Project)
	if err != nil {
		return err
	}
	overlays, err := k.overlays(ctx, more)
	if err != nil {
		return err
	}
	k.said.Diagnostics.Sort()
	a.summarise(&k.said, o.notes)
	if o.strict && k.said.Diagnostics.Count(diag.Warning) > 0 {
		return strictError(k.said.Diagnostics)
	}
	files, err := kustomize.Files(base.Objects, overlays)
	if err != nil {
		return err
	}
	dir := cmp.Or(o.output, defaultKustomizeDir)
	if err := writeDir(dir, files, o.force); err != nil {
		return err
	}
	k.describe(dir, base, overlays)
	return nil
}

// kustomizer converts the base and its variations.
type kustomizer struct {
	*app
	options *convertOptions
	stdin   func() io.Reader
	// said has what all variations have to say, each diagnostic once; heard are
	// their texts.
	said  convert.Result
	heard map[string]bool
}

// firstFiles says what the base is made of. Without --overlay, that is the first
// file alone; the others are left for [convertOptions.variations].
func (k *kustomizer) firstFiles() (variation, error) {
	o := k.options
	src, err := o.source(k.app)
	if err != nil {
		return variation{}, err
	}
	files, problems, err := compose.Files(src)
	if err = cmp.Or(err, problems.Err()); err != nil {
		return variation{}, err
	}
	o.files = files
	if len(o.overlays) > 0 {
		return variation{files: o.files, profiles: o.profiles}, nil
	}
	return variation{files: o.files[:1]}, nil
}

// convert converts a variation and keeps what it has to say that no other had.
func (k *kustomizer) convert(ctx context.Context, v variation) (*convert.Result, error) {
	o := k.options.sourceOptions
	o.files, o.profiles = v.files, v.profiles
	k.In = k.stdin()
	result, err := k.app.convert(ctx, &o)
	if err != nil {
		return nil, err
	}
	k.remember(result)
	return result, nil
}

// remember keeps what a conversion has to say, and what it takes to print that:
// the files with their lines, and the secrets to hide in them.
func (k *kustomizer) remember(result *convert.Result) {
	for _, d := range result.Diagnostics {
		if id := d.String(); !k.heard[id] {
			k.heard[id] = true
			k.said.Diagnostics.Add(d)
		}
	}
	for _, f := range result.Files {
		if !slices.ContainsFunc(k.said.Files, func(known compose.File) bool { return known.Name == f.Name }) {
			k.said.Files = append(k.said.Files, f)
		}
	}
	k.said.App.Data = append(k.said.App.Data, result.App.Data...)
}

func (k *kustomizer) overlays(ctx context.Context, variations []variation) ([]kustomize.Overlay, error) {
	var overlays []kustomize.Overlay
	for _, v := range variations {
		result, err := k.convert(ctx, v)
		if v.implied && ctx.Err() == nil && err != nil {
			fmt.Fprintf(k.Err, "there is no overlay for the profile %s alone: %v\n", v.profiles[0], err)
			continue
		}
		if err != nil {
			return nil, err
		}
		overlays = append(overlays, kustomize.Overlay{Name: v.name, Objects: result.Objects})
	}
	return overlays, nil
}

// variations lists the overlays: those that were named, or else one for each
// further file and for each profile.
func (o *convertOptions) variations(base *compose.Project) ([]variation, error) {
	var all []variation
	for _, text := range o.overlays {
		v, err := o.named(text)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	if len(o.overlays) > 0 {
		return all, unambiguous(all)
	}
	for _, file := range o.files[1:] {
		all = append(all, variation{name: overlayName(o.files[0], file), files: []string{o.files[0], file}})
	}
	if err := unambiguous(all); err != nil {
		return nil, err
	}
	known := profilesOf(base)
	profiles, implied := known, true
	if len(o.profiles) > 0 && !slices.Contains(o.profiles, "*") {
		profiles, implied = o.profiles, false
	}
	for _, p := range profiles {
		if !slices.Contains(known, p) {
			return nil, notFoundError(withHint(fmt.Errorf("%s has no profile %q", filepath.Base(o.files[0]), p), knownProfiles(known)))
		}
		v := variation{name: cmp.Or(folderName(p), "profile"), files: o.files[:1], profiles: []string{p}, implied: implied}
		if slices.ContainsFunc(all, func(other variation) bool { return other.name == v.name }) {
			v.name = "profile-" + v.name
		}
		all = append(all, v)
	}
	return all, unambiguous(all)
}

func knownProfiles(names []string) string {
	if len(names) == 0 {
		return "leave out --profile: the file has none"
	}
	return "the profiles are " + strings.Join(names, ", ")
}

// named reads NAME=FILE,profile:PROFILE,...
func (o *convertOptions) named(text string) (variation, error) {
	name, items, found := strings.Cut(text, "=")
	if !found || items == "" || name == "" || folderName(name) != name {
		return variation{}, usageError(fmt.Errorf("--overlay %q: write NAME=FILE, and more files and %sPROFILE behind commas", text, profilePrefix))
	}
	v := variation{name: name, files: slices.Clone(o.files), profiles: slices.Clone(o.profiles)}
	for item := range strings.SplitSeq(items, ",") {
		if profile, ok := strings.CutPrefix(item, profilePrefix); ok {
			v.profiles = append(v.profiles, profile)
			continue
		}
		v.files = append(v.files, item)
	}
	return v, nil
}

// unambiguous refuses two overlays of one name.
func unambiguous(all []variation) error {
	seen := map[string]bool{}
	for _, v := range all {
		if seen[v.name] {
			return usageError(fmt.Errorf("two overlays would be called %s: name them with --overlay NAME=FILE", v.name))
		}
		seen[v.name] = true
	}
	return nil
}

// overlayName calls compose.prod.yaml prod, and prod/compose.yaml prod as well,
// where the first file lies elsewhere.
func overlayName(first, file string) string {
	if file == "-" {
		return "stdin"
	}
	stem, dir := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)), filepath.Dir(file)
	name := stem
	for _, word := range []string{"docker-compose", "compose"} {
		name = strings.TrimSuffix(strings.TrimPrefix(name, word), word)
	}
	if folderName(name) == "" && dir != filepath.Dir(first) {
		name = filepath.Base(dir)
	}
	return cmp.Or(folderName(name), folderName(stem), "override")
}

// folderName makes a name that is one folder, and no other, everywhere.
func folderName(name string) string {
	name = strings.Trim(notInNames().ReplaceAllString(name, "-"), "._-")
	return name[:min(len(name), maxFolderName)]
}

const maxFolderName = 63

var notInNames = pattern.Lazy(`[^A-Za-z0-9._-]+`)

// profilesOf lists the profiles that services and jobs name. The one without a name is
// active where no other is: the base has it.
func profilesOf(p *compose.Project) []string {
	names := map[string]bool{}
	add := func(profiles []string) {
		for _, name := range profiles {
			names[name] = true
		}
	}
	for _, service := range p.AllServices() {
		add(service.Profiles)
	}
	for _, job := range p.AllJobs() {
		add(job.Profiles)
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// explainBase says, of a first file that is no application by itself, how to put
// more into the base.
func (o *convertOptions) explainBase(err error) error {
	if _, refused := errors.AsType[*diag.Errors](err); !refused || len(o.overlays) > 0 || len(o.files) < 2 {
		return err
	}
	return withHint(err, "the base is the first file alone; with --overlay NAME=FILE, all files behind -f belong to it")
}

// describe says what was written and what to do next.
func (k *kustomizer) describe(dir string, base *convert.Result, overlays []kustomize.Overlay) {
	next := filepath.Join(dir, "base")
	var names []string
	for _, o := range overlays {
		names = append(names, o.Name)
	}
	fmt.Fprintf(k.Err, "wrote a base of %s to %s", countOf(len(base.Objects), "object"), dir)
	if len(names) > 0 {
		fmt.Fprintf(k.Err, " with %s (%s)", countOf(len(names), "overlay"), strings.Join(names, ", "))
		next = filepath.Join(dir, "overlays", names[0])
	}
	fmt.Fprintf(k.Err, "; apply it with: kubectl apply -k %s\n", next)
}
