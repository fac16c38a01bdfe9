// Package helm turns Kubernetes objects into a Helm chart.
//
// [Chart] draws one template for each object. It starts from the object's own
// tree and replaces the places that people change by expressions; everything
// else stays literal, with braces escaped. The same place gives the default in
// values.yaml, its comment, its schema and its row in the README. So the chart,
// rendered with its default values under the name of the application, gives the
// objects that it was made of, but for what belongs to a chart:
//
//   - the label app.kubernetes.io/managed-by names Helm, and helm.sh/chart is added;
//   - the annotation helm.sh/resource-policy keeps Secrets and claims when the
//     release is uninstalled;
//   - Secrets hold values that were given or made up, never those of the objects
//     ([SecretValues] returns these);
//   - the annotations checksum/config and checksum/secret, and the hash in the
//     names of Jobs, are worked out when the chart is rendered.
//
// Values that every service takes and few people need are in the schema and in the
// templates; values.yaml has them only where they are not empty.
//
// Every name goes through the template fullname of the chart, so that a prefix
// lets one namespace hold several releases.
package helm
