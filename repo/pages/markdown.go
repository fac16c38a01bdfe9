package pages

import (
	"bytes"
	"html/template"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxMarkdown is how much of a README is shown, in bytes.
const maxMarkdown = 512 << 10

// markdown turns a README into HTML that is safe to show. Pictures become links:
// a page loads nothing from another host, which would tell that host who reads it.
func markdown(source []byte) (template.HTML, error) {
	source = source[:min(len(source), maxMarkdown)]
	var b bytes.Buffer
	if err := markdownRenderer().Render(&b, source, boundedParser().Parse(text.NewReader(source))); err != nil {
		return "", err
	}
	if safe, err := sanitize(b.Bytes()); err == nil {
		return safe, nil
	}
	// It is nested deeper than any text, and is shown as it was written.
	return template.HTML("<pre>" + template.HTMLEscapeString(string(source)) + "</pre>"), nil //nolint:gosec // it is escaped
}

func markdownRenderer() renderer.Renderer {
	return renderer.NewRenderer(renderer.WithNodeRenderers(
		util.Prioritized(extension.NewTableHTMLRenderer(), 500),
		util.Prioritized(extension.NewStrikethroughHTMLRenderer(), 500),
		util.Prioritized(extension.NewTaskCheckBoxHTMLRenderer(), 500),
		util.Prioritized(html.NewRenderer(html.WithUnsafe()), 1000), // what is not safe is taken out afterwards
	))
}

// picturesToLinks replaces pictures by their texts, which lead to them. A picture
// within a link is its text alone.
type picturesToLinks struct{}

// Transform is called by the parser.
func (picturesToLinks) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	var pictures []*ast.Image
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the function has no errors
		if image, ok := n.(*ast.Image); ok && entering {
			pictures = append(pictures, image)
		}
		return ast.WalkContinue, nil
	})
	for _, image := range pictures {
		parent := image.Parent()
		if image.FirstChild() == nil {
			parent.RemoveChild(parent, image)
			continue
		}
		link := ast.NewLink()
		link.Destination, link.Title = image.Destination, image.Title
		within := parent.Kind() == ast.KindLink
		for child := image.FirstChild(); child != nil; child = image.FirstChild() {
			image.RemoveChild(image, child)
			if within {
				parent.InsertBefore(parent, image, child)
			} else {
				link.AppendChild(link, child)
			}
		}
		if within {
			parent.RemoveChild(parent, image)
		} else {
			parent.ReplaceChild(parent, image, link)
		}
	}
}
