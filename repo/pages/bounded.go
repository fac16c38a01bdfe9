package pages

import (
	"bytes"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// What a README may ask of the parser: it takes time with the square of some things,
// and memory with the product of others, and nothing can stop it once it runs. What is
// beyond stays the text that was written.
const (
	// maxNesting is how deep quotes and lists may stand in each other; a list counts
	// twice, for its items.
	maxNesting = 100
	// maxCells is how many cells a table may have: rows that are short are filled up
	// to the width of the first.
	maxCells = 50_000
	// maxLinkWork is how many bytes may be looked at to find where links end: for each
	// bracket perhaps all that follow in the same paragraph.
	maxLinkWork = 128 << 20
)

// boundedParser returns a parser of GitHub's Markdown for one document.
func boundedParser() parser.Parser {
	return parser.NewParser(
		parser.WithBlockParsers(
			util.Prioritized(parser.NewSetextHeadingParser(), 100),
			util.Prioritized(parser.NewThematicBreakParser(), 200),
			util.Prioritized(nested{parser.NewListParser()}, 300),
			util.Prioritized(parser.NewListItemParser(), 400),
			util.Prioritized(parser.NewCodeBlockParser(), 500),
			util.Prioritized(parser.NewATXHeadingParser(), 600),
			util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
			util.Prioritized(nested{parser.NewBlockquoteParser()}, 800),
			util.Prioritized(parser.NewHTMLBlockParser(), 900),
			util.Prioritized(parser.NewParagraphParser(), 1000),
		),
		parser.WithInlineParsers(
			util.Prioritized(extension.NewTaskCheckBoxParser(), 0),
			util.Prioritized(parser.NewCodeSpanParser(), 100),
			util.Prioritized(&links{InlineParser: parser.NewLinkParser(), left: maxLinkWork}, 200),
			util.Prioritized(parser.NewAutoLinkParser(), 300),
			util.Prioritized(parser.NewRawHTMLParser(), 400),
			util.Prioritized(parser.NewEmphasisParser(), 500),
			util.Prioritized(extension.NewStrikethroughParser(), 500),
			util.Prioritized(extension.NewLinkifyParser(), 999),
		),
		parser.WithParagraphTransformers(
			util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
			util.Prioritized(tables{extension.NewTableParagraphTransformer()}, 200),
		),
		parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
		parser.WithAutoHeadingID(),
	)
}

// nested parses what other blocks can stand in.
type nested struct{ parser.BlockParser }

// Open is called where such a block may begin.
func (n nested) Open(parent ast.Node, reader text.Reader, pc parser.Context) (ast.Node, parser.State) {
	depth := 0
	for above := parent; above != nil; above = above.Parent() {
		depth++
	}
	if depth > maxNesting {
		return nil, parser.NoChildren
	}
	return n.BlockParser.Open(parent, reader, pc)
}

// tables makes tables of paragraphs.
type tables struct{ parser.ParagraphTransformer }

// Transform is called with each paragraph.
func (t tables) Transform(node *ast.Paragraph, reader text.Reader, pc parser.Context) {
	lines, widest := node.Lines(), 0
	for i := range lines.Len() {
		row := lines.At(i)
		widest = max(widest, bytes.Count(row.Value(reader.Source()), []byte("|"))+1)
	}
	if widest*lines.Len() <= maxCells {
		t.ParagraphTransformer.Transform(node, reader, pc)
	}
}

// links parses links and pictures.
type links struct {
	parser.InlineParser

	left int
}

// Parse is called with each bracket.
func (l *links) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	_, at := block.Position()
	if lines := parent.Lines(); lines.Len() > 0 {
		l.left -= lines.At(lines.Len()-1).Stop - at.Start
	}
	if l.left < 0 {
		return nil
	}
	return l.InlineParser.Parse(parent, block, pc)
}

// CloseBlock is called at the end of each paragraph.
func (l *links) CloseBlock(parent ast.Node, block text.Reader, pc parser.Context) {
	if c, ok := l.InlineParser.(parser.CloseBlocker); ok {
		c.CloseBlock(parent, block, pc)
	}
}
