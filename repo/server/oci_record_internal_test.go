package server

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestRecordIsBounded adds manifests to a record until it takes no more.
func TestRecordIsBounded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		annotation string
		tag, many  bool
		most       int
	}{
		"large annotations": {annotation: strings.Repeat("x", maxAnnotations-1), most: maxAllAnnotations / maxAnnotations},
		"many manifests":    {most: maxArtifacts, many: true},
		"many tags":         {tag: true, most: maxArtifacts / 2, many: true},
	} {
		a := &artifacts{}
		if tc.many {
			// Nothing but the number is looked at.
			for len(a.Manifests) < tc.most-1 {
				a.Manifests = append(a.Manifests, artifact{Digest: strconv.Itoa(-len(a.Manifests))})
			}
			if tc.tag {
				a.Tags = map[string]string{}
				for i := range tc.most - 1 {
					a.Tags[strconv.Itoa(-i)] = ""
				}
			}
		}
		var err error
		for i := 0; err == nil && i <= tc.most; i++ {
			tag := ""
			if tc.tag {
				tag = "t" + strconv.Itoa(i)
			}
			err = a.put(artifact{Digest: "d" + strconv.Itoa(i), Annotations: map[string]string{"k": tc.annotation}}, tag)
		}
		if p, ok := errors.AsType[*problem](err); !ok || p.Status != http.StatusInsufficientStorage || len(a.Manifests) != tc.most {
			t.Errorf("%s: %d manifests, %v", name, len(a.Manifests), err)
		}
	}
}
