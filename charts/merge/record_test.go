package merge_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/charts"
	"gantry/charts/merge"
)

func TestRecord(t *testing.T) {
	files := []charts.File{
		{Name: "values.yaml", Data: []byte("a: 1\n\n  b  \n")},
		{Name: "templates/with blank.yaml", Data: []byte("file x\n\\ no line break at the end\n#\n<<<<<<< yours\n=======")},
		{Name: "files/empty", Data: nil},
		{Name: "files/blank", Data: []byte("\n")},
		{Name: "files/crlf", Data: []byte("a\r\nb\r\n")},
		{Name: "files/logo.png", Data: []byte(strings.Repeat("\x00\xff\n", 100))},
	}
	text := (&merge.Record{Files: files}).Bytes()
	for _, tt := range []struct{ name, text string }{
		{"as written", string(text)},
		{"with the line ends of another system", strings.ReplaceAll(string(text), "\n", "\r\n")},
	} {
		t.Run(tt.name, func(t *testing.T) {
			record, err := merge.ParseRecord([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(asMap(files), asMap(record.Files)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestRecordWithConflict reads a record that two branches wrote and git could not
// merge: one of the sides is the base.
func TestRecordWithConflict(t *testing.T) {
	record, err := merge.ParseRecord([]byte(`# gantry chart, format 2
file a
 one
<<<<<<< HEAD
 two
||||||| merged common ancestors
 one and a half
=======
 three
file b
 b
>>>>>>> other
 four
`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a": "one\ntwo\nfour\n"}
	if diff := cmp.Diff(want, asMap(record.Files)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDamagedRecords(t *testing.T) {
	const title = "# gantry chart, format 2\n"
	for _, tt := range []struct{ name, text, want string }{
		{"newer", "# gantry chart, format 3\n", "newer gantry"},
		{"out of the chart", title + "file ../x\n", "no name for a file"},
		{"absolute", title + "file /etc/passwd\n", "no name for a file"},
		{"the chart itself", title + "file .\n", "no name for a file"},
		{"not clean", title + "file a//b\n", "no name for a file"},
		{"twice", title + "file a\nfile a\n", "no name for a file"},
		{"no file", title + " line\n", "line 2: the lines of a file without its name"},
		{"no line", title + "file a\nline\n", "line 3: neither"},
		{"no base64", title + "binary a\n ???\nfile b\n", "a: illegal base64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := merge.ParseRecord([]byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	for _, text := range []string{"", "# This folder was made by gantry\n"} {
		if record, err := merge.ParseRecord([]byte(text)); record != nil || err != nil {
			t.Errorf("a folder that is no chart: %v, %v", record, err)
		}
	}
}

// TestChecksums merges a chart of an older gantry, whose record has checksums only.
func TestChecksums(t *testing.T) {
	sum := func(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }
	record, err := merge.ParseRecord([]byte("# made by gantry\n" +
		sum("same\n") + "  same\n" + sum("edited\n") + "  edited\n" + sum("lost\n") + "  lost\n" + sum("gone\n") + "  gone\n" + sum("deleted\n") + "  deleted\n"))
	if err != nil {
		t.Fatal(err)
	}
	yours := map[string]string{"same": "same\n", "edited": "mine\n", "lost": "mine\n", "gone": "mine\n"}
	generated := map[string]string{"same": "new\n", "edited": "edited\n", "lost": "new\n", "deleted": "new\n"}
	result := merge.Merge(merge.Input{Base: record, Yours: asFiles(yours), Generated: asFiles(generated)})
	want := map[string]string{"same": "new\n", "edited": "mine\n", "lost": "mine\n", "gone": "mine\n"}
	if diff := cmp.Diff(want, asMap(result.Files)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	var conflicts []string
	for _, c := range result.Conflicts {
		conflicts = append(conflicts, c.File)
	}
	if diff := cmp.Diff([]string{"gone", "lost"}, conflicts); diff != "" {
		t.Errorf("conflicts: -want +got:\n%s", diff)
	}
	edits, _ := merge.Edits(record, asFiles(yours), nil)
	var edited []string
	for _, c := range edits {
		edited = append(edited, fmt.Sprint(c.File, " ", c.What))
	}
	if diff := cmp.Diff([]string{"deleted removed", "edited changed", "gone changed", "lost changed"}, edited); diff != "" {
		t.Errorf("edits: -want +got:\n%s", diff)
	}
}

// TestLineEnds merges a file that came through git with the line ends of another
// system: they are no edit, and what is merged keeps them.
func TestLineEnds(t *testing.T) {
	base, generated := "a\nb\nc\nd\n", "a\nb\nc\nd\ne\n"
	for _, tt := range []struct{ name, yours, want string }{
		{"not edited", "a\r\nb\r\nc\r\nd\r\n", generated},
		{"edited", "x\r\nb\r\nc\r\nd\r\n", "x\r\nb\r\nc\r\nd\r\ne\r\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := func(text string) []charts.File { return []charts.File{{Name: "README.md", Data: []byte(text)}} }
			result := merge.Merge(merge.Input{Base: &merge.Record{Files: file(base)}, Yours: file(tt.yours), Generated: file(generated)})
			if got := string(result.Files[0].Data); got != tt.want || len(result.Conflicts) > 0 {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// FuzzRecord reads whatever a repository may hold.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("# gantry chart, format 2\nfile a\n b\n"))
	f.Add([]byte("# gantry chart, format 2\nbinary a\n AAAA\n<<<<<<< x\n=======\n>>>>>>> y\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		record, err := merge.ParseRecord(data)
		if err != nil || record == nil {
			return
		}
		again, err := merge.ParseRecord(record.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if again != nil && !cmp.Equal(asMap(record.Files), asMap(again.Files)) {
			t.Errorf("%q was written as %q", asMap(record.Files), asMap(again.Files))
		}
	})
}
