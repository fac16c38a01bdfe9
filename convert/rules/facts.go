package rules

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/extension"
)

// Image is what a registry says of an image.
type Image struct {
	// Digest names the content of the image, such as sha256:…; it is empty where
	// the image is not to be pinned.
	Digest string
	// Ports are what the image exposes, such as 80/tcp, and Volumes the folders
	// that it declares.
	Ports, Volumes []string
	// User is whom the image runs as, and Entrypoint and Command what it runs.
	User                string
	Entrypoint, Command []string
	// HealthCheck is the image's own; nil where it has none.
	HealthCheck *types.HealthCheckConfig
	// Failure says why the registry says nothing.
	Failure *ImageFailure
}

// ImageFailure is why a registry says nothing of an image.
type ImageFailure struct {
	// Code is the code of the diagnostic.
	Code string
	// Summary continues "the image NAME", and Hint says what to do.
	Summary, Hint string
}

// The codes of failures.
const (
	CodeImageUnreachable = "image-unreachable"
	CodeImageDenied      = "image-denied"
	CodeImageNotFound    = "image-not-found"
	CodeImageName        = "image-name"
)

// References returns the images that the pods of a project run or mount, each
// once, as [Options.Images] has them.
func References(project *compose.Project, opts Options) []string {
	opts = opts.withDefaults()
	refs := map[string]bool{}
	set, _ := extension.Read(project, opts.Minor())
	add := func(name string, spec types.ContainerSpec, built bool, ext *extension.Service) {
		refs[spec.Image] = true
		for _, c := range slices.Concat(ext.InitContainers, ext.Sidecars) {
			refs[c.Image] = true
		}
		if spec.Image == "" && built {
			refs[opts.builtImage(project.Name, name)] = true
		}
		for _, m := range spec.Volumes {
			if m.Type == types.VolumeTypeImage {
				refs[m.Source] = true
			}
		}
	}
	for name, s := range project.Services {
		if set.Service(name).Chart != nil {
			continue // the chart has images of its own
		}
		add(name, s.ContainerSpec, s.Build != nil, set.Service(name))
		for _, hook := range s.PreStart {
			add(name, hook.ContainerSpec, false, set.Service(name))
		}
	}
	for name, j := range project.Jobs {
		add(name, j.ContainerSpec, j.Build != nil, set.Job(name))
	}
	delete(refs, "")
	return slices.Sorted(maps.Keys(refs))
}

// pinned returns the reference of an image with the digest that its registry
// gave, and reports what it did not give, or that it is no reference. What is built
// here may not be there yet.
func (u *unit) pinned(ref string, built bool, key ...string) string {
	info := u.opts.Images[ref]
	found, bad := badReference(ref)
	if f := info.Failure; f != nil && !bad {
		found, bad = finding{code: f.Code, summary: fmt.Sprintf("the image %s %s", ref, f.Summary), hint: f.Hint}, true
	}
	if bad && u.opts.PinDigests && !built {
		u.fail(found, key...)
		return ref
	}
	if bad {
		u.warn(found, key...)
		return ref
	}
	if info.Digest == "" || strings.Contains(ref, "@") {
		return ref
	}
	return ref + "@" + info.Digest
}

// imageKey is the key that says which image the unit runs.
func (u *unit) imageKey() string {
	if u.in.Image == "" && u.in.Build != nil {
		return "build"
	}
	return "image"
}

// facts are what is known of the image of a service.
func (a *app) facts(name string, s *types.ServiceConfig) Image {
	if s.Image == "" && s.Build != nil {
		return a.opts.Images[a.opts.builtImage(a.project.Name, name)]
	}
	return a.opts.Images[s.Image]
}

// readImages reads what is known of images as if the Compose file said it, where
// the file says nothing: a copy of the project says it afterwards.
func (a *app) readImages() {
	if len(a.opts.Images) == 0 {
		return
	}
	copied, project := *a.project.Project, *a.project
	copied.Services, copied.Volumes = maps.Clone(copied.Services), maps.Clone(copied.Volumes)
	project.Project = &copied
	a.project = &project
	for _, name := range slices.Sorted(maps.Keys(copied.Services)) {
		s := copied.Services[name]
		r := imageReader{app: a, name: name, in: &s, image: a.facts(name, &s)}
		r.healthCheck()
		r.ports()
		r.volumes()
		copied.Services[name] = s
	}
}

// imageReader reads the image of a service.
type imageReader struct {
	*app
	name  string
	in    *types.ServiceConfig
	image Image
}

// note says, at the image, what was read from it.
func (r *imageReader) note(code, summary, hint string) {
	key := "image"
	if r.in.Image == "" {
		key = "build"
	}
	r.report(diag.Note, finding{code: code, summary: summary, hint: hint}, diag.Path{"services", r.name, key})
}

// healthCheck takes over the image's HEALTHCHECK. A file that gives only the
// times of a check means that of the image.
func (r *imageReader) healthCheck() {
	own, given := r.image.HealthCheck, r.in.HealthCheck
	if own == nil || r.once[r.name] || given != nil && (given.Disable || len(given.Test) > 0) {
		return
	}
	check := *own
	if given != nil {
		check = *given
		check.Test = own.Test
		for _, field := range []struct{ to, from **types.Duration }{
			{&check.Interval, &own.Interval}, {&check.Timeout, &own.Timeout}, {&check.StartPeriod, &own.StartPeriod},
		} {
			if *field.to == nil {
				*field.to = *field.from
			}
		}
		if check.Retries == nil {
			check.Retries = own.Retries
		}
	}
	r.in.HealthCheck = &check
	r.note("image-healthcheck", "has a HEALTHCHECK, which becomes the probes", "")
}

// ports opens what the image exposes, for a service that names no port and that
// somebody may dial.
func (r *imageReader) ports() {
	mode := r.in.NetworkMode
	if len(r.image.Ports) == 0 || len(r.in.Ports)+len(r.in.Expose) > 0 || r.once[r.name] || mode == "host" || mode == "none" || strings.Contains(mode, ":") {
		return
	}
	if len(r.image.Ports) > maxPortRange {
		r.note("image-ports", fmt.Sprintf("exposes %d ports, and the Service has none of them", len(r.image.Ports)), "add expose: with those that are used")
		return
	}
	r.in.Expose = slices.Clone(r.image.Ports)
	r.note("image-ports", fmt.Sprintf("exposes %s: so does its Service", strings.Join(r.image.Ports, ", ")), "")
}

// volumes keeps what a datastore writes to a folder that its image declares as a
// volume, as Compose keeps an anonymous volume. Other images may come with files
// in such a folder, which an empty volume would hide: the container runtime gives
// them a folder of their own.
func (r *imageReader) volumes() {
	for _, target := range r.image.Volumes {
		if r.mounted(target) {
			continue
		}
		if !isDatastore(r.in.Image) || r.once[r.name] {
			r.note("image-volume", fmt.Sprintf("declares the volume %s, where nothing is mounted: what is written there is lost with the container", target),
				fmt.Sprintf("mount a volume at %s to keep it", target))
			continue
		}
		source := r.name + "-" + path.Base(target)
		for n := 2; ; n++ {
			if _, taken := r.project.Volumes[source]; !taken {
				break
			}
			source = fmt.Sprintf("%s-%s-%d", r.name, path.Base(target), n)
		}
		if r.project.Volumes == nil {
			r.project.Volumes = types.Volumes{}
		}
		r.project.Volumes[source] = types.VolumeConfig{}
		r.in.Volumes = append(slices.Clip(r.in.Volumes), types.ServiceVolumeConfig{Type: types.VolumeTypeVolume, Source: source, Target: target})
		r.note("image-volume", fmt.Sprintf("declares the volume %s, where nothing is mounted: it becomes the claim %s", target, objectName(source)), "")
	}
}

// mounted reports whether the file mounts something at a folder, above or below
// it.
func (r *imageReader) mounted(target string) bool {
	within := func(p, dir string) bool {
		return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
	}
	covers := func(p string) bool {
		p = path.Clean("/" + p)
		return within(p, target) || within(target, p)
	}
	return slices.ContainsFunc(r.in.Volumes, func(m types.ServiceVolumeConfig) bool { return covers(m.Target) }) ||
		slices.ContainsFunc(r.in.Tmpfs, func(t string) bool { at, _, _ := strings.Cut(t, ":"); return covers(at) }) ||
		len(r.in.VolumesFrom) > 0
}

// imageUser returns the numbers of whom the image runs as, where the file does
// not say it.
func (u *unit) imageUser() (uid, gid int64, known bool) {
	info := u.facts(u.name, u.in)
	if u.in.User != "" || info.User == "" {
		return 0, 0, false
	}
	name, group, _ := strings.Cut(info.User, ":")
	uid, err := strconv.ParseInt(name, 10, 32)
	if err != nil {
		uid, known = u.opts.UIDs[name]
		if !known && name != "root" {
			u.note(finding{
				code: "image-user", summary: fmt.Sprintf("runs as %s, whose number is not known: it may not write to its storage", name),
				hint: fmt.Sprintf("pass --uid %s=NUMBER, or write the number to user:", name),
			}, u.imageKey())
		}
		if !known {
			return 0, 0, false
		}
	}
	if gid, err = strconv.ParseInt(group, 10, 32); err != nil || gid < 0 {
		gid = uid
	}
	return uid, gid, uid > 0
}

// imageOwnership is ownership for the user of the image.
func (u *unit) imageOwnership() {
	uid, gid, known := u.imageUser()
	if !known && u.in.User == "" && u.facts(u.name, u.in).User == "" {
		uid, known = usualUser(u.in.Image)
		gid = uid
	}
	if !known {
		return
	}
	u.podSecurity().FSGroup = new(gid)
	u.note(finding{code: "image-user", summary: fmt.Sprintf("runs as user %d: its storage belongs to group %d", uid, gid)}, u.imageKey())
}
