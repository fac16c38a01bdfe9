package integration_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manyServices has a service of each sort; annotations make the sandbox's pods
// behave.
const manyServices = `name: shop
services:
  web:
    image: example.com/web:1.0
    ports: ["8080:80"]
    deploy: {replicas: 2}
    annotations: {sandbox.gantry.dev/log: "ready to serve"}
    depends_on: {migrate: {condition: service_completed_successfully}}
  db:
    image: postgres:17
    volumes: ["data:/var/lib/postgresql/data"]
  tick_tock:
    image: example.com/clock:1.0
    annotations: {sandbox.gantry.dev/log: tick, sandbox.gantry.dev/log-every: 100ms}
  crash:
    image: example.com/crash:1.0
    annotations: {sandbox.gantry.dev/crash-loop: "true"}
  migrate:
    image: example.com/web:1.0
    command: migrate
volumes: {data: }
`

// services is a Compose application that runs in a namespace, in a folder from
// which gantry finds it.
type services struct {
	*releases
}

func newServices(t *testing.T, compose string) *services {
	t.Helper()
	s := &services{newReleases(t)}
	if err := os.WriteFile(filepath.Join(s.dir, "compose.yaml"), []byte(compose), 0o600); err != nil {
		t.Fatal(err)
	}
	s.g("up", "--detach")
	return s
}

// on puts the cluster where flags go before a command for a container.
func (s *services) on(args ...string) []string {
	return append([]string{args[0], "--kubeconfig", s.Kubeconfig}, args[1:]...)
}

// ends runs gantry and returns what it printed on either stream and its exit code.
func (s *services) ends(stdin string, args ...string) (stdout, stderr string, code int) {
	s.Helper()
	c := s.command(s.Context(), s.gantry, s.on(args...)...)
	c.Stdin = strings.NewReader(stdin)
	return s.outcome(c)
}

// serviceStatus is what the tests below read of gantry ps -o json.
type serviceStatus struct {
	Service, Kind, State, Reason string
	Ready, Desired, Restarts     int
	Ports                        []struct{ Published, Target int }
	Pods                         []struct{ Name, State string }
}

func (s *services) ps(args ...string) map[string]serviceStatus {
	s.Helper()
	var list []serviceStatus
	text := s.run(s.gantry, s.on(append([]string{"ps", "--all", "-o", "json"}, args...)...)...)
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		s.Fatalf("%v in\n%s", err, text)
	}
	all := map[string]serviceStatus{}
	for _, one := range list {
		all[one.Service] = one
	}
	return all
}

// untilState waits for a service to be in a state.
func (s *services) untilState(service, state string) serviceStatus {
	s.Helper()
	var last serviceStatus
	waitFor(s.T, service+" to be "+state, func() (bool, error) {
		last = s.ps()[service]
		return last.State == state, nil
	})
	return last
}

// TestServices looks at the services of a release as a person does.
func TestServices(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("migrate", "complete")
	s.untilState("web", "running")
	s.untilState("db", "running")
	waitFor(t, "crash to wait before it starts again", func() (bool, error) {
		crash := s.ps()["crash"]
		return crash.State == "failing" && crash.Reason == "CrashLoopBackOff", nil
	})
	web := s.ps("web")["web"]
	if len(web.Pods) != 2 {
		t.Errorf("web has pods %v", web.Pods)
	}
	web.Pods = nil
	want := serviceStatus{Service: "web", Kind: "Deployment", State: "running", Ready: 2, Desired: 2, Ports: []struct{ Published, Target int }{{80, 80}, {8080, 80}}}
	if d := cmp.Diff(want, web); d != "" {
		t.Errorf("web differs:\n%s", d)
	}
	var table, notes string
	waitFor(t, "ps to say why crash fails", func() (bool, error) {
		table, notes, _ = s.ends("", "ps") // between two crashes it runs for a moment
		return strings.Contains(notes, "crash: ended with exit code 1"), nil
	})
	if !regexp.MustCompile(`(?m)^web +2/2 +running +0 +\d+s +8080->80 +example.com/web:1.0$`).MatchString(table) || strings.Contains(table, "migrate") {
		t.Errorf("ps printed\n%s", table)
	}
	s.wants(notes, "crash: ended with exit code 1", "gantry logs crash", "ended or stopped: migrate")
	if wide, _, _ := s.ends("", "ps", "-o", "wide", "web"); len(strings.Split(strings.TrimSpace(wide), "\n")) != 3 {
		t.Errorf("ps -o wide printed\n%s", wide)
	}
	// By its name from elsewhere, and by names as Compose has them.
	if names, _, _ := s.ends("", "ps", "--release", "shop", "-q", "tick_tock", "db"); len(strings.Fields(names)) != 2 {
		t.Errorf("ps -q printed\n%s", names)
	}
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"ps", "wbe"}, `did you mean web or db`},
		{[]string{"ps", "shop"}, "name it with: --release shop"},
		{[]string{"logs", "--release", "other"}, "there is no release other"},
		{[]string{"exec", "migrate", "--", "true"}, "no pod of service migrate runs: it is complete"},
		{[]string{"exec", "web", "--index", "3", "--", "true"}, "has no pod 3: it has 2"},
		{[]string{"exec", "web", "-c", "sidecar", "--", "true"}, `no running container "sidecar": there is web`},
	} {
		if _, stderr, code := s.ends("", test.args...); code != 4 || !strings.Contains(stderr, test.says) {
			t.Errorf("gantry %s ended with %d:\n%s", strings.Join(test.args, " "), code, stderr)
		}
	}
	names, _, _ := s.ends("", "__complete", "logs", "")
	s.wants(names, "web\tDeployment web", "tick-tock\t")
	names, _, _ = s.ends("", "__complete", "ps", "--release", "")
	s.wants(names, "shop\tshop-0.1.0, deployed")
	for _, words := range [][]string{{"rollback", "shop", ""}, {"diff", "shop", ""}, {"get", "values", "shop", "--revision", ""}} {
		revisions, _, _ := s.ends("", append([]string{"__complete"}, words...)...)
		s.wants(revisions, "1\tshop-0.1.0, deployed ")
	}
	names, _, _ = s.ends("", "__complete", "cp", "./here", "")
	s.wants(names, "web:\n", "tick-tock:\n")
}

// TestServiceLogs reads logs that are over, and some that go on.
func TestServiceLogs(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("web", "running")
	out, _, _ := s.ends("", "logs", "web")
	if !regexp.MustCompile(`^(web-\w{5} +\| ready to serve\n){2}$`).MatchString(out) {
		t.Errorf("logs printed\n%s", out)
	}
	if out, _, _ = s.ends("", "logs", "web", "--no-log-prefix", "--timestamps"); !regexp.MustCompile(`^(\S+Z ready to serve\n){2}$`).MatchString(out) {
		t.Errorf("logs --timestamps printed\n%s", out)
	}
	waitFor(t, "the clock to tick", func() (bool, error) {
		out, _, _ := s.ends("", "logs", "tick-tock")
		return strings.Count(out, "tick\n") > 3, nil
	})
	if out, _, _ = s.ends("", "logs", "tick-tock", "--tail", "2"); strings.Count(out, "tick\n") != 2 {
		t.Errorf("logs --tail 2 printed\n%s", out)
	}
	if _, stderr, code := s.ends("", "logs", "web", "--since", "yesterday"); code != 2 {
		t.Errorf("logs --since yesterday ended with %d: %s", code, stderr)
	}
	s.untilState("crash", "failing")
	waitFor(t, "a second start of crash", func() (bool, error) { return s.ps()["crash"].Restarts > 1, nil })
	if out, _, _ = s.ends("", "logs", "crash", "--previous"); strings.Count(out, "\n") != 1 {
		t.Errorf("logs --previous printed\n%s", out)
	}
}

// TestServiceLogsFollow follows logs across restarts and new pods, and reads no
// line twice.
func TestServiceLogsFollow(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	next, stop := s.follow("logs", "-f", "crash", "web")
	seen := map[string]int{}
	until := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			line, ok := next()
			if !ok {
				t.Fatalf("the log ended before %s; it had %v", what, seen)
			}
			seen[line]++
		}
	}
	has := func(text string) func() bool {
		return func() bool {
			for line := range seen {
				if strings.Contains(line, text) {
					return true
				}
			}
			return false
		}
	}
	until("the third restart", has("(restart 3)"))
	web := s.ps()["web"].Pods[0].Name
	if err := s.Client.CoreV1().Pods(s.Namespace).Delete(t.Context(), web, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	pods := func() bool {
		n := 0
		for line := range seen {
			if strings.Contains(line, "ready to serve") {
				n++
			}
		}
		return n == 3
	}
	until("the line of a new pod", pods)
	if err := stop(); err != nil {
		t.Errorf("logs -f ended with %v", err)
	}
	for line, n := range seen {
		if n > 1 {
			t.Errorf("%d times %s", n, line)
		}
	}
}

// follow starts gantry, and returns what reads its lines and what interrupts it.
func (s *services) follow(args ...string) (next func() (string, bool), stop func() error) {
	s.Helper()
	c := s.command(s.Context(), s.gantry, s.on(args...)...)
	out, err := c.StdoutPipe()
	if err != nil {
		s.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		s.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	return func() (string, bool) {
			ok := lines.Scan()
			return lines.Text(), ok
		}, func() error {
			if err := c.Process.Signal(os.Interrupt); err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, out)
			return c.Wait()
		}
}

// TestServiceExec runs commands in containers, and copies files.
func TestServiceExec(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("web", "running")
	if out, _, code := s.ends("", "exec", "web", "--", "echo", "-n", "hello"); out != "-n hello\n" || code != 0 {
		t.Errorf("echo printed %q and ended with %d", out, code)
	}
	if out, _, code := s.ends("three\nlines\nhere", "exec", "-T", "web", "--", "cat"); out != "three\nlines\nhere" || code != 0 {
		t.Errorf("cat printed %q and ended with %d", out, code)
	}
	if _, _, code := s.ends("", "exec", "web", "--", "sh", "-c", "exit 42"); code != 42 {
		t.Errorf("exit 42 ended with %d", code)
	}
	first, _, _ := s.ends("", "exec", "web", "--index", "1", "--", "hostname")
	second, _, _ := s.ends("", "exec", "web", "--index", "2", "--", "hostname")
	pods := s.ps()["web"].Pods
	if first != pods[0].Name+"\n" || second != pods[1].Name+"\n" {
		t.Errorf("the pods are %q and %q, want %v", first, second, pods)
	}
	if _, stderr, code := s.ends("", "exec", "web", "--tty", "--", "true"); code != 2 {
		t.Errorf("a terminal out of nothing ended with %d: %s", code, stderr)
	}

	files := map[string]string{"a": "one", "sub/b": strings.Repeat("two", 1<<16)}
	for name, text := range files {
		path := filepath.Join(s.dir, "files", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	s.wants(s.run(s.gantry, s.on("cp", "files", "db:/srv/")...), "copied 2 files")
	s.wants(s.run(s.gantry, s.on("cp", "db:/srv/files", "back")...), "copied 2 files")
	for name, text := range files {
		if got, err := os.ReadFile(filepath.Join(s.dir, "back", name)); err != nil || string(got) != text {
			t.Errorf("%s came back as %d bytes, want %d: %v", name, len(got), len(text), err)
		}
	}
	s.run(s.gantry, s.on("cp", "db:/srv/files/a", "sub/")...)
	if got, err := os.ReadFile(filepath.Join(s.dir, "sub", "a")); err != nil || string(got) != "one" {
		t.Errorf("a came back as %q: %v", got, err)
	}
	if _, stderr, code := s.ends("", "cp", "db:/nowhere", "."); code != 1 || !strings.Contains(stderr, "nowhere") {
		t.Errorf("copying nothing ended with %d: %s", code, stderr)
	}
	if _, _, code := s.ends("", "cp", "here", "there"); code != 2 {
		t.Errorf("copying from here to there ended with %d", code)
	}
}

// TestPortForward reaches a service by a port of this machine, and again after its
// pod is gone.
func TestPortForward(t *testing.T) {
	t.Parallel()
	s := newServices(t, manyServices)
	s.untilState("web", "running")
	next, stop := s.follow("port-forward", "web", "0:8080")
	until := func(pattern string) []string {
		t.Helper()
		for {
			line, ok := next()
			if !ok {
				t.Fatalf("port-forward ended before it said %s", pattern)
			}
			if found := regexp.MustCompile(pattern).FindStringSubmatch(line); found != nil {
				return found
			}
		}
	}
	answer := func(url string) (string, error) {
		r, err := http.Get(url)
		if err != nil {
			return "", err
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		return string(text), err
	}
	found := until(`^web: (http://localhost:\d+) -> port 80 of pod (\S+)$`)
	url, first := found[1], found[2]
	if text, err := answer(url + "/cart"); err != nil || !strings.Contains(text, fmt.Sprintf("GET /cart at port 80 of pod %s/%s", s.Namespace, first)) {
		t.Fatalf("%s answers %q, %v", url, text, err)
	}
	if err := s.Client.CoreV1().Pods(s.Namespace).Delete(t.Context(), first, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until("^web: pod " + first + " is gone")
	second := until(`^web: ` + url + ` leads to pod (\S+) now$`)[1]
	if text, err := answer(url); err != nil || second == first || !strings.Contains(text, second) {
		t.Errorf("%s answers %q, %v; it leads from %s to %s", url, text, err, first, second)
	}
	if err := stop(); err != nil {
		t.Errorf("port-forward ended with %v", err)
	}
}

// TestProgressJSON reads what an operation tells to programs.
func TestProgressJSON(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	type event struct {
		Action  string
		Object  *struct{ Kind, Name string }
		Release *struct {
			Revision int
			Status   string
		}
	}
	read := func(text string) map[string]bool {
		t.Helper()
		seen := map[string]bool{}
		for line := range strings.Lines(text) {
			var e event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v in %s", err, line)
			}
			switch {
			case e.Object != nil:
				seen[e.Action+" "+e.Object.Kind+" "+e.Object.Name] = true
			case e.Release != nil:
				seen[fmt.Sprintf("%s %d %s", e.Action, e.Release.Revision, e.Release.Status)] = true
			}
		}
		return seen
	}
	for _, test := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"install", "web", "web", "--wait", "-o", "json"}, []string{"created Deployment web", "ready Deployment web", "ready Job migrate", "done 1 deployed"}},
		{[]string{"upgrade", "web", "web", "--set", "tag=2", "--wait", "-o", "json"}, []string{"changed Deployment web", "unchanged Service web", "done 2 deployed"}},
		{[]string{"rollback", "web", "1", "--wait", "-o", "json"}, []string{"changed Deployment web", "done 3 deployed"}},
	} {
		seen := read(r.g(test.args...))
		for _, want := range test.wants {
			if !seen[want] {
				t.Errorf("gantry %s did not tell %q: %v", test.args[0], want, seen)
			}
		}
	}
}
