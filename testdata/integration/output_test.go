package integration_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// follows holds JSON against a schema of docs/output.
func follows(t *testing.T, name, text string) {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile(filepath.Join("..", "..", "docs", "output", name+".schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%s: %v in %q", name, err, text)
	}
	if list, ok := value.([]any); ok && len(list) == 0 {
		t.Errorf("%s: the list is empty, which says nothing", name)
	}
	if err := schema.Validate(value); err != nil {
		t.Errorf("%s: %v\nin %s", name, err, text)
	}
}

// TestOutputsFollowTheirSchemas leads a release through its life and holds all that is
// printed for programs against the schemas.
func TestOutputsFollowTheirSchemas(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	r := newReleases(t)
	r.write("templates/test.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: probe, annotations: {helm.sh/hook: test}}\nspec: {restartPolicy: Never, containers: [{name: c, image: 'example.com/probe:1'}]}\n")
	progress := func(args ...string) {
		t.Helper()
		for line := range strings.Lines(r.g(append(args, "-o", "json")...)) {
			follows(t, "progress", line)
		}
	}
	// out is what gantry prints, whatever its exit code says.
	out := func(args ...string) string {
		t.Helper()
		var stdout bytes.Buffer
		c := r.command(t.Context(), r.gantry, r.in(append(args, "-o", "json")...)...)
		c.Stdout = &stdout
		if err := c.Run(); err != nil && stdout.Len() == 0 {
			t.Fatalf("gantry %s: %v", strings.Join(args, " "), err)
		}
		return stdout.String()
	}
	progress("install", "other", "web", "--wait")
	follows(t, "plan", out("diff", "other", "web", "--set", "tag=2"))
	follows(t, "plan", out("upgrade", "other", "web", "--set", "tag=2", "--dry-run=server"))
	progress("upgrade", "other", "web", "--set", "tag=2", "--wait")
	follows(t, "plan", out("rollback", "other", "1", "--dry-run"))
	follows(t, "objects-diff", out("diff", "other", "1", "2"))
	progress("rollback", "other", "1", "--wait")
	follows(t, "history", out("history", "other"))
	follows(t, "list", out("list"))
	follows(t, "status", out("status", "other"))
	follows(t, "metadata", out("get", "metadata", "other"))
	follows(t, "values", out("get", "values", "other", "--revision", "2"))
	follows(t, "test", out("test", "other"))

	s.untilState("web", "running")
	for _, test := range []struct {
		schema string
		args   []string
	}{
		{"ps", []string{"ps", "--all"}},
		{"events", []string{"events"}},
		{"rollout-history", []string{"rollout", "history", "web"}},
	} {
		text, errs, code := s.ends("", append(test.args, "--release", "shop", "-o", "json")...)
		if code != 0 {
			t.Errorf("gantry %s ended with %d: %s", test.schema, code, errs)
		}
		follows(t, test.schema, text)
	}
}

// TestScaleRestartRollout changes how services run, and reads what came of it.
func TestScaleRestartRollout(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("web", "running")
	does := func(args ...string) string {
		t.Helper()
		stdout, stderr, code := s.ends("", args...)
		if code != 0 {
			t.Fatalf("gantry %s ended with %d:\n%s%s", strings.Join(args, " "), code, stdout, stderr)
		}
		return stdout + stderr
	}
	names := func() map[string]bool {
		pods := map[string]bool{}
		for _, p := range s.ps()["web"].Pods {
			if p.State == "running" {
				pods[p.Name] = true
			}
		}
		return pods
	}
	does("scale", "web=3", "db=0")
	if got := s.ps()["web"]; got.Ready != 3 || got.Desired != 3 {
		t.Errorf("scaled to three: %+v", got)
	}
	if got := *s.deployment(t, "web").Spec.Replicas; got != 3 {
		t.Errorf("the Deployment wants %d", got)
	}
	s.untilState("db", "stopped")
	does("scale", "web=1", "db=1")
	waitFor(t, "the others to go", func() (bool, error) { return len(names()) == 1, nil })

	before := names()
	does("restart", "web")
	waitFor(t, "the pods of before to go", func() (bool, error) { return len(names()) == 1, nil })
	for name := range names() {
		if before[name] {
			t.Errorf("pod %s is that of before the restart", name)
		}
	}
	s.wants(does("rollout", "status", "web"), "web")
	s.wants(does("rollout", "history", "web"), "example.com/web:1.0")
	if got := column(does("rollout", "history", "web"), 0); len(got) != 2 {
		t.Errorf("revisions %v after one restart", got)
	}

	does("rollout", "pause", "web")
	if !s.deployment(t, "web").Spec.Paused {
		t.Error("the Deployment is not paused")
	}
	does("rollout", "resume", "web")
	if s.deployment(t, "web").Spec.Paused {
		t.Error("the Deployment is still paused")
	}
	const restarted = "kubectl.kubernetes.io/restartedAt"
	if s.deployment(t, "web").Spec.Template.Annotations[restarted] == "" {
		t.Error("restart has left no mark, as kubectl does")
	}
	does("rollout", "undo", "web")
	if at := s.deployment(t, "web").Spec.Template.Annotations[restarted]; at != "" {
		t.Errorf("undone, and restarted at %s", at)
	}
	s.untilState("web", "running")
	waitFor(t, "the events of it all", func() (bool, error) {
		said := does("events", "web")
		return strings.Contains(said, "ScalingReplicaSet") && !strings.Contains(said, "StatefulSet db"), nil
	})
}
