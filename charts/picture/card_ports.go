package picture

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ports adds lines of pills.
func (k *card) ports() {
	k.height += 6
	type pill struct {
		x, w  int
		class string
		text  string
		title string
	}
	var line []pill
	flush := func() {
		pills := line
		line = nil
		k.row(22, func(c *canvas, x, y int) {
			for _, p := range pills {
				c.open("g", "class", "port "+p.class)
				c.title(p.title)
				c.shape("rect", "x", x+p.x, "y", y-15, "width", p.w, "height", 19, "rx", 5)
				c.text(x+p.x+p.w/2, y-1, "", p.text)
				c.close("g")
			}
		})
	}
	at := padding
	for i, port := range k.Ports {
		p := pill{class: port.class(), text: port.text(), title: port.title()}
		if i == maxPorts-1 && len(k.Ports) > maxPorts {
			p = pill{class: "internal", text: fmt.Sprintf("+%d", len(k.Ports)-i), title: portList(k.Ports[i:])}
		}
		p.text = clip(p.text, letters(k.width-2*padding-14, 11))
		p.w = (utf8.RuneCountInString(p.text)*66+9)/10 + 14
		if at+p.w > k.width-padding && len(line) > 0 {
			flush()
			at = padding
		}
		p.x = at
		at += p.w + 6
		line = append(line, p)
		if i == maxPorts-1 {
			break
		}
	}
	flush()
}

// entry draws the arrow that leads from the world to a place.
func entry(c *canvas, x, y int) {
	c.shape("circle", "class", "entry", "cx", x-entryLine, "cy", y, "r", 4)
	c.shape("path", "class", "entry", "d", fmt.Sprintf("M%d %dh%d", x-entryLine, y, entryLine-7))
	c.shape("path", "class", "entry tip", "d", fmt.Sprintf("M%d %dl-8 -4v8z", x, y))
}

func (p Port) class() string {
	switch {
	case p.Published == "":
		return "internal"
	case p.Loopback:
		return "loopback"
	default:
		return "published"
	}
}

func (p Port) text() string {
	text := p.Target
	if p.Published != "" && p.Published != p.Target {
		text = p.Published + " → " + p.Target
	}
	if p.Protocol != "" {
		text += "/" + p.Protocol
	}
	return text
}

func (p Port) title() string {
	switch p.class() {
	case "internal":
		return "port " + p.text() + ", for the other services"
	case "loopback":
		return "port " + p.text() + ", published on one machine only"
	default:
		return "port " + p.text() + ", published"
	}
}

func portList(ports []Port) string {
	var all []string
	for _, p := range ports {
		all = append(all, strings.ReplaceAll(p.text(), " → ", "→"))
	}
	return strings.Join(all, " ")
}
