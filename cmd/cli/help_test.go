package cli

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func testRoot() *cobra.Command {
	return newRoot(&app{IO: IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}})
}

// TestExamples wants an example of every command, and every example to name
// commands and flags that exist.
func TestExamples(t *testing.T) {
	walk(testRoot(), func(c *cobra.Command) {
		if c.Hidden || c.HasSubCommands() && c.HasParent() {
			return
		}
		// gantry chart lint is gantry lint, and shows that.
		if !strings.Contains(c.Example, c.CommandPath()) && !strings.Contains(c.Example, "gantry "+c.Name()) {
			t.Errorf("%s --help shows no example of it", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			checkLine(t, c.CommandPath()+" --help", line)
		}
	})
}

// TestHints checks what withHint tells people to type.
func TestHints(t *testing.T) {
	quoted := regexp.MustCompile("[\"'`]gantry [^\"'`]+[\"'`]")
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	hints := 0
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range hintTexts(file) {
			hints++
			for _, command := range quoted.FindAllString(text, -1) {
				checkLine(t, name, strings.Trim(command, "\"'`"))
			}
		}
	}
	if hints == 0 {
		t.Error("no hint found: this test looks at the wrong thing")
	}
}

// hintTexts returns the string literals in the second argument of withHint.
func hintTexts(file *ast.File) []string {
	var texts []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "withHint" || len(call.Args) != 2 {
			return true
		}
		ast.Inspect(call.Args[1], func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				text, _ := strconv.Unquote(lit.Value)
				texts = append(texts, text)
			}
			return true
		})
		return true
	})
	return texts
}

// TestReadme checks the command lines, those after a $, in the code blocks of the
// prose.
func TestReadme(t *testing.T) {
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 {
				continue
			}
			for line := range strings.Lines(block) {
				if command, ok := strings.CutPrefix(line, "$ "); ok {
					checkLine(t, name, command)
				}
			}
		}
	}
}

// checkLine finds the command and the flags of a line that runs gantry. Other
// lines pass.
func checkLine(t *testing.T, where, line string) {
	t.Helper()
	if err := lineError(line); err != nil {
		t.Errorf("%s: %q: %v", where, strings.TrimSpace(line), err)
	}
}

func lineError(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || words[0] != "gantry" && words[0] != "bin/gantry" {
		return nil
	}
	words = words[1:]
	if end := slices.IndexFunc(words, endsCommand); end >= 0 {
		words = words[:end]
	}
	command, rest, err := testRoot().Find(words)
	if err != nil {
		return err
	}
	if command.HasSubCommands() && len(rest) > 0 && rest[0][0] != '-' {
		return fmt.Errorf("%s has no command %q", command.CommandPath(), rest[0])
	}
	for _, word := range words {
		name, _, _ := strings.Cut(word, "=")
		switch {
		case name == "--":
			return nil
		case name == "--help" || len(name) < 2 || name[0] != '-':
		case strings.HasPrefix(name, "--"):
			if command.Flag(name[2:]) == nil {
				return fmt.Errorf("%s has no flag %s", command.CommandPath(), name)
			}
		case command.Flags().ShorthandLookup(name[1:2]) == nil && command.InheritedFlags().ShorthandLookup(name[1:2]) == nil:
			return fmt.Errorf("%s has no flag %s", command.CommandPath(), name)
		}
	}
	return nil
}

// endsCommand reports whether the shell takes a word as the end of a command.
func endsCommand(word string) bool {
	return slices.Contains([]string{"|", "||", "&&", "&", ";", "#", "\\"}, word) || strings.ContainsAny(word[:1], "<>#")
}

func TestLineError(t *testing.T) {
	for _, line := range []string{"gantry liftoff", "gantry version --liftoff", "gantry version -x"} {
		if lineError(line) == nil {
			t.Errorf("%s: want an error", line)
		}
	}
	for _, line := range []string{"gantry version -o json | jq .version", "helm liftoff", "gantry --context=a version", "gantry version > file"} {
		if err := lineError(line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
