package integration_test

import (
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// killEvery tells TestKilledAfterWrites to try every write of an operation, and not a
// few of them.
var killEvery = flag.Bool("kills.every", false, "TestKilledAfterWrites kills after every write")

// executioner stands before the API server and kills a process once the server has
// done so many of its writes.
type executioner struct {
	next http.Handler
	// after is how many writes the process may see done; 0 lets it live.
	after int

	mu     sync.Mutex
	writes []string
	kill   func()
}

func (e *executioner) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet || r.URL.Query().Get("dryRun") != "" || strings.Contains(r.URL.Path, "selfsubjectreviews") {
		e.next.ServeHTTP(w, r)
		return
	}
	e.mu.Lock()
	if e.races(r) {
		e.mu.Unlock()
		e.next.ServeHTTP(w, r)
		return
	}
	defer e.mu.Unlock()
	if e.after > 0 && len(e.writes) >= e.after {
		panic(http.ErrAbortHandler) // of a process that is dead already
	}
	e.writes = append(e.writes, r.Method+" "+r.URL.Path)
	if len(e.writes) != e.after {
		e.next.ServeHTTP(w, r)
		return
	}
	e.next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
	e.kill()
	panic(http.ErrAbortHandler)
}

// races reports whether it depends on time how often a write is done, so that it can't be
// counted: a slow run renews its Lease more often, and lets go of it again when a renewal
// came in between; the parts of a deleted record are deleted by the cluster's garbage
// collector as well.
func (e *executioner) races(r *http.Request) bool {
	if strings.Contains(r.URL.Path, "/leases/") {
		return true
	}
	write := r.Method + " " + r.URL.Path
	return r.Method == http.MethodDelete && slices.ContainsFunc(e.writes, func(done string) bool {
		return strings.HasPrefix(write, done+".")
	})
}

// killed runs gantry, kills it after so many writes, and returns those it came to.
func (r *releases) killed(after int, args ...string) []string {
	r.Helper()
	faulty, kubeconfig := newFaultyServer(r.T, r.place, 0, 0)
	e := &executioner{next: faulty.next, after: after}
	faulty.mu.Lock()
	faulty.next = e
	faulty.mu.Unlock()
	c := r.command(r.Context(), r.gantry, append(args, "--kubeconfig", kubeconfig)...)
	var said strings.Builder
	c.Stderr = &said
	started := make(chan struct{})
	e.kill = func() {
		<-started
		_ = c.Process.Kill() // it has ended
	}
	if err := c.Start(); err != nil {
		r.Fatal(err)
	}
	close(started)
	err := c.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	if (err != nil && after == 0) || len(e.writes) < after {
		r.Fatalf("%v ended by itself after %d writes: %v\n%s", args, len(e.writes), err, said.String())
	}
	return slices.Clone(e.writes)
}

// largeChart gives the chart a record in parts, and two workloads of which one waits
// for the other.
func (r *releases) largeChart() {
	r.Helper()
	random := rand.NewChaCha8([32]byte{})
	for i := range 2 {
		data := make([]byte, 500_000)
		_, _ = random.Read(data) // it never fails
		r.write(fmt.Sprintf("files/%d", i), base64.StdEncoding.EncodeToString(data))
	}
	r.write("templates/large.yaml", `{{- range $path, $_ := .Files.Glob "files/*" }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: large-{{ base $path }}
data: {text: {{ $.Files.Get $path }}}
{{- end }}
`)
	r.write("templates/db.yaml", `
apiVersion: apps/v1
kind: Deployment
metadata: {name: db}
spec:
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: db, image: "example.com/db:{{ .Values.tag }}"}]
`)
	web, err := os.ReadFile(filepath.Join(r.dir, "web/templates/web.yaml"))
	if err != nil {
		r.Fatal(err)
	}
	r.write("templates/web.yaml", strings.Replace(string(web), "  name: web\n", "  name: web\n  annotations: {gantry.dev/depends-on: db=healthy}\n", 1))
}

// TestKilledAfterWrites kills operations right after the API server has done one of
// their writes: between the parts of a record, between objects, while one workload waits
// for another. The next operation goes on, and nothing is left at the end.
func TestKilledAfterWrites(t *testing.T) {
	install := []string{"install", "shop", "web", "--wait"}
	upgrade := []string{"upgrade", "shop", "web", "--wait", "--set", "tag=2,extra=true"}
	for _, test := range []struct {
		before [][]string
		killed []string
	}{
		{nil, install},
		{[][]string{install}, upgrade},
		{[][]string{install, upgrade}, []string{"rollback", "shop", "1", "--wait"}},
		{[][]string{install}, []string{"uninstall", "shop", "--wait"}},
	} {
		prepare := func(t *testing.T) *releases {
			t.Helper()
			r := newReleases(t)
			r.largeChart()
			for _, args := range test.before {
				r.g(args...)
			}
			return r
		}
		t.Run(test.killed[0], func(t *testing.T) {
			t.Parallel()
			writes := prepare(t).killed(0, test.killed...)
			if len(writes) < 10 {
				t.Fatalf("only %d writes: %v", len(writes), writes)
			}
			tries := []int{3, len(writes) / 2, len(writes) - 1} // the first are those of the Lease and the record
			if *killEvery {
				tries = tries[:0]
				for i := range writes {
					tries = append(tries, i+1)
				}
			}
			for _, after := range tries {
				t.Run(strconv.Itoa(after), func(t *testing.T) {
					t.Parallel()
					r := prepare(t)
					seen := r.killed(after, test.killed...)
					t.Logf("killed after %s", seen[len(seen)-1])
					r.g("upgrade", "--install", "shop", "web", "--wait", "--reset-values")
					r.agreesWithCluster()
					r.g("uninstall", "shop", "--wait")
					r.empty()
					r.nothingLeft()
				})
			}
		})
	}
}
