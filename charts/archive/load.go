package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"

	"gantry/charts"
	"gantry/charts/alias"
)

// metadataFile is the one file that every chart has.
const metadataFile = "Chart.yaml"

// Load reads a chart from a folder or from a .tgz file.
func Load(name string) (*chart.Chart, error) {
	c, err := load(name)
	if at, ok := errors.AsType[*Error](err); ok && at.Chart == "" {
		at.Chart = name
	}
	return c, err
}

func load(name string) (*chart.Chart, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		b := newBudget()
		files, err := readDir(name, b)
		if err != nil {
			return nil, err
		}
		return assemble(files, b, 1)
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Unpack(f)
}

// Unpack reads a chart from a gzipped tar stream. It reads the stream to its
// end, unless there is an error.
func Unpack(r io.Reader) (*chart.Chart, error) {
	b := newBudget()
	files, err := readTar(r, b)
	if err != nil {
		return nil, err
	}
	return assemble(files, b, 1)
}

// FromFiles makes a chart of files in memory, named below the chart's folder.
func FromFiles(files []charts.File) (*chart.Chart, error) {
	b := newBudget()
	seen := make(map[string]bool, len(files))
	for _, f := range files {
		if err := b.entry(f.Name, int64(len(f.Data))); err != nil {
			return nil, err
		}
		if err := b.take(f.Name, len(f.Data)); err != nil {
			return nil, err
		}
		if err := checkName(f.Name, seen); err != nil {
			return nil, err
		}
	}
	return assemble(files, b, 1)
}

// checkName refuses names that leave the chart, name no file, or come twice.
func checkName(name string, seen map[string]bool) error {
	switch {
	case name == "" || name == "." || name != path.Clean(name):
		return faultf(name, "not a path of a file")
	case path.IsAbs(name) || name == ".." || strings.HasPrefix(name, "../") || drivePath(name):
		return fault(name, ErrEscape)
	case strings.ContainsAny(name, "\\\x00"):
		return faultf(name, "not a path that every system can have")
	case strings.Count(name, "/") >= MaxPathDepth:
		return faultf(name, "%w: more than %d folders deep", ErrLimit, MaxPathDepth)
	case seen[name]:
		return faultf(name, "comes twice")
	}
	seen[name] = true
	return nil
}

// goodName holds for names that can be a folder, a part of a file name, and a
// part of a URL.
func goodName(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

// drivePath finds paths such as c:/windows, which are absolute on one system.
func drivePath(name string) bool {
	return len(name) >= 3 && name[1] == ':' && name[2] == '/' &&
		(name[0]|0x20) >= 'a' && (name[0]|0x20) <= 'z'
}

// assemble makes a chart of its files, and of the charts within it. helm's
// loader would do the second part too, but gives every packed sub-chart a
// budget of its own and adds them in random order.
func assemble(files []charts.File, b *budget, depth int) (*chart.Chart, error) {
	if depth > b.charts {
		return nil, faultf("", "%w: more than %d charts inside each other", ErrLimit, b.charts)
	}
	if err := checkAliases(files, b); err != nil {
		return nil, err
	}
	own := make([]*loader.BufferedFile, 0, len(files))
	raw := make([]*chart.File, 0, len(files))
	within := map[string][]charts.File{}
	var names []string
	for _, f := range files {
		raw = append(raw, &chart.File{Name: f.Name, Data: f.Data})
		name, rest, ok := subchart(f.Name)
		if !ok {
			own = append(own, &loader.BufferedFile{Name: f.Name, Data: f.Data})
			continue
		}
		if _, known := within[name]; !known {
			names = append(names, name)
		}
		within[name] = append(within[name], charts.File{Name: rest, Data: f.Data})
	}
	c, err := loader.LoadFiles(own)
	if err != nil {
		return nil, loadFault(files, err)
	}
	if !goodName(c.Name()) {
		return nil, faultf(metadataFile, "name %q: a chart's name has letters, digits, dots, underscores and hyphens", c.Name())
	}
	c.Raw = raw
	slices.Sort(names)
	for _, name := range names {
		sub, err := assembleSubchart(name, within[name], b, depth+1)
		if err != nil {
			return nil, inside("charts/"+name, err)
		}
		c.AddDependency(sub)
	}
	return c, nil
}

// checkAliases takes what the aliases of a chart's own files mean from the budget, before
// helm's loader writes them out.
func checkAliases(files []charts.File, b *budget) error {
	for _, f := range files {
		if readAs(f.Name) == nil {
			continue
		}
		more, err := alias.More(f.Data, b.fileBytes)
		if errors.Is(err, alias.ErrLimit) {
			return faultf(f.Name, "%w: %w", ErrLimit, err)
		}
		if err != nil {
			return loadFault(files, err)
		}
		if err := b.take(f.Name, int(more)); err != nil {
			return err
		}
	}
	return nil
}

// subchart splits the name of a file below charts/ into the chart it belongs to
// and the rest. Names beginning with a dot or an underscore, and signatures,
// belong to no chart; helm has it so.
func subchart(file string) (name, rest string, ok bool) {
	below, ok := strings.CutPrefix(file, "charts/")
	if !ok || path.Ext(file) == ".prov" {
		return "", "", false
	}
	name, rest, _ = strings.Cut(below, "/")
	if strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return "", "", false
	}
	return name, rest, true
}

func assembleSubchart(name string, files []charts.File, b *budget, depth int) (*chart.Chart, error) {
	packed := files[0].Name == ""
	if !packed {
		return assemble(files, b, depth)
	}
	if path.Ext(name) != ".tgz" {
		return nil, faultf("", "neither the folder of a chart nor a .tgz: move it out of charts/, or name it in .helmignore")
	}
	unpacked, err := readTar(bytes.NewReader(files[0].Data), b)
	if err != nil {
		return nil, err
	}
	return assemble(unpacked, b, depth)
}

// inside puts the name of a sub-chart in front of the file of an error.
func inside(name string, err error) error {
	at, ok := errors.AsType[*Error](err)
	if !ok {
		return fault(name, err)
	}
	return &Error{Chart: at.Chart, Line: at.Line, Column: at.Column, File: strings.TrimSuffix(name+"/"+at.File, "/"), Err: at.Err}
}

// loadFault finds the file that helm's loader means, which says so in words
// only, by trying the few that it parses.
func loadFault(files []charts.File, err error) error {
	for _, f := range files {
		if perr := parses(f); perr != nil {
			return fault(f.Name, perr)
		}
	}
	return metadataFault(files, err)
}

// metadataFault finds the key of Chart.yaml that a message is about: "validation:
// chart.metadata.version "one" is invalid".
func metadataFault(files []charts.File, err error) error {
	text := strings.TrimPrefix(err.Error(), "validation: ")
	text = strings.TrimPrefix(text, "chart.metadata.")
	at := &Error{File: metadataFile, Err: errors.New(text)}
	key, _, _ := strings.Cut(text, " ")
	for _, f := range files {
		if f.Name == metadataFile {
			at.Line, at.Column = keyPosition(f.Data, key)
		}
	}
	return at
}

// MissingDependencies returns the names of the charts that c says it depends on
// and does not hold, in the order of Chart.yaml.
func MissingDependencies(c *chart.Chart) []string {
	var missing []string
	for _, want := range c.Metadata.Dependencies {
		held := slices.ContainsFunc(c.Dependencies(), func(have *chart.Chart) bool { return have.Name() == want.Name })
		if !held {
			missing = append(missing, want.Name)
		}
	}
	return missing
}
