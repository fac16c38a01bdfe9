package bump_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"gantry/charts/bump"
	"gantry/charts/compare"
)

const (
	ranBefore = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {initContainers: [{name: wait, image: busybox}], containers: [{name: web, image: "reg:5000/shop/web:1.0"}, {name: log, image: "fluent:2"}]}}}
`
	runsNow = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {spec: {initContainers: [{name: wait, image: busybox}], containers: [{name: web, image: "reg:5000/shop/web:1.1@sha256:0f"}]}}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tidy}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: tidy, image: "tidy:3"}, {name: again, image: "tidy:3"}]}}}}}
---
apiVersion: v1
kind: Pod
metadata: {name: none}
`
)

func TestImages(t *testing.T) {
	for name, c := range map[string]struct{ list, want string }{
		"another version, one that goes, one that comes": {
			"- name: wait\n  image: busybox\n- name: web # ours\n  image: reg:5000/shop/web:1.0\n  platforms: [linux/amd64]\n- name: log\n  image: fluent:2\n- name: off\n  image: off:1\n",
			"- name: wait\n  image: busybox\n- name: web # ours\n  image: reg:5000/shop/web:1.1@sha256:0f\n  platforms: [linux/amd64]\n- name: off\n  image: off:1\n- name: tidy\n  image: tidy:3\n",
		},
		"one that was forgotten before": {
			"- name: web\n  image: reg:5000/shop/web:0.9\n", "- name: web\n  image: reg:5000/shop/web:1.1@sha256:0f\n- name: wait\n  image: busybox\n- name: tidy\n  image: tidy:3\n",
		},
		"nothing to do": {
			"- {name: a, image: busybox}\n- {image: 'reg:5000/shop/web:1.1@sha256:0f'}\n- {image: tidy:3}\n", "- {name: a, image: busybox}\n- {image: 'reg:5000/shop/web:1.1@sha256:0f'}\n- {image: tidy:3}\n",
		},
		"an empty list": {"[]", "- name: wait\n  image: busybox\n- name: web\n  image: reg:5000/shop/web:1.1@sha256:0f\n- name: tidy\n  image: tidy:3\n"},
		"no list":       {"a: b\n", "a: b\n"},
		"no YAML":       {"[", "["},
		"nothing":       {"", ""},
		"odd entries":   {"- 1\n- {image: [x]}\n- image: busybox\n", "- 1\n- {image: [x]}\n- image: busybox\n- name: web\n  image: reg:5000/shop/web:1.1@sha256:0f\n- name: tidy\n  image: tidy:3\n"},
	} {
		got, err := bump.Images(c.list, compare.Parse(ranBefore), compare.Parse(runsNow))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
