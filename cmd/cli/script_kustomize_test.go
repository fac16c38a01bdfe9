package cli_test

import (
	"bytes"
	"errors"
	"io"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// builds lets kustomize build a folder, and wants the objects of a file:
//
//	builds k8s/overlays/prod want.yaml
func builds(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: builds DIR FILE")
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), ts.MkAbs(args[0]))
	ts.Check(err)
	text, err := built.AsYaml()
	ts.Check(err)
	got, err := readObjects(text)
	ts.Check(err)
	want, err := readObjects([]byte(ts.ReadFile(args[1])))
	ts.Check(err)
	if diff := cmp.Diff(want, got); diff != "" {
		ts.Fatalf("%s builds something else than %s (-want +got):\n%s", args[0], args[1], diff)
	}
}

// readObjects reads a stream of objects, by their kinds and names.
func readObjects(stream []byte) (map[string]any, error) {
	objects := map[string]any{}
	for d := yaml.NewYAMLToJSONDecoder(bytes.NewReader(stream)); ; {
		var o unstructured.Unstructured
		if err := d.Decode(&o.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		objects[o.GetKind()+" "+o.GetName()] = o.Object
	}
}
