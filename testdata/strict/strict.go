package strict

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
)

// Check returns what is wrong with the objects of a stream of YAML documents.
// Objects of kinds that are not Kubernetes' own are only checked for their
// metadata.
func Check(manifests string) error { return each(manifests, check) }

// Decode returns what is wrong with the fields of the objects alone.
func Decode(manifests string) error { return each(manifests, decode) }

// each calls visit for each document of a stream.
func each(manifests string, visit func(runtime.Decoder, []byte) error) error {
	codec := serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()
	documents := yaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifests)))
	var problems []error
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return errors.Join(problems...)
		}
		if err != nil {
			return errors.Join(append(problems, err)...)
		}
		if err := visit(codec, document); err != nil {
			problems = append(problems, fmt.Errorf("%w in\n%s", err, document))
		}
	}
}

// decode reads one document. Those of unknown kinds pass.
func decode(codec runtime.Decoder, document []byte) error {
	var plain map[string]any
	if err := yaml.Unmarshal(document, &plain); err != nil || len(plain) == 0 {
		return err
	}
	_, _, err := codec.Decode(document, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return nil
	}
	return err
}

// check looks at one document.
func check(codec runtime.Decoder, document []byte) error {
	var plain unstructured.Unstructured
	if err := yaml.Unmarshal(document, &plain.Object); err != nil || len(plain.Object) == 0 {
		return err
	}
	object, _, err := codec.Decode(document, nil, nil)
	if runtime.IsNotRegisteredError(err) {
		return metadata(&plain)
	}
	if err != nil {
		return err
	}
	problems := []error{metadata(object)}
	if s, ok := object.(*corev1.Service); ok {
		problems = append(problems, service(s))
	}
	for _, t := range templates(object) {
		problems = append(problems, pod(t.template, t.claims))
	}
	return errors.Join(problems...)
}

// metadata checks the name, the labels and the annotations of an object.
func metadata(object runtime.Object) error {
	m, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	names := apivalidation.NameIsDNSSubdomain
	if _, isService := object.(*corev1.Service); isService {
		names = apivalidation.NameIsDNSLabel // before Kubernetes 1.36 they began with a letter
	}
	return apivalidation.ValidateObjectMetaAccessor(m, m.GetNamespace() != "", names, field.NewPath("metadata")).ToAggregate()
}
