package strict_test

import (
	"strings"
	"testing"

	"gantry/testdata/strict"
)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - name: web
          image: nginx
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
`

const service = `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: [{name: a, port: 80}, {name: b, port: 81}]
`

func TestCheck(t *testing.T) {
	if err := strict.Check(deployment + "---\n" + service + "---\napiVersion: example.com/v1\nkind: Thing\nmetadata: {name: t}\n"); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"unknown field":        {"image: nginx", "imag: nginx"},
		"wrong type":           {"image: nginx", "image: [nginx]"},
		"name":                 {"metadata: {name: web}", "metadata: {name: Web}"},
		"label":                {"labels: {app: web}", "labels: {app: a b}"},
		"container name":       {"- name: web", "- name: we_b"},
		"no volume":            {"volumes: [{name: data", "volumes: [{name: dat"},
		"mounted twice":        {"mountPath: /data}", "mountPath: /data}, {name: data, mountPath: /data}"},
		"volume twice":         {"emptyDir: {}}]", "emptyDir: {}}, {name: data, emptyDir: {}}]"},
		"variable":             {"image: nginx", "image: nginx, env: [{name: a=b}]"},
		"request over limit":   {"image: nginx", "image: nginx, resources: {limits: {cpu: 1}, requests: {cpu: 2}}"},
		"no container":         {"containers:", "initContainers:"},
		"port of a Service":    {"port: 81", "port: 0"},
		"ports of one name":    {"name: b", "name: a"},
		"ports of one number":  {"port: 81", "port: 80"},
		"a Service's name":     {"kind: Service\nmetadata: {name: web}", "kind: Service\nmetadata: {name: a.web}"},
		"a Service of no port": {"ports: [{name: a, port: 80}, {name: b, port: 81}]", "type: ClusterIP"},
	} {
		text := deployment + "---\n" + service
		if strings.HasPrefix(change[1], "image: nginx, ") {
			change[1] = strings.Replace(change[1], ", ", "\n          ", 1)
		}
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Errorf("%s: nothing changed", name)
		}
		if strict.Check(changed) == nil {
			t.Errorf("%s: no error in\n%s", name, changed)
		}
	}
}
