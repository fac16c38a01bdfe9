package kube

import (
	"encoding/json"

	helmkube "helm.sh/helm/v3/pkg/kube"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/cli-runtime/pkg/resource"
)

// patch is the difference between an object as it is and as it should be.
type patch struct {
	kind types.PatchType
	data []byte
}

func (p patch) empty() bool { return len(p.data) == 0 || string(p.data) == "{}" }

// send applies the patch; force replaces the whole object instead.
func (p patch) send(h *resource.Helper, info *resource.Info, force bool) (runtime.Object, error) {
	if force {
		return h.Replace(info.Namespace, info.Name, true, info.Object)
	}
	return h.Patch(info.Namespace, info.Name, p.kind, p.data, &metav1.PatchOptions{})
}

// patchFor merges three ways: what the release says now against what it said
// before decides which fields are the release's, and live what they are.
//
// Built-in kinds are merged by the rules of their fields; custom resources, whose
// rules a client does not know, as JSON. helm compares custom resources without
// looking at live, and so never repairs them.
func patchFor(info *resource.Info, before, live runtime.Object) (patch, error) {
	original, err := json.Marshal(before)
	if err != nil {
		return patch{}, err
	}
	modified, err := json.Marshal(info.Object)
	if err != nil {
		return patch{}, err
	}
	current, err := json.Marshal(live)
	if err != nil {
		return patch{}, err
	}
	versioned := helmkube.AsVersioned(info)
	_, custom := versioned.(runtime.Unstructured)
	if _, definition := versioned.(*apiextensionsv1beta1.CustomResourceDefinition); custom || definition {
		data, err := jsonmergepatch.CreateThreeWayJSONMergePatch(original, modified, current,
			mergepatch.RequireKeyUnchanged("apiVersion"), mergepatch.RequireKeyUnchanged("kind"), mergepatch.RequireMetadataKeyUnchanged("name"))
		return patch{types.MergePatchType, data}, err
	}
	rules, err := strategicpatch.NewPatchMetaFromStruct(versioned)
	if err != nil {
		return patch{}, err
	}
	data, err := strategicpatch.CreateThreeWayMergePatch(original, modified, current, rules, true)
	return patch{types.StrategicMergePatchType, data}, err
}
