package integration_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHelmNeedsNoMore lets helm do all that it does with a release to one that gantry has
// recorded, and to one of its own: it prints the same of both, although gantry's records
// lack the chart's templates, files and schema.
func TestHelmNeedsNoMore(t *testing.T) {
	t.Parallel()
	ours, theirs := newReleases(t), newReleases(t)
	for _, r := range []*releases{ours, theirs} {
		r.write("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"7\"\nannotations: {team: blue}\ndependencies: [{name: store, version: 0.1.0, import-values: [{child: exported, parent: imported}]}]\n")
		r.write("charts/store/Chart.yaml", "apiVersion: v2\nname: store\nversion: 0.1.0\n")
		r.write("charts/store/values.yaml", "size: 1\nexported: {from: store}\n")
		r.write("charts/store/templates/store.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: store}\ndata: {size: {{ .Values.size | quote }}}\n")
		r.write("values.schema.json", `{"properties": {"greeting": {"type": "string"}}}`)
		r.write("README.md", "About web.\n")
		r.write("templates/tests/answers.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: answers, annotations: {helm.sh/hook: test}}\nspec: {restartPolicy: Never, containers: [{name: answers, image: example.com/web}]}\n")
	}
	install := []string{"install", "shop", "web", "--set", "tag=2,store.size=3"}
	ours.g(install...)
	theirs.h(install...)
	if size, full := ours.recordSize("shop", 1), theirs.recordSize("shop", 1); size >= full {
		t.Errorf("the record has %d bytes, helm's %d", size, full)
	}
	for _, line := range []string{
		"upgrade shop web --reuse-values --set greeting=a",
		"upgrade shop web --reset-then-reuse-values --set extra=true",
		"test shop",
		"rollback shop 1",
		"upgrade shop web --reset-values",
		"rollback shop 3",
		"get all shop --revision 1",
		"get values shop --all --revision 1",
		"get metadata shop --revision 1",
		"get hooks shop --revision 1",
		"get notes shop --revision 1",
		"uninstall shop --keep-history",
		"rollback shop 1",
		"uninstall shop",
	} {
		args := strings.Fields(line)
		said, want := ours.undated(ours.h(args...)), theirs.undated(theirs.h(args...))
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("helm %s, of its own release and of gantry's:\n%s", line, diff)
		}
		if args[0] == "get" || line == "uninstall shop" {
			continue
		}
		for _, what := range []string{"status shop", "get all shop", "get values shop --all", "get metadata shop", "history shop -o yaml"} {
			args := strings.Fields(what)
			if diff := cmp.Diff(theirs.undated(theirs.output(theirs.helm, args...)), ours.undated(ours.output(ours.helm, args...))); diff != "" {
				t.Errorf("helm %s after %s, of its own release and of gantry's:\n%s", what, line, diff)
			}
		}
	}
	ours.empty()
}

// undated hides what two releases never have alike: times, the namespace, and what the
// libraries of helm log when a watch ends while they read from it.
func (r *releases) undated(text string) string {
	text = strings.ReplaceAll(text, r.Namespace, "NAMESPACE")
	text = regexp.MustCompile(`(?m)^[IWE]\d{4} \d\d:\d\d:\d\d\.\d+ .*\n`).ReplaceAllString(text, "")
	return regexp.MustCompile(`(?m)(LAST DEPLOYED|Last Started|Last Completed|DEPLOYED_AT|updated|DEPLOYED):.*$`).ReplaceAllString(text, "$1: TIME")
}

// recordSize returns how many bytes the record of a revision has.
func (r *releases) recordSize(name string, revision int) int {
	r.Helper()
	return len(r.secret(r.T, fmt.Sprintf("sh.helm.release.v1.%s.v%d", name, revision), "release"))
}
