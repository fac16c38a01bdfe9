package kube

import (
	"encoding/json"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

// patch is the difference between an object as it is and as it should be.
type patch struct {
	kind types.PatchType
	data []byte
}

func (p patch) empty() bool { return len(p.data) == 0 || string(p.data) == "{}" }

// merger knows how the objects of a kind are merged.
type merger struct {
	// rules are those of a built-in kind's fields; nil for a custom one, whose rules a
	// client does not know, so that it is merged as JSON.
	rules strategicpatch.LookupPatchMeta
}

func mergerFor(obj *unstructured.Unstructured) (merger, error) {
	typed, err := scheme.Scheme.New(obj.GroupVersionKind())
	if runtime.IsNotRegisteredError(err) {
		return merger{}, nil
	}
	if err != nil {
		return merger{}, err
	}
	rules, err := strategicpatch.NewPatchMetaFromStruct(typed)
	return merger{rules}, err
}

func (m merger) kind() types.PatchType {
	if m.rules == nil {
		return types.MergePatchType
	}
	return types.StrategicMergePatchType
}

// threeWays returns what makes current as modified says, where original decides
// which fields are gone.
func (m merger) threeWays(original, modified, current []byte) ([]byte, error) {
	if m.rules == nil {
		return jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current,
			mergepatch.RequireKeyUnchanged("apiVersion"), mergepatch.RequireKeyUnchanged("kind"), mergepatch.RequireMetadataKeyUnchanged("name"))
	}
	return strategicpatch.CreateThreeWayMergePatch(original, modified, current, m.rules, true)
}

func (m merger) apply(current, data []byte) ([]byte, error) {
	if m.rules == nil {
		return jsonpatch.MergePatch(current, data)
	}
	return strategicpatch.StrategicMergePatchUsingLookupPatchMeta(current, data, m.rules)
}

func (m merger) twoWays(before, after []byte) ([]byte, error) {
	if m.rules == nil {
		return jsonpatch.CreateMergePatch(before, after)
	}
	return strategicpatch.CreateTwoWayMergePatchUsingLookupPatchMeta(before, after, m.rules)
}

// patchFor merges three ways: what the release says now against all that it said
// before decides which fields are the release's, and live what they are. Several
// revisions have said something when some of them have failed.
//
// helm compares custom resources without looking at live, and so never repairs
// them.
func patchFor(desired *unstructured.Unstructured, before []*unstructured.Unstructured, live *unstructured.Unstructured) (patch, error) {
	m, err := mergerFor(desired)
	if err != nil {
		return patch{}, err
	}
	modified, err := json.Marshal(desired)
	if err != nil {
		return patch{}, err
	}
	there, err := json.Marshal(live)
	if err != nil {
		return patch{}, err
	}
	current := there
	var steps []patch
	for _, said := range before {
		original, err := json.Marshal(said)
		if err != nil {
			return patch{}, err
		}
		data, err := m.threeWays(original, modified, current)
		if err != nil {
			return patch{}, err
		}
		step := patch{m.kind(), data}
		if step.empty() {
			continue
		}
		steps = append(steps, step)
		if current, err = m.apply(current, data); err != nil {
			return patch{}, err
		}
	}
	switch len(steps) {
	case 0:
		return patch{m.kind(), []byte("{}")}, nil
	case 1:
		return steps[0], nil
	}
	data, err := m.twoWays(there, current)
	return patch{m.kind(), data}, err
}
