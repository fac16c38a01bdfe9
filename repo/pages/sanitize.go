package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"gantry/charts/pattern"
)

// sanitize keeps of HTML what a text is made of: no scripts, no styles, no forms, and
// links that say nothing of where they were followed. Pictures become links: a page
// loads nothing from another host, which would tell that host who reads it. It is parsed as
// browsers do it and written anew, so that what stays is balanced and means to a
// browser what it meant here.
func sanitize(source []byte) (template.HTML, error) {
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(bytes.NewReader(source), root)
	if err != nil {
		return "", fmt.Errorf("parse the HTML: %w", err)
	}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	prune(root)
	var b bytes.Buffer
	for n := range root.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return "", err
		}
	}
	return template.HTML(b.String()), nil //nolint:gosec // this is what sanitizing is for
}

// prune takes out of an element what may not be shown. What an element held that is
// taken out takes its place, if that is text.
func prune(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case n.Type == html.TextNode:
		case n.Type != html.ElementNode, n.Namespace != "", holdsNoText(n.DataAtom):
			parent.RemoveChild(n)
		case n.DataAtom == atom.Input:
			tick(n)
			unwrap(parent, n)
		case n.DataAtom == atom.Img:
			next = describePicture(n)
			unwrap(parent, n)
		case !clean(n):
			if n.FirstChild != nil {
				next = n.FirstChild
			}
			unwrap(parent, n)
		default:
			prune(n)
			settle(parent, n)
		}
		n = next
	}
}

// unwrap puts what an element holds in its place.
func unwrap(parent, n *html.Node) {
	for child := n.FirstChild; child != nil; child = n.FirstChild {
		n.RemoveChild(child)
		parent.InsertBefore(child, n)
	}
	parent.RemoveChild(n)
}

// describePicture puts into a picture the link that takes its place, and returns what
// is to be looked at next: the link. Within a link it is its text alone.
func describePicture(n *html.Node) *html.Node {
	text, link := &html.Node{Type: html.TextNode}, &html.Node{Type: html.ElementNode, Data: "a", DataAtom: atom.A}
	for _, a := range n.Attr {
		switch a.Key {
		case "alt":
			text.Data = a.Val
		case "src":
			link.Attr = []html.Attribute{{Key: "href", Val: a.Val}}
		}
	}
	switch {
	case strings.TrimSpace(text.Data) == "":
		return n.NextSibling
	case within(n, atom.A):
		n.AppendChild(text)
		return n.NextSibling
	default:
		link.AppendChild(text)
		n.AppendChild(link)
		return link
	}
}

// tick puts into the box of a task what it says.
func tick(n *html.Node) {
	kind, box := "", "☐"
	for _, a := range n.Attr {
		switch a.Key {
		case "type":
			kind = a.Val
		case "checked":
			box = "☑"
		}
	}
	if kind == "checkbox" {
		n.AppendChild(&html.Node{Type: html.TextNode, Data: box})
	}
}

func within(n *html.Node, element atom.Atom) bool {
	for above := n.Parent; above != nil; above = above.Parent {
		if above.DataAtom == element {
			return true
		}
	}
	return false
}

// settle makes an element fit the page: what may be wider than a window scrolls by
// itself, for the keyboard, too, and a link that nobody could see is none.
func settle(parent, n *html.Node) {
	switch {
	case n.DataAtom == atom.A && n.FirstChild == nil:
		parent.RemoveChild(n)
	case n.DataAtom == atom.Pre || n.DataAtom == atom.Table:
		n.Attr = []html.Attribute{{Key: "tabindex", Val: "0"}}
	}
}

// holdsNoText reports whether what is within an element is not meant to be read.
func holdsNoText(element atom.Atom) bool {
	switch element {
	case atom.Script, atom.Style, atom.Iframe, atom.Frame, atom.Frameset, atom.Noembed, atom.Noframes, atom.Noscript, atom.Object, atom.Template, atom.Head, atom.Title:
		return true
	default:
		return false
	}
}

// clean takes the attributes off an element that are not known to be harmless, and
// reports whether the element may stay.
func clean(n *html.Node) bool {
	var attributes []html.Attribute
	keep := func(key string, harmless func(value string) bool) {
		for _, a := range n.Attr {
			if a.Namespace == "" && a.Key == key && harmless(a.Val) {
				attributes = append(attributes, a)
			}
		}
	}
	switch n.DataAtom {
	case atom.P, atom.Br, atom.Hr, atom.Em, atom.Strong, atom.Del, atom.Pre, atom.Blockquote, atom.Ul, atom.Li, atom.Div,
		atom.Details, atom.Summary, atom.Kbd, atom.Sub, atom.Sup,
		atom.Table, atom.Caption, atom.Thead, atom.Tbody, atom.Tfoot, atom.Tr:
	case atom.Td, atom.Th:
		keep("align", func(v string) bool { return slices.Contains([]string{"left", "center", "right"}, v) })
		keep("colspan", isNumber)
		keep("rowspan", isNumber)
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		keep("id", headingID().MatchString)
	case atom.Code:
		keep("class", languageClass().MatchString)
	case atom.Ol:
		keep("start", isNumber)
	case atom.A:
		keep("href", leadsSomewhere)
		if len(attributes) == 0 {
			return false
		}
		attributes = append(attributes, html.Attribute{Key: "rel", Val: "nofollow noreferrer"})
	default:
		return false
	}
	n.Attr = attributes
	return true
}

func isNumber(value string) bool { return digits().MatchString(value) }

var (
	headingID     = pattern.Lazy(`^[a-z0-9][a-z0-9_-]*$`)
	languageClass = pattern.Lazy(`^language-[a-zA-Z0-9]+$`)
	digits        = pattern.Lazy(`^[0-9]{1,9}$`)
)

// leadsSomewhere reports whether a link opens a page or a letter, and runs nothing. Files
// beside the README are not here: they are where the chart was written.
func leadsSomewhere(link string) bool {
	u, err := url.Parse(strings.TrimSpace(link))
	if err != nil {
		return false
	}
	switch u.Scheme {
	case "http", "https", "mailto":
		return true
	case "":
		return u.Host != "" || u.Path == "" && u.RawQuery == "" && u.Fragment != ""
	default:
		return false
	}
}
