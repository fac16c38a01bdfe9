package picture

import (
	"bytes"
	_ "embed" // for the style sheet
	"fmt"
	"html"
	"io"
	"slices"
	"strconv"
	"strings"

	"gantry/charts/diag"
)

// Distances in the picture.
const (
	margin    = 36
	entryLine = 22 // the line that leads from outside to a port
	titleRoom = 46
	legendGap = 40
	// crowd is how many boxes make the picture show less of each.
	crowd = 16
)

// SVG writes the picture as a file of its own: nothing is fetched, nothing runs,
// and it follows the viewer's light or dark colours.
func (p *Picture) SVG(w io.Writer) error {
	c := &canvas{}
	p.draw(c, style, nil)
	_, err := w.Write(c.Bytes())
	return err
}

// Inline writes the picture as a part of an HTML page that has [Style] among its
// style sheets.
func (p *Picture) Inline(w io.Writer, to Links) error {
	c := &canvas{}
	p.draw(c, "", &to)
	_, err := w.Write(c.Bytes())
	return err
}

//go:embed picture.css
var style string

// Style returns the style sheet of pictures.
func Style() string { return style }

// Links says what the parts of a picture lead to. The functions return "" for
// nowhere; without a function nothing leads anywhere.
type Links struct {
	// Object returns where an object is shown.
	Object func(Object) string
	// Problems returns where the problems of a box are told.
	Problems func(*Box) string
}

// canvas is SVG on its way.
type canvas struct{ bytes.Buffer }

// open begins an element; the attributes are names and values in turn.
func (c *canvas) open(tag string, attrs ...any) { c.tag(tag, ">", attrs) }

// shape writes an element without content.
func (c *canvas) shape(tag string, attrs ...any) { c.tag(tag, "/>", attrs) }

func (c *canvas) tag(tag, end string, attrs []any) {
	c.WriteString("<" + tag)
	for i := 0; i+1 < len(attrs); i += 2 {
		fmt.Fprintf(c, ` %s="%s"`, attrs[i], escape(fmt.Sprint(attrs[i+1])))
	}
	c.WriteString(end)
	if end == "/>" {
		c.WriteByte('\n')
	}
}

func (c *canvas) close(tag string) { c.WriteString("</" + tag + ">\n") }

// text writes a line of text.
func (c *canvas) text(x, y int, class, s string) {
	c.open("text", "x", x, "y", y, "class", class)
	c.WriteString(escape(s))
	c.close("text")
}

// title writes what a pointer that rests on the element around shows.
func (c *canvas) title(lines ...string) {
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	c.WriteString("<title>" + strings.Join(lines, "\n") + "</title>\n")
}

// escape makes a text harmless in XML, and free of what XML cannot hold at all.
func escape(s string) string { return html.EscapeString(diag.Printable(s)) }

// draw draws the picture. The style is part of it when it is a file of its own;
// within a page there are links instead.
func (p *Picture) draw(c *canvas, style string, to *Links) {
	cards := p.cards(to)
	l := p.arrange(cards)
	left, top := margin, margin
	if slices.ContainsFunc(p.Boxes, isEntry) {
		left += entryLine
	}
	if style != "" {
		top += titleRoom
	}
	key := p.legend(max(l.size.w, minLegend))
	width := left + max(l.size.w, minLegend) + margin
	height := top + l.size.h + margin
	if key.height > 0 {
		height += key.height + legendGap - margin/2
	}
	c.open("svg", "xmlns", "http://www.w3.org/2000/svg", "class", "picture", "viewBox", fmt.Sprintf("0 0 %d %d", width, height),
		"width", width, "height", height, "role", "group", "aria-label", "The services of "+p.Name+" and what they need")
	c.WriteByte('\n')
	if style != "" {
		c.WriteString("<style>\n" + style + "</style>\n")
		c.shape("rect", "class", "ground", "width", width, "height", height)
		c.text(margin, margin+10, "headline", p.Name)
		c.text(margin, margin+30, "subline", p.Summary())
	}
	c.open("g", "transform", fmt.Sprintf("translate(%d %d)", left, top))
	c.WriteByte('\n')
	for _, lane := range l.lanes {
		p.lane(c, lane)
	}
	for i, card := range cards {
		card.draw(c, l.at[i], i)
	}
	if len(p.Boxes) == 0 {
		c.text(0, 14, "soft", "There are no services.")
	}
	c.close("g")
	if key.height > 0 {
		key.draw(c, margin, height-margin/2-key.height)
	}
	c.close("svg")
}

// Summary counts what the picture shows.
func (p *Picture) Summary() string {
	kinds := map[BoxKind]int{}
	objects := map[Object]bool{}
	for _, b := range p.Boxes {
		kinds[b.Kind]++
		for _, o := range b.Objects {
			objects[o] = true
		}
	}
	parts := []string{diag.Count(kinds[ServiceBox], "service")}
	if n := kinds[JobBox]; n > 0 {
		parts = append(parts, diag.Count(n, "job"))
	}
	if n := len(p.Networks); n > 0 {
		parts = append(parts, diag.Count(n, "network"))
	}
	return strings.Join(append(parts, diag.Count(len(objects), "Kubernetes object")), " · ")
}

// isEntry reports whether a box is reached from outside of the application.
func isEntry(b *Box) bool {
	return len(b.Hosts) > 0 || slices.ContainsFunc(b.Ports, func(p Port) bool { return p.Published != "" && !p.Loopback })
}

// Crowded reports whether there are so many boxes that each shows less of itself,
// and that the picture is better scrolled than shrunk.
func (p *Picture) Crowded() bool { return len(p.Boxes) > crowd }

func (p *Picture) arrange(cards []*card) *layout {
	sizes, entry := make([]size, len(cards)), make([]bool, len(cards))
	for i, card := range cards {
		sizes[i], entry[i] = card.size(), isEntry(p.Boxes[i])
	}
	g := gaps{column: 84, row: 26, bend: 16, cell: entryLine + 16}
	if p.Crowded() {
		g = gaps{column: 64, row: 16, bend: 12, cell: entryLine + 16}
	}
	return arrange(sizes, p.Arrows, entry, g)
}

// lane draws a piece of one or several arrows.
func (p *Picture) lane(c *canvas, l lane) {
	kinds := map[ArrowKind]bool{}
	var from, to, why []string
	for _, i := range l.arrows {
		a := p.Arrows[i]
		kinds[a.Kind] = true
		from, to, why = append(from, strconv.Itoa(a.From)), append(to, strconv.Itoa(a.To)), append(why, a.Why)
	}
	class := "lane"
	if len(kinds) == 1 {
		class += " " + string(p.Arrows[l.arrows[0]].Kind)
	}
	if len(l.arrows) > 3 {
		class += " broad"
	}
	slices.Sort(to)
	c.open("g", "class", class, "data-from", strings.Join(from, " "), "data-to", strings.Join(slices.Compact(to), " "))
	c.title(why...)
	c.shape("path", "d", l.path())
	if l.last {
		x, y := l.to.x, l.to.y
		tip := fmt.Sprintf("M%d %dl-9 -4.5v9z", x, y)
		if l.back {
			tip = fmt.Sprintf("M%d %dl9 -4.5v9z", x, y)
		}
		c.shape("path", "class", "tip", "d", tip)
	}
	c.close("g")
}

// path is the line of a lane: straight through the column that it passes, and
// a curve to the next.
func (l lane) path() string {
	if l.back {
		out := max(l.from.x, l.to.x) + 48
		return fmt.Sprintf("M%d %dC%d %d %d %d %d %d", l.from.x, l.from.y, out, l.from.y, out, l.to.y, l.to.x+8, l.to.y)
	}
	end := l.to.x
	if l.last {
		end -= 8
	}
	bend := (end - l.over) / 2
	d := fmt.Sprintf("M%d %d", l.from.x, l.from.y)
	if l.over > l.from.x {
		d += fmt.Sprintf("H%d", l.over)
	}
	return d + fmt.Sprintf("C%d %d %d %d %d %d", l.over+bend, l.from.y, end-bend, l.to.y, end, l.to.y)
}
