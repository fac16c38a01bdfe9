// Package strict reads manifests as an API server does, as far as that is
// possible without one.
//
// [Check] refuses fields that the API does not have, values of the wrong type,
// names, labels and annotations that Kubernetes does not take, and pods whose parts do
// not fit together. A real API server knows more: testdata/integration asks one.
//
// [Plain] makes the objects of a chart comparable with those that it was made of.
package strict
