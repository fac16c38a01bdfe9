package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestUpWithChart runs an application of which a chart of somebody else's runs one
// service: it is fetched on the way, and gets the secret value that no chart holds.
// helm builds the dependencies of the chart that is made from the same lock file.
func TestUpWithChart(t *testing.T) {
	w, p := newWorkshop(t), newPlace(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"pg/Chart.yaml":        "apiVersion: v2\nname: pg\nversion: 16.4.2\n",
		"pg/values.yaml":       "auth: {password: \"\"}\n",
		"pg/templates/cm.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.fullnameOverride }}}\ndata: {password: {{ .Values.auth.password | default \"none\" }}}\n",
		"compose.yaml": "name: shop\nservices:\n  web: {image: \"example.com/web:1\", ports: [\"8080:80\"], depends_on: [db]}\n  db:\n    image: postgres:16\n" +
			"    x-kubernetes: {chart: {name: pg, version: ^16.4, repository: \"file://" + filepath.ToSlash(filepath.Join(dir, "pg")) + "\", values: {auth: {password: hunter2}}}}\n",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "compose.yaml")
	w.wants(w.run(w.gantry, p.in("up", "-f", file)...), "revision 1 is deployed")
	cm, err := p.Client.CoreV1().ConfigMaps(p.Namespace).Get(t.Context(), "db", metav1.GetOptions{})
	if err != nil || cm.Data["password"] != "hunter2" {
		t.Errorf("the chart was told the password %q: %v", cm.Data["password"], err)
	}
	w.run(w.gantry, p.in("down", "-f", file)...)

	chart := filepath.Join(dir, "shop")
	w.run(w.gantry, "chart", "create", "-f", file, "-o", chart)
	w.run(w.gantry, "chart", "deps", "update", chart)
	if list := w.run(w.helm, "dependency", "list", chart); !strings.Contains(list, "ok") {
		t.Errorf("helm says of the dependencies:\n%s", list)
	}
	if err := os.RemoveAll(filepath.Join(chart, "charts")); err != nil {
		t.Fatal(err)
	}
	w.run(w.helm, "dependency", "build", chart)
	ours, theirs := w.run(w.gantry, "template", "shop", chart), w.run(w.helm, "template", "shop", chart, "--kube-version", "1.36.0")
	if !strings.Contains(theirs, "name: db") || !strings.Contains(ours, "name: db") {
		t.Errorf("the chart is not there: gantry renders\n%s\nhelm renders\n%s", ours, theirs)
	}
}
