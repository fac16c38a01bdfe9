package merge

import "gantry/charts/diag"

// hidden stands where a value is not for the screen.
const hidden = " (hidden)"

// Mask returns the text of a file for people to look at: values whose keys the
// function picks are left out, unless they are empty.
func Mask(name, text string, hides func(diag.Path) bool) string {
	s, ok := parseTree(name)
	if !ok || !s.lines {
		return text
	}
	root, ok := s.parse(text)
	if !ok {
		return text
	}
	root.leaves(nil, func(path []string, leaf *node) {
		if !hides(path) || leaf.canon == `!!str""` || leaf.canon == `!!null""` {
			return
		}
		if leaf.trail == "" { // the value ends with its last line
			leaf.trail = "\n"
		}
		leaf.value = hidden
	})
	return s.print(root)
}
