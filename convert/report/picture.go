package report

import (
	"cmp"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/charts/picture"
	"gantry/convert"
)

// Draw returns the picture of a converted application. It is empty when the
// application could not be loaded.
func Draw(result *convert.Result) *picture.Picture {
	if result.Project == nil {
		return &picture.Picture{}
	}
	d := &drawing{result: result, out: &picture.Picture{Name: result.Project.Name}, boxes: map[string]int{}, used: map[string][]picture.Object{}}
	d.networks()
	d.read()
	d.storage()
	d.arrows()
	d.objects()
	d.scales()
	d.guests()
	d.problems()
	return d.out
}

// drawing is a picture on its way.
type drawing struct {
	result *convert.Result
	out    *picture.Picture
	units  []unit
	// boxes finds the box of a service or job, and of a claim behind a slash.
	boxes map[string]int
	// used are the ConfigMaps, Secrets and claims that the pods of a service refer to.
	used map[string][]picture.Object
}

// unit is what services and jobs have in common.
type unit struct {
	name string
	kind picture.BoxKind
	types.ContainerSpec
	types.WorkloadSpec
	service types.ServiceConfig
}

// networks lists the networks, if there is something to tell apart.
func (d *drawing) networks() {
	used := map[string]bool{}
	for _, s := range d.result.Project.Services {
		for name := range s.Networks {
			used[name] = true
		}
	}
	if len(used) > 1 {
		d.out.Networks = slices.Sorted(maps.Keys(used))
	}
}

// read makes a box of every service and job.
func (d *drawing) read() {
	project := d.result.Project
	for _, name := range slices.Sorted(maps.Keys(project.Services)) {
		s := project.Services[name]
		d.units = append(d.units, unit{name, picture.ServiceBox, s.ContainerSpec, s.WorkloadSpec, s})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Jobs)) {
		j := project.Jobs[name]
		d.units = append(d.units, unit{name, picture.JobBox, j.ContainerSpec, j.WorkloadSpec, types.ServiceConfig{}})
	}
	for _, u := range d.units {
		d.boxes[u.name] = len(d.out.Boxes)
		box := &picture.Box{Kind: u.kind, Name: u.name, Image: d.imageOf(u), Ports: portsOf(u), Mounts: mountsOf(u, project.WorkingDir)}
		for name := range u.Networks {
			if i := slices.Index(d.out.Networks, name); i >= 0 {
				box.Networks = append(box.Networks, i)
			}
		}
		slices.Sort(box.Networks)
		d.out.Boxes = append(d.out.Boxes, box)
	}
}

// imageOf says what runs: an image, or what stands in its place.
func (d *drawing) imageOf(u unit) string {
	if app := d.result.App; app != nil {
		for _, c := range app.Charts {
			if c.Service == u.name {
				return "chart " + c.Name
			}
		}
	}
	switch {
	case u.Image != "":
		return u.Image
	case u.Build != nil:
		return "built here"
	case u.service.Provider != nil:
		return "provider " + u.service.Provider.Type
	default:
		return ""
	}
}

func portsOf(u unit) []picture.Port {
	var ports []picture.Port
	published := map[string]bool{}
	for _, p := range u.Ports {
		loopback := strings.HasPrefix(p.HostIP, "127.") || p.HostIP == "::1"
		ports = append(ports, picture.Port{Published: p.Published, Target: strconv.FormatUint(uint64(p.Target), 10), Protocol: protocolOf(p.Protocol), Loopback: loopback})
		published[fmt.Sprintf("%d/%s", p.Target, protocolOf(p.Protocol))] = true
	}
	for _, e := range u.Expose {
		target, protocol, _ := strings.Cut(e, "/")
		if !published[target+"/"+protocolOf(protocol)] {
			ports = append(ports, picture.Port{Target: target, Protocol: protocolOf(protocol)})
		}
	}
	return ports
}

// protocolOf leaves out what everybody assumes.
func protocolOf(s string) string {
	if s == "tcp" {
		return ""
	}
	return s
}

func mountsOf(u unit, dir string) []picture.Mount {
	var mounts []picture.Mount
	for _, v := range u.Volumes {
		source := v.Source
		if rel, err := filepath.Rel(dir, source); err == nil && v.Type == types.VolumeTypeBind && filepath.IsLocal(rel) {
			source = "./" + filepath.ToSlash(rel)
		}
		mounts = append(mounts, picture.Mount{Kind: v.Type, Source: source, Target: v.Target})
	}
	for _, target := range u.Tmpfs {
		mounts = append(mounts, picture.Mount{Kind: "tmpfs", Target: target})
	}
	for _, c := range u.Configs {
		mounts = append(mounts, picture.Mount{Kind: "config", Source: c.Source, Target: c.Target})
	}
	for _, s := range u.Secrets {
		mounts = append(mounts, picture.Mount{Kind: "secret", Source: s.Source, Target: s.Target})
	}
	return mounts
}

// arrows draws who needs whom.
func (d *drawing) arrows() {
	for from, u := range d.units {
		for _, mode := range []string{u.NetworkMode, u.Pid, u.Ipc} {
			if to, ok := strings.CutPrefix(mode, "service:"); ok {
				d.arrow(from, to, picture.SharesArrow, "shares the pod of %s")
			}
		}
		for _, other := range u.VolumesFrom {
			to, _, _ := strings.Cut(other, ":")
			d.arrow(from, to, picture.SharesArrow, "mounts the volumes of %s")
		}
		for _, to := range slices.Sorted(maps.Keys(u.DependsOn)) {
			switch u.DependsOn[to].Condition {
			case types.ServiceConditionCompletedSuccessfully:
				d.arrow(from, to, picture.CompletesArrow, "needs %s to have completed")
			case types.ServiceConditionHealthy:
				d.arrow(from, to, picture.DependsArrow, "needs %s to be healthy")
			default:
				d.arrow(from, to, picture.DependsArrow, "needs %s")
			}
		}
		for _, link := range u.service.Links {
			to, _, _ := strings.Cut(link, ":")
			d.arrow(from, to, picture.DependsArrow, "is linked to %s")
		}
	}
	slices.SortStableFunc(d.out.Arrows, func(a, b picture.Arrow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
}

// arrow adds an arrow, unless there is one between the two.
func (d *drawing) arrow(from int, name string, kind picture.ArrowKind, why string) {
	to, ok := d.boxes[name]
	if !ok || to == from || slices.ContainsFunc(d.out.Arrows, func(a picture.Arrow) bool { return a.From == from && a.To == to }) {
		return
	}
	d.out.Arrows = append(d.out.Arrows, picture.Arrow{From: from, To: to, Kind: kind, Why: d.out.Boxes[from].Name + " " + fmt.Sprintf(why, name)})
}

// problems counts warnings and errors by service, job and volume.
func (d *drawing) problems() {
	for _, p := range d.result.Diagnostics {
		if p.Severity == diag.Note || len(p.Path) < 2 {
			continue
		}
		key := p.Path[1]
		if p.Path[0] == "volumes" {
			key = "/" + key
		}
		if i, ok := d.boxes[key]; ok {
			d.out.Boxes[i].Problems++
		}
	}
}
