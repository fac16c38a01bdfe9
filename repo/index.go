package repo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/Masterminds/semver/v3"
	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"gantry/charts/alias"
	"gantry/charts/diag"
)

// APIVersion is the only version of the index format there is.
const APIVersion = "v1"

// MaxIndexBytes is the size at which reading an index is given up. The largest
// public index is near 30 MB; 100,000 versions are 90 MB.
const MaxIndexBytes = 256 << 20

// ErrNotIndex reports that bytes are not a repository's index at all.
var ErrNotIndex = errors.New("not a chart repository index")

// Index is everything that a repository has to say: its charts and their
// versions.
type Index struct {
	APIVersion string    `json:"apiVersion"`
	Generated  time.Time `json:"generated,omitzero"`
	// Entries maps the name of a chart to its versions, newest first.
	Entries     map[string][]*Entry `json:"entries"`
	PublicKeys  []string            `json:"publicKeys,omitempty"`
	Annotations map[string]string   `json:"annotations,omitempty"`
	// ServerInfo is what ChartMuseum and its clients tell each other.
	ServerInfo map[string]any `json:"serverInfo,omitempty"`
}

// Entry is one version of a chart: its Chart.yaml, and where its archive is.
type Entry struct {
	chart.Metadata

	// URLs are where the archive is, absolute or relative to the repository.
	URLs    []string  `json:"urls"`
	Created time.Time `json:"created,omitzero"`
	Removed bool      `json:"removed,omitempty"`
	// Digest is the SHA-256 of the archive in hexadecimal.
	Digest string `json:"digest,omitempty"`

	// The fields below are left over from Helm 2. They mean nothing any more;
	// they are here so that an index keeps them when it is merged.

	Checksum      string `json:"checksum,omitempty"`
	Engine        string `json:"engine,omitempty"`
	TillerVersion string `json:"tillerVersion,omitempty"`
	URL           string `json:"url,omitempty"`
}

// NewIndex returns an index without charts.
func NewIndex() *Index {
	return &Index{APIVersion: APIVersion, Entries: map[string][]*Entry{}}
}

// Parse reads an index in JSON or YAML and sorts its versions, newest first.
// Entries that nobody could install are left out, each with a warning; only
// input that is no index at all is an error. The name is for the diagnostics.
func Parse(name string, data []byte) (*Index, diag.List, error) {
	if len(data) > MaxIndexBytes {
		return nil, nil, fmt.Errorf("%w: larger than %d MiB", ErrNotIndex, MaxIndexBytes>>20)
	}
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		return nil, nil, fmt.Errorf("%w: it is a web page", ErrNotIndex)
	}
	if !json.Valid(data) {
		if err := alias.Check(data, MaxIndexBytes); err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrNotIndex, err)
		}
		converted, err := yaml.YAMLToJSON(data)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", ErrNotIndex, err)
		}
		data = converted
	}
	index, list, err := decode(name, data)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNotIndex, misfit(err))
	}
	switch index.APIVersion {
	case APIVersion:
	case "":
		return nil, nil, fmt.Errorf("%w: it has no apiVersion", ErrNotIndex)
	default:
		return nil, nil, fmt.Errorf("%w: apiVersion %q is not known", ErrNotIndex, index.APIVersion)
	}
	list = append(list, index.clean(name)...)
	list.Sort()
	return index, list, nil
}

// decode takes the fast way first: one malformed entry in ten thousand makes it
// look at every entry alone.
func decode(name string, data []byte) (*Index, diag.List, error) {
	index := &Index{}
	if err := json.Unmarshal(data, index); err == nil {
		if index.Entries == nil {
			index.Entries = map[string][]*Entry{}
		}
		return index, nil, nil
	}
	var loose struct {
		Index
		Entries map[string][]json.RawMessage `json:"entries"`
	}
	if err := json.Unmarshal(data, &loose); err != nil {
		return nil, nil, err
	}
	var list diag.List
	*index = loose.Index
	index.Entries = make(map[string][]*Entry, len(loose.Entries))
	for _, key := range slices.Sorted(maps.Keys(loose.Entries)) {
		index.Entries[key] = nil
		for i, raw := range loose.Entries[key] {
			e := &Entry{}
			if err := json.Unmarshal(raw, e); err != nil {
				list.Add(skipped(name, key, i, misfit(err)))
				continue
			}
			index.Entries[key] = append(index.Entries[key], e)
		}
	}
	return index, list, nil
}

// clean drops what cannot be used and sorts the rest.
func (x *Index) clean(name string) diag.List {
	var list diag.List
	for _, key := range slices.Sorted(maps.Keys(x.Entries)) {
		seen := map[string]bool{}
		kept := make([]*Entry, 0, len(x.Entries[key]))
		for i, e := range x.Entries[key] {
			switch err := e.check(); {
			case err != nil:
				list.Add(skipped(name, key, i, err))
			case seen[e.Version]:
				list.Add(skipped(name, key, i, fmt.Errorf("version %s is there twice", e.Version)))
			default:
				seen[e.Version] = true
				kept = append(kept, e)
			}
		}
		SortEntries(kept)
		x.Entries[key] = kept
	}
	return list
}

// misfit says what is in the wrong place in the words of the file, and not in those of Go.
func misfit(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return err
	}
	// Names that begin with a capital are those of structs in others.
	field := slices.DeleteFunc(strings.Split(wrong.Field, "."), func(name string) bool { return name == "" || name[0] < 'a' })
	article := "a "
	if wrong.Value == "array" || wrong.Value == "object" {
		article = "an "
	}
	return errors.New(cmp.Or(strings.Join(field, "."), "it") + " is " + article + wrong.Value)
}

func skipped(file, chartName string, i int, err error) diag.Diagnostic {
	return diag.Diagnostic{
		Severity: diag.Warning,
		Pos:      diag.Pos{File: file},
		Path:     diag.Path{"entries", chartName, strconv.Itoa(i)},
		Code:     "index-entry",
		Summary:  "the entry is left out: " + err.Error(),
		Hint:     "tell whoever runs the repository; its other charts can be used",
	}
}

// check says why an entry cannot be used. It is as lenient as Helm: a version
// without a patch number passes, for such charts exist.
func (e *Entry) check() error {
	if e == nil {
		return errors.New("it is empty")
	}
	if e.Name == "" {
		return errors.New("it has no name")
	}
	if _, err := semver.NewVersion(e.Version); err != nil {
		return fmt.Errorf("version %q: %w", e.Version, err)
	}
	return nil
}

// Merge adds the versions of another index that this one does not have.
func (x *Index) Merge(other *Index) {
	for name, entries := range other.Entries {
		for _, e := range entries {
			if !slices.ContainsFunc(x.Entries[name], func(have *Entry) bool { return have.Version == e.Version }) {
				x.Entries[name] = append(x.Entries[name], e)
			}
		}
		SortEntries(x.Entries[name])
	}
}

// Names returns the names of the charts in order.
func (x *Index) Names() []string { return slices.Sorted(maps.Keys(x.Entries)) }

// JSON encodes the index. The same index gives the same bytes.
func (x *Index) JSON() ([]byte, error) { return json.Marshal(x) }

// YAML encodes the index. The same index gives the same bytes.
func (x *Index) YAML() ([]byte, error) { return yaml.Marshal(x) }

// SortEntries puts the newest version first.
func SortEntries(entries []*Entry) {
	type keyed struct {
		version *semver.Version
		entry   *Entry
	}
	all := make([]keyed, len(entries))
	for i, e := range entries {
		all[i].entry = e
		all[i].version, _ = semver.NewVersion(e.Version)
	}
	slices.SortStableFunc(all, func(a, b keyed) int {
		return cmp.Or(-compareParsed(a.version, b.version), -cmp.Compare(a.entry.Version, b.entry.Version))
	})
	for i := range all {
		entries[i] = all[i].entry
	}
}
