package integration_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// faultRuns is how many lives of a release TestFaults tries, and faultSeed the
// first of their seeds.
var (
	faultRuns = flag.Int("faults.runs", 6, "lives of a release that TestFaults tries")
	faultSeed = flag.Uint64("faults.seed", 1, "seed of the first of them")
)

// faultyServer stands before the API server and lets requests down.
type faultyServer struct {
	next http.Handler
	// away tells that it takes no requests at all.
	away atomic.Bool

	mu   sync.Mutex
	rand *rand.Rand
	// rate is the share of requests that fail.
	rate float64
	// failed counts them.
	failed int
}

// newFaultyServer returns one and a kubeconfig that leads to it.
func newFaultyServer(t *testing.T, p *place, seed uint64, rate float64) (*faultyServer, string) {
	t.Helper()
	transport, err := rest.TransportFor(p.Config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(p.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport, proxy.FlushInterval = transport, -1
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	f := &faultyServer{next: proxy, rand: rand.New(rand.NewPCG(seed, 0)), rate: rate}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u", Namespace: p.Namespace}
	config.CurrentContext = "c"
	name := t.TempDir() + "/kubeconfig"
	if err := clientcmd.WriteToFile(*config, name); err != nil {
		t.Fatal(err)
	}
	return f, name
}

// The ways in which a request fails.
const (
	faultDropped    = iota // never reaches the server
	faultUnanswered        // is done, and the answer is lost
	faultTooMany
	faultInternal
	faultUnavailable
	faultConflict
	faultSlow
	faultCut // a watch ends
	faults
)

func (f *faultyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if f.away.Load() {
		panic(http.ErrAbortHandler)
	}
	f.mu.Lock()
	fails, fault := f.rand.Float64() < f.rate, f.rand.IntN(faults)
	if fails {
		f.failed++
	}
	f.mu.Unlock()
	if !fails {
		f.next.ServeHTTP(w, r)
		return
	}
	switch fault {
	case faultDropped:
		panic(http.ErrAbortHandler)
	case faultUnanswered:
		if r.URL.Query().Get("watch") == "" { // which does nothing, and would go on for minutes
			f.next.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
		}
		panic(http.ErrAbortHandler)
	case faultTooMany:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusTooManyRequests, "TooManyRequests")
	case faultInternal:
		refuse(w, http.StatusInternalServerError, "InternalError")
	case faultUnavailable:
		refuse(w, http.StatusServiceUnavailable, "ServiceUnavailable")
	case faultConflict:
		if r.Method == http.MethodGet || r.Method == http.MethodPost {
			f.next.ServeHTTP(w, r)
			return
		}
		refuse(w, http.StatusConflict, "Conflict")
	case faultSlow:
		select {
		case <-time.After(200 * time.Millisecond):
		case <-r.Context().Done():
		}
		f.next.ServeHTTP(w, r)
	case faultCut:
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		if r.URL.Query().Get("watch") != "" {
			time.AfterFunc(300*time.Millisecond, cancel)
		}
		f.next.ServeHTTP(w, r.WithContext(ctx))
	}
}

func refuse(w http.ResponseWriter, code int, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":"injected","code":%d}`, reason, code)
}

// try runs gantry through the faulty server.
func (r *releases) try(kubeconfig string, args ...string) (said string, code int) {
	r.Helper()
	stdout, stderr, code := r.outcome(r.command(r.Context(), r.gantry, append(args, "--kubeconfig", kubeconfig)...))
	return stdout + stderr, code
}

// TestFaults leads releases through their lives while the API server drops
// requests, loses answers, is busy, broken or slow. Each step ends ready or
// cleanly failed: what is recorded and what is there agree, and the next step
// goes on. In the end nothing is left.
func TestFaults(t *testing.T) {
	for i := range *faultRuns {
		seed := *faultSeed + uint64(i)
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			t.Parallel()
			r := newReleases(t)
			server, kubeconfig := newFaultyServer(t, r.place, seed, 0.15)
			steps := [][]string{
				{"upgrade", "--install", "shop", "web", "--wait", "--set", "extra=true"},
				{"upgrade", "--install", "shop", "web", "--wait", "--set", "tag=2"},
				{"upgrade", "--install", "shop", "web", "--wait", "--atomic", "--set", "tag=3,extra=true"},
				{"rollback", "shop", "--wait"},
			}
			failed := 0
			for _, step := range steps {
				said, code := r.try(kubeconfig, append(step, "--timeout", "90s")...)
				if code != 0 {
					failed++
					t.Logf("%v ended with %d:\n%s", step, code, said)
					if !strings.Contains(said, "gantry: error:") {
						t.Errorf("%v says no reason", step)
					}
					// Whatever is left, the next one goes on.
					r.g("upgrade", "--install", "shop", "web", "--wait", "--reset-values", "--unlock", "--force-conflicts")
				}
				r.agreesWithCluster()
			}
			if said, code := r.try(kubeconfig, "uninstall", "shop", "--wait"); code != 0 {
				failed++
				t.Logf("the uninstallation ended with %d:\n%s", code, said)
				r.g("uninstall", "shop", "--wait", "--ignore-not-found")
			}
			r.empty()
			r.nothingLeft()
			t.Logf("%d requests failed, and %d of %d steps", server.failed, failed, len(steps)+1)
		})
	}
}

// agreesWithCluster wants the objects to be as the deployed revision says, and no
// others.
func (r *releases) agreesWithCluster() {
	r.Helper()
	r.wants(r.g("diff", "shop", "--drift", "--exit-code"), "are alike")
	maps, err := r.Client.CoreV1().ConfigMaps(r.Namespace).List(r.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=Helm"})
	if err != nil {
		r.Fatal(err)
	}
	manifest := r.g("get", "manifest", "shop")
	for _, m := range maps.Items {
		if !strings.Contains(manifest, "name: "+m.Name+"\n") {
			r.Errorf("ConfigMap %s is in no manifest", m.Name)
		}
	}
	if got := strings.Count(r.g("history", "shop"), " deployed "); got != 1 {
		r.Errorf("%d revisions count as deployed:\n%s", got, r.g("history", "shop"))
	}
}

// nothingLeft wants neither records nor Leases.
func (r *releases) nothingLeft() {
	r.Helper()
	leases, err := r.Client.CoordinationV1().Leases(r.Namespace).List(r.Context(), metav1.ListOptions{})
	if err != nil {
		r.Fatal(err)
	}
	for _, l := range leases.Items {
		r.Errorf("Lease %s is left", l.Name)
	}
	maps, err := r.Client.CoreV1().ConfigMaps(r.Namespace).List(r.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/managed-by=Helm"})
	if err != nil {
		r.Fatal(err)
	}
	for _, m := range maps.Items {
		r.Errorf("ConfigMap %s is left", m.Name)
	}
}

// TestAwayAndBack loses the API server in the middle of an upgrade, which goes on
// when it is back.
func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web", "--wait")
	server, kubeconfig := newFaultyServer(t, r.place, 1, 0)
	c := r.command(t.Context(), r.gantry, "upgrade", "shop", "web", "--wait", "--set", "tag=2", "--set-string", "hook."+behave+"run-for=3s", "--kubeconfig", kubeconfig)
	var outage sync.Once
	said, err := r.listen(c, func(said string) {
		if strings.Contains(said, "running hook Job migrate") {
			outage.Do(func() {
				server.away.Store(true)
				time.AfterFunc(5*time.Second, func() { server.away.Store(false) })
			})
		}
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	r.wants(r.g("status", "shop"), "deployed")
	r.agreesWithCluster()
}

// TestAwayTooLong loses the API server while it is waited for a pod: that, and not the
// pod, is what ends the wait, and it is told once.
func TestAwayTooLong(t *testing.T) {
	t.Parallel()
	r := newReleases(t)
	r.g("install", "shop", "web", "--wait")
	server, kubeconfig := newFaultyServer(t, r.place, 1, 0)
	c := r.command(t.Context(), r.gantry, "upgrade", "shop", "web", "--wait", "--no-hooks", "--timeout", "4s", "--set-string", "pod."+behave+"not-ready=true", "--kubeconfig", kubeconfig)
	var outage sync.Once
	said, err := r.listen(c, func(said string) {
		if strings.Contains(said, "changed Deployment web") {
			outage.Do(func() {
				server.away.Store(true)
				time.AfterFunc(25*time.Second, func() { server.away.Store(false) }) // the record is to be written
			})
		}
	})
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 5 {
		t.Errorf("ends with %v, want exit code 5", err)
	}
	r.wants(said, "gantry: error: the cluster at ", "Deployment web", "gantry: hint: is the cluster running")
	if got := strings.Count(said, "trying again for up to"); got != 1 {
		t.Errorf("told %d times that requests are tried again:\n%s", got, said)
	}
}
