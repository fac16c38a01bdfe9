package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"gantry/charts/diag"
)

// settings are flags that can be set in a file and in the environment as well. A
// flag wins over the environment, and that over the file.
type settings struct {
	flags *pflag.FlagSet
	// sources says where a flag was set; those that are not in it have their
	// defaults.
	sources map[string]string
}

// settingsPlace says where settings are found.
type settingsPlace struct {
	// flag names the file.
	flag string
	// prefix begins the names of environment variables.
	prefix string
}

// maxSettings is the largest file of settings.
const maxSettings = 1 << 20

// readSettings sets the flags that the command line does not.
func (a *app) readSettings(flags *pflag.FlagSet, place settingsPlace) (*settings, error) {
	s := &settings{flags: flags, sources: map[string]string{}}
	s.each(func(f *pflag.Flag) {
		if f.Changed {
			s.sources[f.Name] = "--" + f.Name
		}
	})
	if err := s.readEnvironment(a.Getenv, place.prefix); err != nil {
		return nil, err
	}
	file := flags.Lookup(place.flag).Value.String()
	if file == "" {
		return s, nil
	}
	text, err := readSmall(file, maxSettings)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFoundError(err)
	}
	if err != nil {
		return nil, err
	}
	if err := s.readFile(file, text, place.flag); err != nil {
		return nil, &exitError{exitInput, err}
	}
	return s, nil
}

// each calls a function with every flag that is a setting, in order.
func (s *settings) each(do func(*pflag.Flag)) {
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "print-config" && !f.Hidden {
			do(f)
		}
	})
}

func (s *settings) readEnvironment(getenv func(string) string, prefix string) error {
	var failed error
	s.each(func(f *pflag.Flag) {
		name := prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value := getenv(name)
		if value == "" || s.sources[f.Name] != "" {
			return
		}
		s.sources[f.Name] = "$" + name
		if err := s.flags.Set(f.Name, value); err != nil {
			failed = cmp.Or(failed, usageError(fmt.Errorf("%s: %w", name, unwrapFlag(err))))
		}
	})
	return failed
}

// unwrapFlag returns what is wrong with a value, without the name of the flag,
// which the user has not typed.
func unwrapFlag(err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("%q: %w", e.GetValue(), wantOf(e.GetFlag().Value.Type(), e.Unwrap()))
	}
	return err
}

// wantOf says what a value of a kind looks like, in place of what its parser says.
func wantOf(kind string, err error) error {
	switch kind {
	case "bool":
		return errors.New("it must be true or false")
	case "int", "int64", "float64":
		return errors.New("it must be a number")
	case "duration":
		return errors.New("it must be a duration, such as 30s or 5m")
	default:
		return err
	}
}

// readFile sets what a file says, a mapping of the flags' names.
func (s *settings) readFile(file string, text []byte, self string) error {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if len(doc.Content) == 0 {
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: the settings must be a mapping, such as listen: :8879", file, root.Line)
	}
	var names []string
	s.each(func(f *pflag.Flag) {
		if f.Name != self {
			names = append(names, f.Name)
		}
	})
	seen := map[string]bool{}
	for pair := range slices.Chunk(root.Content, 2) {
		key, value := pair[0], pair[1]
		where := fmt.Sprintf("%s:%d:%d: %s", file, key.Line, key.Column, key.Value)
		switch {
		case !slices.Contains(names, key.Value):
			hint := "the settings are the flags of the command, which --help lists"
			if near := diag.Nearest(key.Value, names); len(near) > 0 {
				hint = "did you mean " + near[0] + "? The settings are the flags of the command"
			}
			return withHint(fmt.Errorf("%s: there is no such setting", where), hint)
		case seen[key.Value]:
			return fmt.Errorf("%s: it is set twice", where)
		}
		seen[key.Value] = true
		if s.sources[key.Value] != "" {
			continue
		}
		s.sources[key.Value] = file
		if err := s.set(key.Value, value); err != nil {
			return fmt.Errorf("%s: %w", where, unwrapFlag(err))
		}
	}
	return nil
}

// set sets a flag to a scalar, or one that can be repeated to a list.
func (s *settings) set(name string, value *yaml.Node) error {
	values := []*yaml.Node{value}
	_, repeats := s.flags.Lookup(name).Value.(pflag.SliceValue)
	if value.Kind == yaml.SequenceNode && repeats {
		values = value.Content
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode || v.Tag == "!!null" {
			return errors.New("the value must be a text, a number or true or false")
		}
		if err := s.flags.Set(name, v.Value); err != nil {
			return err
		}
	}
	return nil
}

// write prints the settings as a file that would set the same, each with where it
// comes from.
func (s *settings) write(w io.Writer) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	s.each(func(f *pflag.Flag) {
		if f.Name == "config" {
			return
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Value: f.Name}
		var value yaml.Node
		switch v := f.Value.(type) {
		case pflag.SliceValue:
			value = yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
			for _, text := range v.GetSlice() {
				value.Content = append(value.Content, scalar("string", text))
			}
		default:
			value = *scalar(v.Type(), v.String())
		}
		value.LineComment = cmp.Or(s.sources[f.Name], "default")
		root.Content = append(root.Content, key, &value)
	})
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	return errors.Join(e.Encode(root), e.Close())
}

// scalar is a value as YAML has it. A password in a URL is hidden.
func scalar(kind, text string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if kind == "string" {
		n.Tag = "!!str"
	}
	if u, err := url.Parse(text); err == nil && u.User != nil {
		n.Value = u.Redacted()
	}
	return n
}
