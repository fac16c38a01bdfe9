package lint_test

import (
	"strings"
	"testing"

	"gantry/charts/archive"
	"gantry/charts/engine"
	"gantry/charts/lint"
)

func TestLacking(t *testing.T) {
	dir := write(t, `-- templates/secret.yaml --
apiVersion: v1
kind: Secret
metadata: {name: made}
data: {there: YQ==}
stringData: {plain: a}
-- templates/web.yaml --
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  template:
    spec:
      containers:
        - name: web
          env:
            - {name: A, valueFrom: {secretKeyRef: {name: made, key: there}}}
            - {name: B, valueFrom: {secretKeyRef: {name: made, key: plain}}}
            - {name: C, valueFrom: {secretKeyRef: {name: made, key: missing}}}
            - {name: D, valueFrom: {secretKeyRef: {name: made, key: missing}}}
            - {name: E, valueFrom: {secretKeyRef: {name: made, key: free, optional: true}}}
            - {name: F, valueFrom: {secretKeyRef: {name: other, key: missing}}}
      volumes:
        - {name: a, secret: {secretName: made, items: [{key: file, path: a}]}}
        - {name: b, projected: {sources: [{secret: {name: made, items: [{key: projected, path: a}]}}]}}
        - {name: c, secret: {secretName: made, optional: true, items: [{key: free, path: a}]}}
`)
	c, err := archive.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := engine.Render(t.Context(), c, nil, engine.Options{Name: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range lint.Lacking(c, r) {
		got = append(got, d.String())
	}
	const want = "shop/templates/web.yaml:2:1: warning: Deployment web reads the key %s of Secret made, which is made without it: its pods will not start [secret-key-missing]"
	var wanted []string
	for _, key := range []string{"file", "missing", "projected"} {
		wanted = append(wanted, strings.Replace(want, "%s", key, 1))
	}
	if g, w := strings.Join(got, "\n"), strings.Join(wanted, "\n"); g != w {
		t.Errorf("got\n%s\nwant\n%s", g, w)
	}
}
