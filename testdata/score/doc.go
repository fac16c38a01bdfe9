// Command score lets kube-score judge what generated charts render to:
//
//	make score
//
// It makes a chart of the Compose files in each case of a corpus, and renders it with its
// defaults, tests included. A chart must not be worse than its Compose file: kube-score may
// find nothing critical in an object of the chart that it does not find in the same object of
// the plain conversion. What the chart alone has, such as the pods of its tests, has to be
// without critical findings. So has everything in the case testdata/score/strict.txtar, whose
// Compose file asks for all that Compose can say about how a container is confined.
//
// [excused] lists what kube-score wants and Gantry does not do, each with its reason.
package main
