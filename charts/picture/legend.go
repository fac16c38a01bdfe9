package picture

import (
	"slices"
	"strconv"
	"unicode/utf8"
)

// minLegend is the least width of a picture, for a legend that does not fall into
// too many lines.
const minLegend = 520

// legend explains the signs that a picture uses, and no others.
type legend struct {
	height int
	items  []legendItem
}

type legendItem struct {
	x, y int
	room int
	text string
	sign func(c *canvas, x, y int)
}

const legendStep = 24

// legend makes the legend of a picture, so many pixels wide.
func (p *Picture) legend(width int) legend {
	var k legend
	x, y := 0, 0
	add := func(room int, text string, sign func(c *canvas, x, y int)) {
		w := room + utf8.RuneCountInString(text)*62/10 + 24
		if x+w > width && x > 0 {
			x, y = 0, y+legendStep
		}
		k.items = append(k.items, legendItem{x, y, room, text, sign})
		x += w
	}
	line := func(kind ArrowKind, text string) {
		if slices.ContainsFunc(p.Arrows, func(a Arrow) bool { return a.Kind == kind }) {
			add(42, text, func(c *canvas, x, y int) {
				c.open("g", "class", "lane "+string(kind))
				c.shape("path", "d", "M"+strconv.Itoa(x)+" "+strconv.Itoa(y-4)+"h26")
				c.shape("path", "class", "tip", "d", "M"+strconv.Itoa(x+34)+" "+strconv.Itoa(y-4)+"l-9 -4.5v9z")
				c.close("g")
			})
		}
	}
	line(DependsArrow, "needs")
	line(CompletesArrow, "needs it to have completed")
	line(SharesArrow, "shares its pod or volumes")
	line(MountsArrow, "mounts")
	if slices.ContainsFunc(p.Boxes, isEntry) {
		add(34, "reached from outside", func(c *canvas, x, y int) { entry(c, x+entryLine+4, y-4) })
	}
	for _, port := range []struct{ class, text string }{{"published", "published port"}, {"loopback", "published on one machine"}, {"internal", "port for the others"}} {
		if slices.ContainsFunc(p.Boxes, func(b *Box) bool {
			return slices.ContainsFunc(b.Ports, func(p Port) bool { return p.class() == port.class })
		}) && len(p.Boxes) <= crowd {
			add(40, port.text, func(c *canvas, x, y int) {
				c.open("g", "class", "port "+port.class)
				c.shape("rect", "x", x, "y", y-13, "width", 32, "height", 17, "rx", 5)
				c.text(x+16, y, "", "80")
				c.close("g")
			})
		}
	}
	for i, name := range p.Networks {
		add(16, "network "+clip(name, 30), func(c *canvas, x, y int) { networkMark(c, x+5, y-4, i) })
	}
	if slices.ContainsFunc(p.Boxes, func(b *Box) bool { return b.Problems > 0 }) {
		add(40, "warnings", func(c *canvas, x, y int) {
			c.open("g", "class", "problems")
			c.shape("rect", "x", x, "y", y-13, "width", 32, "height", 18, "rx", 9)
			c.text(x+16, y, "", "▲ 2")
			c.close("g")
		})
	}
	if len(k.items) > 0 {
		k.height = y + legendStep
	}
	return k
}

func (k legend) draw(c *canvas, x, y int) {
	c.open("g", "class", "legend")
	c.WriteByte('\n')
	for _, item := range k.items {
		item.sign(c, x+item.x, y+item.y+legendStep-8)
		c.text(x+item.x+item.room, y+item.y+legendStep-8, "soft", item.text)
	}
	c.close("g")
}

// networkMarks are how many networks can be told apart by shape and colour.
const networkMarks = 8

// networkMark draws the sign of a network: a shape in a colour, either of which
// is enough to know it by.
func networkMark(c *canvas, x, y, network int) {
	class := "network n" + strconv.Itoa(network%networkMarks)
	at := strconv.Itoa(x) + " " + strconv.Itoa(y)
	switch network % networkMarks {
	case 0:
		c.shape("circle", "class", class, "cx", x, "cy", y, "r", 5)
	case 1:
		c.shape("rect", "class", class, "x", x-4, "y", y-4, "width", 9, "height", 9)
	case 2:
		c.shape("path", "class", class, "d", "M"+at+"m0 -5.5l5.5 10h-11z")
	case 3:
		c.shape("path", "class", class, "d", "M"+at+"m0 -6l6 6l-6 6l-6 -6z")
	case 4:
		c.shape("path", "class", class, "d", "M"+at+"m-2 -5h4v3h3v4h-3v3h-4v-3h-3v-4h3z")
	case 5:
		c.shape("circle", "class", class+" hollow", "cx", x, "cy", y, "r", 4)
	case 6:
		c.shape("rect", "class", class+" hollow", "x", x-4, "y", y-4, "width", 8, "height", 8)
	default:
		c.shape("path", "class", class, "d", "M"+at+"m0 5.5l5.5 -10h-11z")
	}
}

// drawIcon draws a symbol, twelve pixels wide.
func drawIcon(c *canvas, x, y int, symbol string) {
	at := "M" + strconv.Itoa(x) + " " + strconv.Itoa(y)
	d := ""
	switch symbol {
	case "volume":
		d = at + "m1 2.5c0 -2.5 10 -2.5 10 0c0 2.5 -10 2.5 -10 0v7c0 2.5 10 2.5 10 0v-7"
	case "bind":
		d = at + "m0.5 2h4l1.5 2h5.5v7h-11z"
	case "config":
		d = at + "m2 0.5h5.5l3 3v8h-8.5zm2.5 5h3.5m-3.5 3h3.5"
	case "secret":
		d = at + "m7 6.5a3 3 0 1 1 0.1 -1h4.4v2.5m-2 -2.5v2"
	case "globe":
		d = at + "m6 0.5a5.5 5.5 0 1 0 0.1 0zm0 0c-4 3.5 -4 7.5 0 11c4 -3.5 4 -7.5 0 -11m-5.5 5.5h11"
	default: // memory
		d = at + "m2 2h8v8h-8zm2 -2v2m4 -2v2m-4 8v2m4 -2v2"
	}
	c.shape("path", "class", "icon", "d", d)
}
