package integration_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Every kind of workload keeps its past in another way.
func TestRollouts(t *testing.T) {
	s := newServices(t, rollouts(1))
	if err := os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte(rollouts(2)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.g("up")
	for _, service := range []string{"web", "db", "agent"} {
		t.Run(service, func(t *testing.T) {
			run := func(code int, args ...string) string {
				t.Helper()
				out, errs, got := s.ends("", append([]string{"rollout"}, args...)...)
				if got != code {
					t.Fatalf("%q ends with %d, want %d\n%s%s", args, got, code, out, errs)
				}
				return out + errs
			}
			image := func(version int) string { return fmt.Sprintf("example.com/%s:%d", service, version) }
			wants := func(text string, parts ...string) {
				t.Helper()
				for _, part := range parts {
					if !strings.Contains(text, part) {
						t.Errorf("%q is not in\n%s", part, text)
					}
				}
			}
			wants(run(0, "status", service), "is rolled out")
			wants(run(0, "history", service), image(1), image(2)+"   yes")
			wants(run(0, "history", service, "--revision", "1"), "image: "+image(1))
			wants(run(4, "history", service, "--revision", "9"), "no revision 9: there is 1, 2")
			wants(run(4, "undo", service, "--to-revision", "9"), "no revision 9")
			wants(run(0, "undo", service, "--to-revision", "2"), "is as in revision 2 already")
			wants(run(0, "undo", service), "is as in revision 1 again")
			wants(run(0, "status", service), "is rolled out")
			wants(run(0, "history", service), image(1)+"   yes", image(2))
		})
	}
}

// rollouts has a service of each kind that rolls out changes.
func rollouts(version int) string {
	return strings.ReplaceAll(`name: shop
services:
  web: {image: "example.com/web:VERSION"}
  db: {image: "example.com/db:VERSION", volumes: ["data:/var/lib/db"]}
  agent: {image: "example.com/agent:VERSION", deploy: {mode: global}}
volumes: {data: }
`, "VERSION", strconv.Itoa(version))
}
