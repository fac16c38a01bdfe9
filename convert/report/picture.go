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
	"gantry/convert"
)

// Picture is an application as boxes and arrows: what runs, how it is reached,
// what it keeps, and which Kubernetes objects come of it.
type Picture struct {
	// Name is that of the application.
	Name string
	// Boxes are the services, the jobs and the storage that several of them share,
	// each by name.
	Boxes []*Box
	// Networks are the names of the networks when there are several, and
	// otherwise none: that all services are on one says nothing.
	Networks []string
	Arrows   []Arrow
}

// BoxKind tells what a box stands for.
type BoxKind string

// The kinds of boxes.
const (
	ServiceBox BoxKind = "service"
	JobBox     BoxKind = "job"
	VolumeBox  BoxKind = "volume"
)

// Box is a service, a job or shared storage.
type Box struct {
	Kind BoxKind
	Name string
	// Image is what runs, or the size of storage.
	Image string
	// Scale is how many replicas there are, or when a job runs; empty for one.
	Scale string
	Ports []Port
	// Hosts are the names by which the world reaches the service.
	Hosts  []string
	Mounts []Mount
	// Networks are indexes of the picture's networks.
	Networks []int
	// Objects are the Kubernetes objects that the box became or uses.
	Objects []Object
	// Pod is the service in whose pod it runs, where that is another one.
	Pod string
	// Problems is how many warnings and errors there are about it.
	Problems int
}

// Port is a port that a service answers on.
type Port struct {
	// Published is the port outside of the application, or empty.
	Published string
	Target    string
	Protocol  string
	// Loopback tells that it is published on the developer's own machine only.
	Loopback bool
}

// Mount is something in a service's file system that is not of its image.
type Mount struct {
	// Kind is volume, bind, tmpfs, config or secret.
	Kind           string
	Source, Target string
}

// Object names a Kubernetes object.
type Object struct{ Kind, Name string }

// Arrow leads from what needs something to what it needs.
type Arrow struct {
	// From and To are indexes of the boxes.
	From, To int
	Kind     ArrowKind
	// Why says it in words: "waits until db is healthy".
	Why string
}

// ArrowKind tells why one box needs another.
type ArrowKind string

// The kinds of arrows.
const (
	// DependsArrow leads to a service that must run.
	DependsArrow ArrowKind = "depends"
	// CompletesArrow leads to one that must have run.
	CompletesArrow ArrowKind = "completes"
	// SharesArrow leads to a service whose pod or storage is shared.
	SharesArrow ArrowKind = "shares"
	// MountsArrow leads to storage.
	MountsArrow ArrowKind = "mounts"
)

// Draw returns the picture of a converted application. It is empty when the
// application could not be loaded.
func Draw(result *convert.Result) *Picture {
	if result.Project == nil {
		return &Picture{}
	}
	d := &drawing{result: result, out: &Picture{Name: result.Project.Name}, boxes: map[string]int{}, used: map[string][]Object{}}
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
	out    *Picture
	units  []unit
	// boxes finds the box of a service or job, and of a claim behind a slash.
	boxes map[string]int
	// used are the ConfigMaps, Secrets and claims that the pods of a service refer to.
	used map[string][]Object
}

// unit is what services and jobs have in common.
type unit struct {
	name string
	kind BoxKind
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
		d.units = append(d.units, unit{name, ServiceBox, s.ContainerSpec, s.WorkloadSpec, s})
	}
	for _, name := range slices.Sorted(maps.Keys(project.Jobs)) {
		j := project.Jobs[name]
		d.units = append(d.units, unit{name, JobBox, j.ContainerSpec, j.WorkloadSpec, types.ServiceConfig{}})
	}
	for _, u := range d.units {
		d.boxes[u.name] = len(d.out.Boxes)
		box := &Box{Kind: u.kind, Name: u.name, Image: imageOf(u), Ports: portsOf(u), Mounts: mountsOf(u, project.WorkingDir)}
		for name := range u.Networks {
			if i := slices.Index(d.out.Networks, name); i >= 0 {
				box.Networks = append(box.Networks, i)
			}
		}
		slices.Sort(box.Networks)
		d.out.Boxes = append(d.out.Boxes, box)
	}
}

func imageOf(u unit) string {
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

func portsOf(u unit) []Port {
	var ports []Port
	published := map[string]bool{}
	for _, p := range u.Ports {
		loopback := strings.HasPrefix(p.HostIP, "127.") || p.HostIP == "::1"
		ports = append(ports, Port{p.Published, strconv.FormatUint(uint64(p.Target), 10), protocolOf(p.Protocol), loopback})
		published[fmt.Sprintf("%d/%s", p.Target, protocolOf(p.Protocol))] = true
	}
	for _, e := range u.Expose {
		target, protocol, _ := strings.Cut(e, "/")
		if !published[target+"/"+protocolOf(protocol)] {
			ports = append(ports, Port{Target: target, Protocol: protocolOf(protocol)})
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

func mountsOf(u unit, dir string) []Mount {
	var mounts []Mount
	for _, v := range u.Volumes {
		source := v.Source
		if rel, err := filepath.Rel(dir, source); err == nil && v.Type == types.VolumeTypeBind && filepath.IsLocal(rel) {
			source = "./" + filepath.ToSlash(rel)
		}
		mounts = append(mounts, Mount{v.Type, source, v.Target})
	}
	for _, target := range u.Tmpfs {
		mounts = append(mounts, Mount{"tmpfs", "", target})
	}
	for _, c := range u.Configs {
		mounts = append(mounts, Mount{"config", c.Source, c.Target})
	}
	for _, s := range u.Secrets {
		mounts = append(mounts, Mount{"secret", s.Source, s.Target})
	}
	return mounts
}

// arrows draws who needs whom.
func (d *drawing) arrows() {
	for from, u := range d.units {
		for _, mode := range []string{u.NetworkMode, u.Pid, u.Ipc} {
			if to, ok := strings.CutPrefix(mode, "service:"); ok {
				d.arrow(from, to, SharesArrow, "shares the pod of %s")
			}
		}
		for _, other := range u.VolumesFrom {
			to, _, _ := strings.Cut(other, ":")
			d.arrow(from, to, SharesArrow, "mounts the volumes of %s")
		}
		for _, to := range slices.Sorted(maps.Keys(u.DependsOn)) {
			switch u.DependsOn[to].Condition {
			case types.ServiceConditionCompletedSuccessfully:
				d.arrow(from, to, CompletesArrow, "needs %s to have completed")
			case types.ServiceConditionHealthy:
				d.arrow(from, to, DependsArrow, "needs %s to be healthy")
			default:
				d.arrow(from, to, DependsArrow, "needs %s")
			}
		}
		for _, link := range u.service.Links {
			to, _, _ := strings.Cut(link, ":")
			d.arrow(from, to, DependsArrow, "is linked to %s")
		}
	}
	slices.SortStableFunc(d.out.Arrows, func(a, b Arrow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
}

// arrow adds an arrow, unless there is one between the two.
func (d *drawing) arrow(from int, name string, kind ArrowKind, why string) {
	to, ok := d.boxes[name]
	if !ok || to == from || slices.ContainsFunc(d.out.Arrows, func(a Arrow) bool { return a.From == from && a.To == to }) {
		return
	}
	d.out.Arrows = append(d.out.Arrows, Arrow{from, to, kind, d.out.Boxes[from].Name + " " + fmt.Sprintf(why, name)})
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
