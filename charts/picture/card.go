package picture

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gantry/charts/diag"
)

// card draws a box. Its rows are made first, because the layout needs to know
// how much room they take.
type card struct {
	*Box
	links   *Links
	compact bool
	width   int
	height  int
	rows    []row
	// networks draws the marks of the box's networks.
	networks []int
}

// row is a line of a card.
type row struct {
	// y is the base line, from the top of the card.
	y    int
	draw func(c *canvas, x, y int)
}

// Sizes of cards. The widths of letters are those of the usual monospaced
// fonts: three fifths of their height.
const (
	wideCard    = 248
	compactCard = 178
	padding     = 14
	maxMounts   = 4
	maxPorts    = 6
)

func letters(room, fontSize int) int { return room * 10 / (fontSize * 6) }

// cards prepares the boxes for the layout.
func (p *Picture) cards(to *Links) []*card {
	cards := make([]*card, len(p.Boxes))
	for i, b := range p.Boxes {
		k := &card{Box: b, links: to, compact: p.Crowded(), width: wideCard, networks: b.Networks}
		if k.compact {
			k.width = compactCard
			k.compactRows()
		} else {
			k.wideRows()
		}
		cards[i] = k
	}
	return cards
}

func (k *card) size() size { return size{k.width, k.height} }

func (k *card) row(height int, draw func(c *canvas, x, y int)) {
	k.height += height
	k.rows = append(k.rows, row{k.height, draw})
}

// wideRows shows everything.
func (k *card) wideRows() {
	k.height = 8
	k.row(18, func(c *canvas, x, y int) { k.heading(c, x, y, k.marks(c, x, y), 14) })
	if k.Image != "" {
		k.line(17, "image", imageTail(k.Image, letters(k.width-2*padding, 11)), k.Image)
	}
	for _, host := range k.Hosts {
		k.icon(20, "globe", host, "")
	}
	if len(k.Ports) > 0 {
		k.ports()
	}
	if len(k.Mounts) > 0 {
		k.height += 4
	}
	for i, m := range k.Mounts {
		if i == maxMounts-1 && len(k.Mounts) > maxMounts {
			k.line(18, "more", fmt.Sprintf("and %d more", len(k.Mounts)-i), mountList(k.Mounts[i:]))
			break
		}
		name := m.Source
		if name == "" {
			name = m.Kind
		}
		k.icon(18, m.Kind, name, m.Target)
	}
	k.height += 12
	k.objects()
}

// compactRows shows what fits into three lines. The name has its line for itself:
// where there are many boxes, names are long and differ at the end.
func (k *card) compactRows() {
	k.height = 4
	k.row(17, func(c *canvas, x, y int) { k.heading(c, x, y, x+k.width-padding, 12) })
	k.row(15, func(c *canvas, x, y int) { k.marks(c, x, y) })
	k.height -= 15 // the next line is beside them
	room := letters(k.width-2*padding-k.marksWidth(), 10)
	switch text := portList(k.Ports); {
	case isEntry(k.Box):
		k.line(15, "open", clip(text, room), text)
	case text != "":
		k.line(15, "image", clip(text, room), text)
	default:
		k.line(15, "image", imageTail(k.Image, room), k.Image)
	}
	k.height += 8
	k.objects()
}

// line adds a line of text.
func (k *card) line(height int, class, text, full string) {
	k.row(height, func(c *canvas, x, y int) {
		if text == full {
			c.text(x+padding, y, class, text)
			return
		}
		c.open("g")
		c.title(full)
		c.text(x+padding, y, class, text)
		c.close("g")
	})
}

// Sizes of the marks of a card, which are its networks and its problems.
const (
	networkWidth = 14
	markGap      = 4
)

func (k *card) problems() string {
	if k.Problems == 0 {
		return ""
	}
	return "▲ " + strconv.Itoa(k.Problems)
}

func problemsWidth(text string) int { return 7*utf8.RuneCountInString(text) + 10 }

// marksWidth is how much room marks takes.
func (k *card) marksWidth() int {
	width := 0
	if text := k.problems(); text != "" {
		width += problemsWidth(text) + markGap
	}
	if n := len(k.networks); n > 0 {
		width += n*networkWidth + markGap
	}
	return width
}

// marks draws the marks of networks and problems at the end of a line, and returns
// where they begin.
func (k *card) marks(c *canvas, x, y int) int {
	right := x + k.width - padding
	if text := k.problems(); text != "" {
		w := problemsWidth(text)
		right -= w
		done := k.link(c, k.problemsLink())
		c.open("g", "class", "problems")
		c.title(diag.Count(k.Problems, "warning") + " about " + k.Name)
		c.shape("rect", "x", right, "y", y-13, "width", w, "height", 18, "rx", 9)
		c.text(right+w/2, y, "", text)
		c.close("g")
		done()
		right -= markGap
	}
	for i, network := range slices.Backward(k.networks) {
		right -= networkWidth
		networkMark(c, right+6, y-4, network)
		if i == 0 {
			right -= markGap
		}
	}
	return right
}

// heading is the name, with the number of pods before the right end of its room.
func (k *card) heading(c *canvas, x, y, right, fontSize int) {
	if k.Scale != "" {
		scale := clip(k.Scale, 13)
		w := utf8.RuneCountInString(scale)*66/10 + 2
		right -= w
		c.text(right, y, "scale", scale)
		right -= 6
	}
	name := clip(k.Name, letters(right-x-padding-4, fontSize))
	class := "name"
	if k.compact {
		class = "name small"
	}
	c.text(x+padding, y, class, name)
}

func (k *card) problemsLink() string {
	if k.links == nil || k.links.Problems == nil {
		return ""
	}
	return k.links.Problems(k.Box)
}

// link begins a link, if there is one, and returns what ends it.
func (k *card) link(c *canvas, to string) func() {
	if to == "" {
		return func() {}
	}
	c.open("a", "href", to)
	return func() { c.close("a") }
}

// icon adds a line with a symbol, a name, and where it is mounted.
func (k *card) icon(height int, symbol, name, target string) {
	room := letters(k.width-2*padding-18, 11)
	shown := clip(name, room)
	rest := room - utf8.RuneCountInString(shown) - 2
	k.row(height, func(c *canvas, x, y int) {
		c.open("g", "class", "mount "+symbol)
		c.title(strings.TrimSpace(symbol + " " + name + "  " + target))
		drawIcon(c, x+padding, y-10, symbol)
		c.text(x+padding+18, y, "source", shown)
		if target != "" && rest > 4 {
			c.text(x+padding+18+(utf8.RuneCountInString(shown)*66+99)/10, y, "target", tail(target, rest))
		}
		c.close("g")
	})
}

func mountList(mounts []Mount) string {
	var all []string
	for _, m := range mounts {
		all = append(all, strings.TrimSpace(m.Kind+" "+m.Source+" "+m.Target))
	}
	return strings.Join(all, ", ")
}

// draw draws the card with its top left corner at a point.
func (k *card) draw(c *canvas, at point, index int) {
	c.open("g", "class", "box "+string(k.Kind), "data-box", index)
	c.title(k.about())
	k.outline(c, at, "frame")
	for _, r := range k.rows {
		r.draw(c, at.x, at.y+r.y)
	}
	k.outline(c, at, "edge")
	if isEntry(k.Box) {
		entry(c, at.x, at.y+k.rows[0].y-4)
	}
	c.close("g")
}

// outline draws the shape of the card: its ground before the rows and its edge
// after them.
func (k *card) outline(c *canvas, at point, class string) {
	if k.Kind != VolumeBox {
		c.shape("rect", "class", class, "x", at.x, "y", at.y, "width", k.width, "height", k.height, "rx", 8)
		return
	}
	c.shape("path", "class", class, "d", fmt.Sprintf("M%d %dv%da8 8 0 0 0 8 8h%da8 8 0 0 0 8 -8v%d", at.x, at.y+4, k.height-12, k.width-16, 12-k.height))
	c.shape("ellipse", "class", class+" lid", "cx", at.x+k.width/2, "cy", at.y+4, "rx", k.width/2, "ry", 7)
}

// about says what the box is in a sentence.
func (k *card) about() string {
	about := string(k.Kind) + " " + k.Name
	if k.Image != "" {
		about += ", " + k.Image
	}
	return about
}

// clip cuts a text at its end.
func clip(s string, room int) string {
	if utf8.RuneCountInString(s) <= room {
		return s
	}
	return string([]rune(s)[:max(0, room-1)]) + "…"
}

// tail cuts a text at its beginning.
func tail(s string, room int) string {
	runes := []rune(s)
	if len(runes) <= room {
		return s
	}
	return "…" + string(runes[len(runes)-max(0, room-1):])
}

// imageTail cuts the name of an image at its beginning, which says least, and
// takes a digest off first.
func imageTail(image string, room int) string {
	if name, _, ok := strings.Cut(image, "@"); ok && utf8.RuneCountInString(image) > room {
		image = name + "@…"
	}
	if utf8.RuneCountInString(image) <= room {
		return image
	}
	for rest := image; ; {
		_, after, ok := strings.Cut(rest, "/")
		if !ok {
			return tail(image, room)
		}
		if rest = after; utf8.RuneCountInString(rest) <= room-2 {
			return "…/" + rest
		}
	}
}
