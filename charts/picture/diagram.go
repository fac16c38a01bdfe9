package picture

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"gantry/charts/diag"
)

// Mermaid writes the picture as a Mermaid flowchart, which code hosts draw where
// it stands in a Markdown file.
func (p *Picture) Mermaid(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString("flowchart LR\n")
	for i, box := range p.Boxes {
		open, end := `["`, `"]`
		switch box.Kind {
		case VolumeBox:
			open, end = `[("`, `")]`
		case JobBox:
			open, end = `(["`, `"])`
		case ServiceBox:
		}
		var lines []string
		for _, line := range box.lines() {
			lines = append(lines, mermaidText(line))
		}
		fmt.Fprintf(b, "    b%d%s%s%s\n", i, open, strings.Join(lines, "<br>"), end)
	}
	for _, a := range p.Arrows {
		arrow := "-->"
		switch a.Kind {
		case CompletesArrow:
			arrow = "-. completes .->"
		case SharesArrow:
			arrow = "== shares ==>"
		case MountsArrow:
			arrow = "-.->"
		case DependsArrow:
		}
		fmt.Fprintf(b, "    b%d %s b%d\n", a.From, arrow, a.To)
	}
	return b.Flush()
}

// mermaidText writes everything that Mermaid or the page around it could take for
// markup as an entity, in Mermaid's way.
func mermaidText(s string) string {
	var b strings.Builder
	for _, r := range diag.Printable(s) {
		if strings.ContainsRune("\"#&<>`;*_[](){}|\\", r) {
			fmt.Fprintf(&b, "#%d;", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Dot writes the picture for Graphviz.
func (p *Picture) Dot(w io.Writer) error {
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "digraph %s {\n", dotText(p.Name))
	b.WriteString("    rankdir=LR\n    node [shape=box, style=rounded, fontname=\"monospace\", fontsize=10]\n    edge [color=\"#8a96a3\"]\n")
	for i, box := range p.Boxes {
		shape := ""
		switch box.Kind {
		case VolumeBox:
			shape = ", shape=cylinder, style=solid"
		case JobBox:
			shape = `, style="rounded,dashed"`
		case ServiceBox:
		}
		fmt.Fprintf(b, "    b%d [label=%s%s]\n", i, dotText(strings.Join(box.lines(), "\n")), shape)
	}
	for _, a := range p.Arrows {
		style := ""
		switch a.Kind {
		case CompletesArrow:
			style = ", style=dashed"
		case SharesArrow:
			style = ", style=bold"
		case MountsArrow:
			style = ", style=dotted"
		case DependsArrow:
		}
		fmt.Fprintf(b, "    b%d -> b%d [tooltip=%s%s]\n", a.From, a.To, dotText(a.Why), style)
	}
	b.WriteString("}\n")
	return b.Flush()
}

// dotText writes a string of Graphviz, in which a line break is \n.
func dotText(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(diag.Printable(line))
	}
	return `"` + strings.Join(lines, `\n`) + `"`
}

// shortDigest is as much of a digest as people compare.
const shortDigest = 20

// lines says what a box is in a few lines of text.
func (b *Box) lines() []string {
	head := b.Name
	if b.Scale != "" {
		head += " " + b.Scale
	}
	lines := []string{head}
	if b.Image != "" {
		name, digest, _ := strings.Cut(b.Image, "@")
		if digest != "" {
			name += "@" + clip(digest, shortDigest)
		}
		lines = append(lines, name)
	}
	if ports := portList(b.Ports); ports != "" {
		lines = append(lines, ports)
	}
	lines = append(lines, b.Hosts...)
	for _, m := range b.Mounts {
		if m.Source != "" {
			lines = append(lines, m.Kind+" "+m.Source)
		}
	}
	if kinds := b.kinds(); kinds != "" {
		lines = append(lines, kinds)
	}
	return lines
}

// kinds lists the kinds of a box's objects.
func (b *Box) kinds() string {
	var kinds []string
	for i, o := range b.Objects {
		if i == 0 || o.Kind != b.Objects[i-1].Kind {
			kinds = append(kinds, o.Kind)
		}
	}
	return strings.Join(kinds, ", ")
}
