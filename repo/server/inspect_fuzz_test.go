package server

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"testing"

	"gantry/charts/archive"
	"gantry/repo"
)

// FuzzInspect holds that the reader which judges uploads and the one which loads
// charts understand an archive alike: what one of them takes for a chart of some
// name and version must not be another chart to the other.
func FuzzInspect(f *testing.F) {
	type entry struct {
		name, text string
		kind       byte
	}
	meta := entry{"web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n", tar.TypeReg}
	for _, entries := range [][]entry{
		{meta},
		{{"web/", "", tar.TypeDir}, meta, {"web/values.yaml", "a: 1\n", tar.TypeReg}},
		{meta, {"web/../../x", "", tar.TypeReg}},
		{meta, {"web/x", "", tar.TypeSymlink}},
		{meta, {"web/Chart.yaml", "name: shop\nversion: 2.0.0\n", tar.TypeReg}},
		{{"./web/Chart.yaml", meta.text, tar.TypeReg}},
		{{`web\Chart.yaml`, meta.text, tar.TypeReg}},
		{{"web/Chart.yaml", "\xEF\xBB\xBF" + meta.text, tar.TypeReg}},
		{{"web/Chart.yaml", "name: web\nversion: 1.0.0\n", tar.TypeReg}, {"web/requirements.yaml", "dependencies:\n- name: db\n", tar.TypeReg}},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, e := range entries {
			if err := w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.text)), Typeflag: e.kind, Mode: 0o644}); err != nil {
				f.Fatal(err)
			}
			if _, err := w.Write([]byte(e.text)); err != nil {
				f.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	limits := DefaultLimits()
	f.Fuzz(func(t *testing.T, raw []byte) {
		// What is fuzzed is the tar stream: mutated gzip is refused at once.
		var b bytes.Buffer
		zip := gzip.NewWriter(&b)
		if _, err := zip.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := zip.Close(); err != nil {
			t.Fatal(err)
		}
		meta, err := inspect(bytes.NewReader(b.Bytes()), int64(b.Len()), limits)
		if err != nil {
			return
		}
		if err := repo.CheckName(meta.Name); err != nil {
			t.Errorf("a bad name passes: %v", err)
		}
		c, err := archive.Unpack(bytes.NewReader(b.Bytes()))
		if err != nil {
			return
		}
		if c.Name() != meta.Name || c.Metadata.Version != meta.Version {
			t.Errorf("judged as %s %s, loaded as %s %s", meta.Name, meta.Version, c.Name(), c.Metadata.Version)
		}
	})
}
