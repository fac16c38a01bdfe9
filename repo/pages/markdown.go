package pages

import (
	"bytes"
	"html/template"

	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxMarkdown is how much of a README is shown, in bytes.
const maxMarkdown = 512 << 10

// markdown turns a README into HTML that is safe to show.
func markdown(source []byte) (template.HTML, error) {
	source = bytes.ToValidUTF8(source[:min(len(source), maxMarkdown)], nil)
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
