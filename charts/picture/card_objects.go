package picture

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tag stands in the strip for the objects of one kind, or for what there is to
// say instead.
type tag struct {
	x, line, width int
	text           string
	objects        []Object
}

// objects adds the strip of Kubernetes objects.
func (k *card) objects() {
	step := 20
	if k.compact {
		step = 17
	}
	tags := k.tags()
	top := k.height
	k.height += (tags[len(tags)-1].line+1)*step + 8
	k.rows = append(k.rows, row{top, func(c *canvas, x, y int) {
		c.shape("path", "class", "strip", "d", fmt.Sprintf("M%d %dh%dv%da8 8 0 0 1 -8 8h%da8 8 0 0 1 -8 -8z", x, y, k.width, k.height-top-8, 16-k.width))
		for _, t := range tags {
			k.tag(c, t, point{x + t.x, y + step - 2 + t.line*step}, step)
		}
	}})
}

// tags arranges what stands in the strip. There is always something.
func (k *card) tags() []tag {
	var tags []tag
	if k.Pod != "" {
		text := "in the pod of "
		tags = append(tags, tag{text: text + clip(k.Pod, letters(k.width-2*padding, tagSize)-len(text))})
	}
	for objects := range chunkByKind(k.Objects) {
		text := objects[0].Kind
		if k.compact {
			text = shortKind(text)
		}
		if len(objects) > 1 {
			text += " ×" + strconv.Itoa(len(objects))
		}
		tags = append(tags, tag{text: text, objects: objects})
	}
	if len(tags) == 0 {
		tags = []tag{{text: "no object of its own"}}
	}
	at, line := padding, 0
	for i := range tags {
		t := &tags[i]
		t.width = utf8.RuneCountInString(t.text)*tagSize*6/10 + 12
		if at+t.width > k.width-padding/2 && at > padding {
			at, line = padding, line+1
		}
		t.x, t.line = at, line
		at += t.width + 3
	}
	return tags
}

// tagSize is the font size of the strip.
const tagSize = 10

// chunkByKind yields the objects of each kind; they are sorted.
func chunkByKind(objects []Object) iter.Seq[[]Object] {
	return func(yield func([]Object) bool) {
		for len(objects) > 0 {
			n := slices.IndexFunc(objects, func(o Object) bool { return o.Kind != objects[0].Kind })
			if n < 0 {
				n = len(objects)
			}
			if !yield(objects[:n]) {
				return
			}
			objects = objects[n:]
		}
	}
}

// tag draws a tag, as a link to its first object.
func (k *card) tag(c *canvas, t tag, at point, height int) {
	if len(t.objects) == 0 {
		c.text(at.x, at.y, "tag none", t.text)
		return
	}
	to := ""
	if k.links != nil && k.links.Object != nil {
		to = k.links.Object(t.objects[0])
	}
	var names []string
	for _, o := range t.objects {
		names = append(names, o.Name)
	}
	done := k.link(c, to)
	c.open("g", "class", "object")
	c.title(t.objects[0].Kind + " " + strings.Join(names, ", "))
	c.shape("rect", "x", at.x-6, "y", at.y-height+6, "width", t.width, "height", height-1, "rx", 4)
	c.text(at.x, at.y, "tag", t.text)
	c.close("g")
	done()
}

// shortKind is what kubectl calls a kind, where that is shorter.
func shortKind(kind string) string {
	switch kind {
	case "Deployment":
		return "deploy"
	case "StatefulSet":
		return "sts"
	case "DaemonSet":
		return "ds"
	case "CronJob":
		return "cj"
	case "Service":
		return "svc"
	case "Ingress":
		return "ing"
	case "ConfigMap":
		return "cm"
	case "PersistentVolumeClaim":
		return "pvc"
	case "PersistentVolume":
		return "pv"
	case "HorizontalPodAutoscaler":
		return "hpa"
	case "PodDisruptionBudget":
		return "pdb"
	case "NetworkPolicy":
		return "netpol"
	case "ServiceAccount":
		return "sa"
	default:
		return strings.ToLower(kind)
	}
}
