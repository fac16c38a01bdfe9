package release

import (
	"maps"
	"strconv"
	"strings"

	helmrelease "helm.sh/helm/v3/pkg/release"

	"gantry/charts/store"
)

// sign says in a revision who makes it. The labels of a revision are handed on to the
// next, by helm as well: the number tells whose the name is.
func sign(r *helmrelease.Release, user string) {
	labels := maps.Clone(r.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	delete(labels, store.Author)
	if user != "" {
		labels[store.Author] = strconv.Itoa(r.Version) + " " + user
	}
	r.Labels = labels
}

// author returns who made a revision; empty when that is not recorded.
func author(r *helmrelease.Release) string {
	version, user, _ := strings.Cut(r.Labels[store.Author], " ")
	if version != strconv.Itoa(r.Version) {
		return ""
	}
	return user
}
