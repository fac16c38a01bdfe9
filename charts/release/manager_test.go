package release_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	helmrelease "helm.sh/helm/v3/pkg/release"

	"gantry/charts/compare"
	"gantry/charts/diag"
	"gantry/charts/release"
)

type values = map[string]any

var errBroken = errors.New("it is broken")

func (b *bench) install(t *testing.T, v values) {
	t.Helper()
	if _, err := b.Install(t.Context(), "shop", testChart(t), v, release.InstallOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) upgrade(t *testing.T, v values) {
	t.Helper()
	if _, err := b.Upgrade(t.Context(), "shop", testChart(t), v, release.UpgradeOptions{}); err != nil {
		t.Fatal(err)
	}
}

func TestLife(t *testing.T) {
	b := newBench(t)
	r, err := b.Install(t.Context(), "shop", testChart(t), values{"replicas": 2}, release.InstallOptions{ApplyOptions: release.ApplyOptions{Wait: true, Description: "first"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Revision != 1 || r.Status != "deployed" || r.Description != "first" || r.ChartAndVersion() != "shop-1.2.3" || r.Notes != "It has 2 replicas.\n" {
		t.Errorf("installed %+v", r)
	}
	b.upgrade(t, nil) // takes the values over
	if r, err = b.Get(t.Context(), "shop", 0); err != nil || r.Revision != 2 || r.Values["replicas"] != 2 {
		t.Errorf("upgraded to revision %d with %v, error %v", r.Revision, r.Values, err)
	}
	if all, err := r.AllValues(); err != nil || all["name"] != "web" {
		t.Errorf("all values are %v, error %v", all, err)
	}
	if r, err = b.Rollback(t.Context(), "shop", 0, release.RollbackOptions{ApplyOptions: release.ApplyOptions{Description: "back"}}); err != nil {
		t.Fatal(err)
	}
	if r.Revision != 3 || r.Description != "back" {
		t.Errorf("rolled back to %+v", r)
	}
	if got := b.statuses(t, "shop"); got != "superseded superseded deployed" {
		t.Errorf("history: %s", got)
	}
	if _, err := b.Uninstall(t.Context(), "shop", release.UninstallOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := b.statuses(t, "shop"); got != "" {
		t.Errorf("history after uninstalling: %s", got)
	}
}

func TestErrorsHaveTypes(t *testing.T) {
	b := newBench(t)
	_, err := b.Upgrade(t.Context(), "shop", testChart(t), nil, release.UpgradeOptions{})
	if _, ok := errors.AsType[*release.NotFoundError](err); !ok {
		t.Errorf("upgrade of nothing: %v", err)
	}
	b.install(t, nil)
	_, err = b.Install(t.Context(), "shop", testChart(t), nil, release.InstallOptions{})
	if _, ok := errors.AsType[*release.ExistsError](err); !ok {
		t.Errorf("installed twice: %v", err)
	}
	_, err = b.Get(t.Context(), "shop", 7)
	if e, ok := errors.AsType[*release.NotFoundError](err); !ok || e.Revision != 7 {
		t.Errorf("revision 7: %v", err)
	}
	_, err = b.Rollback(t.Context(), "shop", 0, release.RollbackOptions{})
	if err == nil || !strings.Contains(err.Error(), "no revision of shop before 1") {
		t.Errorf("nothing to go back to: %v", err)
	}
	if _, err := b.Install(t.Context(), "Bad_Name", testChart(t), nil, release.InstallOptions{}); err == nil {
		t.Error("a bad name was accepted")
	}
	library := testChart(t)
	library.Metadata.Type = "library"
	if _, err := b.Install(t.Context(), "lib", library, nil, release.InstallOptions{}); err == nil || !strings.Contains(err.Error(), "shop is a library") {
		t.Errorf("a library: %v", err)
	}
	b.cluster.fail["reach"] = errBroken
	if _, err := b.List(t.Context(), release.ListOptions{}); !errors.Is(err, errBroken) {
		t.Errorf("unreachable: %v", err)
	}
}

// TestLabelsAreTexts: a label that is a number must not be lost together with all
// others.
func TestLabelsAreTexts(t *testing.T) {
	for _, field := range []string{"labels", "annotations"} {
		b := newBench(t)
		c := testChart(t)
		c.Templates[0].Data = []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web, " + field + ": {a: b, version: 1.2}}\n")
		_, err := b.Install(t.Context(), "shop", c, nil, release.InstallOptions{})
		if want := "shop/templates/web.yaml: ConfigMap web: metadata." + field + ".version is 1.2, where a text belongs: write it in quotes"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPending(t *testing.T) {
	b := newBench(t)
	b.install(t, nil)
	last, err := b.records.Last("shop")
	if err != nil {
		t.Fatal(err)
	}
	stuck := *last
	info := *last.Info
	stuck.Info, stuck.Version = &info, 2
	info.Status = helmrelease.StatusPendingUpgrade
	if err := b.records.Create(&stuck); err != nil {
		t.Fatal(err)
	}
	_, err = b.Upgrade(t.Context(), "shop", testChart(t), nil, release.UpgradeOptions{})
	if e, ok := errors.AsType[*release.PendingError](err); !ok || e.Revision != 2 {
		t.Errorf("upgrade: %v", err)
	}
	// One that was abandoned is settled first.
	b.cluster.abandoned = "ann"
	if _, err := b.Upgrade(t.Context(), "shop", testChart(t), nil, release.UpgradeOptions{DryRun: release.DryRunClient}); err == nil {
		t.Error("a dry run settles what was abandoned")
	}
	b.upgrade(t, nil)
	if left, err := b.records.Get("shop", 2); err != nil || left.Info.Status != helmrelease.StatusFailed || !strings.Contains(left.Info.Description, "ann") {
		t.Errorf("what was abandoned: %+v, %v", left, err)
	}
	b.cluster.abandoned = ""
	stuck.Version, info.Status = 4, helmrelease.StatusPendingUpgrade
	if err := b.records.Create(&stuck); err != nil {
		t.Fatal(err)
	}
	// Without a sign of who left it, a rollback is the way on.
	if _, err := b.Rollback(t.Context(), "shop", 0, release.RollbackOptions{}); err != nil {
		t.Fatal(err)
	}
	b.upgrade(t, nil)
}

// The typed reason survives what is wrapped around it.
func TestReasonsSurvive(t *testing.T) {
	for _, call := range []string{"send", "wait: ready", "wait: complete"} {
		t.Run(call, func(t *testing.T) {
			b := newBench(t)
			b.install(t, nil)
			b.upgrade(t, nil)
			b.cluster.fail[call] = errBroken
			o := release.RollbackOptions{ApplyOptions: release.ApplyOptions{Wait: true}}
			r, err := b.Rollback(t.Context(), "shop", 1, o)
			if !errors.Is(err, errBroken) {
				t.Errorf("error %v does not wrap the reason", err)
			}
			if r == nil || r.Status != "failed" {
				t.Errorf("the release is %+v, want it failed", r)
			}
			delete(b.cluster.fail, call)
			b.upgrade(t, nil) // it can go on
		})
	}
}

func TestAtomic(t *testing.T) {
	atomic := release.ApplyOptions{Atomic: true}
	t.Run("install", func(t *testing.T) {
		b := newBench(t)
		b.cluster.fail["wait: ready"] = errBroken
		_, err := b.Install(t.Context(), "shop", testChart(t), nil, release.InstallOptions{ApplyOptions: atomic})
		if _, undone := errors.AsType[*release.UndoneError](err); !undone || !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		if got := b.statuses(t, "shop"); got != "" {
			t.Errorf("history: %s", got)
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		b := newBench(t)
		b.install(t, values{"replicas": 1})
		b.cluster.fail["wait: ready"] = errBroken
		b.cluster.after = func(call string) {
			if call == "wait: ready" {
				delete(b.cluster.fail, "wait: ready") // the rollback works
			}
		}
		r, err := b.Upgrade(t.Context(), "shop", testChart(t), values{"replicas": 2}, release.UpgradeOptions{ApplyOptions: atomic})
		if _, undone := errors.AsType[*release.UndoneError](err); !undone || !errors.Is(err, errBroken) {
			t.Errorf("error %v", err)
		}
		if got := b.statuses(t, "shop"); got != "superseded failed deployed" {
			t.Errorf("history: %s", got)
		}
		if r == nil || r.Values["replicas"] != 1 {
			t.Errorf("rolled back to %+v", r)
		}
		if !slices.ContainsFunc(b.told, func(line string) bool { return strings.Contains(line, "it is broken") }) {
			t.Errorf("the reason was not told before the rollback: %q", b.told)
		}
	})
	t.Run("nothing was begun", func(t *testing.T) {
		b := newBench(t)
		b.install(t, nil)
		_, err := b.Upgrade(t.Context(), "shop", testChart(t), values{"name": "[broken"}, release.UpgradeOptions{ApplyOptions: atomic})
		if _, undone := errors.AsType[*release.UndoneError](err); undone || err == nil {
			t.Errorf("error %v", err)
		}
		if got := b.statuses(t, "shop"); got != "deployed" {
			t.Errorf("history: %s", got)
		}
	})
}

// Whoever presses Ctrl-C gets a release that is recorded as failed, and with
// --atomic one that is rolled back all the same.
func TestInterrupted(t *testing.T) {
	for _, atomic := range []bool{false, true} {
		b := newBench(t)
		b.install(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		b.cluster.after = func(call string) {
			if call == "send" {
				cancel()
			}
		}
		_, err := b.Upgrade(ctx, "shop", testChart(t), values{"replicas": 7}, release.UpgradeOptions{ApplyOptions: release.ApplyOptions{Wait: true, Atomic: atomic}})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("atomic %v: error %v", atomic, err)
		}
		want := map[bool]string{false: "deployed failed", true: "superseded failed deployed"}[atomic]
		if got := b.statuses(t, "shop"); got != want {
			t.Errorf("atomic %v: history %s, want %s", atomic, got, want)
		}
	}
}

// A rollback without a number skips revisions that never worked.
func TestRollbackSkipsFailures(t *testing.T) {
	b := newBench(t)
	b.install(t, values{"replicas": 1})
	b.cluster.fail["send"] = errBroken
	if _, err := b.Upgrade(t.Context(), "shop", testChart(t), values{"replicas": 2}, release.UpgradeOptions{}); err == nil {
		t.Fatal("the upgrade did not fail")
	}
	delete(b.cluster.fail, "send")
	b.upgrade(t, values{"replicas": 3})
	r, err := b.Rollback(t.Context(), "shop", 0, release.RollbackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Description != "Rollback to 1" {
		t.Errorf("%s, want the first revision", r.Description)
	}
}

// What a failed revision has added is taken back by the next one.
func TestFailedRevisionsAreRemembered(t *testing.T) {
	b := newBench(t)
	b.install(t, values{"replicas": 1})
	b.cluster.fail["send"] = errBroken
	for _, name := range []string{"two", "three"} {
		if _, err := b.Upgrade(t.Context(), "shop", testChart(t), values{"name": name}, release.UpgradeOptions{}); err == nil {
			t.Fatal("the upgrade did not fail")
		}
	}
	if diff := cmp.Diff([]string{"ConfigMap three", "ConfigMap two", "ConfigMap web"}, b.cluster.names()); diff != "" {
		t.Fatalf("after the failures (-want +got):\n%s", diff)
	}
	delete(b.cluster.fail, "send")
	b.upgrade(t, nil)
	if diff := cmp.Diff([]string{"ConfigMap web"}, b.cluster.names()); diff != "" {
		t.Errorf("after the next upgrade (-want +got):\n%s", diff)
	}
}

func TestHistoryIsKeptShort(t *testing.T) {
	b := newBench(t)
	b.install(t, nil)
	for range 4 {
		if _, err := b.Upgrade(t.Context(), "shop", testChart(t), nil, release.UpgradeOptions{HistoryMax: 3}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.statuses(t, "shop"); got != "superseded superseded deployed" {
		t.Errorf("history: %s", got)
	}
	revisions, err := b.History(t.Context(), "shop", 1)
	if err != nil || len(revisions) != 1 || revisions[0].Revision != 5 {
		t.Errorf("the newest: %v, error %v", revisions, err)
	}
}

func TestUpgradeInstalls(t *testing.T) {
	b := newBench(t)
	install := release.UpgradeOptions{Install: true}
	r, err := b.Upgrade(t.Context(), "shop", testChart(t), nil, install)
	if err != nil || r.Revision != 1 {
		t.Fatalf("revision %+v, error %v", r, err)
	}
	if _, err := b.Uninstall(t.Context(), "shop", release.UninstallOptions{KeepHistory: true}); err != nil {
		t.Fatal(err)
	}
	list := func(o release.ListOptions) int {
		found, err := b.List(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	if n, all := list(release.ListOptions{}), list(release.ListOptions{Uninstalled: true}); n != 0 || all != 1 {
		t.Errorf("listed %d, with uninstalled ones %d", n, all)
	}
	if r, err = b.Upgrade(t.Context(), "shop", testChart(t), nil, install); err != nil || r.Revision != 2 {
		t.Errorf("revision %+v, error %v", r, err)
	}
}

func TestReuse(t *testing.T) {
	tests := []struct {
		reuse release.Reuse
		given values
		want  values
	}{
		{release.ReuseIfNone, nil, values{"replicas": 2}},
		{release.ReuseIfNone, values{"name": "x"}, values{"name": "x"}},
		{release.ReuseNothing, nil, values{}},
		{release.ReuseGiven, values{"name": "x"}, values{"name": "x", "replicas": 2}},
		{release.ReuseAll, values{"name": "x"}, values{"name": "x", "replicas": 2}},
	}
	for _, test := range tests {
		b := newBench(t)
		b.install(t, values{"replicas": 2})
		given := test.given
		if given == nil {
			given = values{}
		}
		r, err := b.Upgrade(t.Context(), "shop", testChart(t), given, release.UpgradeOptions{Reuse: test.reuse})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, r.Values); diff != "" {
			t.Errorf("%q with %v (-want +got):\n%s", test.reuse, test.given, diff)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	for _, dry := range []release.DryRun{release.DryRunClient, release.DryRunServer} {
		b := newBench(t)
		r, err := b.Upgrade(t.Context(), "shop", testChart(t), nil, release.UpgradeOptions{Install: true, DryRun: dry})
		if err != nil || !strings.Contains(r.Manifest, "name: web") {
			t.Errorf("%s: error %v", dry, err)
		}
		want := map[release.DryRun][]string{release.DryRunServer: {"rehearse"}}[dry]
		if diff := cmp.Diff(want, b.cluster.calls); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", dry, diff)
		}
		if got := b.statuses(t, "shop"); got != "" {
			t.Errorf("%s: history %s", dry, got)
		}
	}
	b := newBench(t)
	b.cluster.fail["rehearse"] = errBroken
	if _, err := b.Install(t.Context(), "shop", testChart(t), nil, release.InstallOptions{DryRun: release.DryRunServer}); !errors.Is(err, errBroken) {
		t.Errorf("what the server refuses: error %v", err)
	}
}

func TestDiffOfRevisions(t *testing.T) {
	b := newBench(t)
	b.install(t, values{"replicas": 1})
	b.upgrade(t, values{"replicas": 2})
	want := []compare.Change{{
		Object: release.Object{APIVersion: "v1", Kind: "ConfigMap", Name: "web"},
		Change: compare.Altered,
		Fields: []compare.Field{{Path: diag.Path{"data", "replicas"}, Change: compare.Altered, Before: "1", After: "2"}},
		Diff:   "@@ -1,6 +1,6 @@\n apiVersion: v1\n data:\n-  replicas: \"1\"\n+  replicas: \"2\"\n kind: ConfigMap\n metadata:\n   name: web\n",
	}}
	c, err := b.DiffRevisions(t.Context(), "shop", 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, c.Changes); diff != "" || c.From != "revision 1" || c.To != "revision 2" {
		t.Errorf("%s to %s (-want +got):\n%s", c.From, c.To, diff)
	}
	history, err := b.History(t.Context(), "shop", 1)
	if err != nil || len(history) != 1 || history[0].Changes != "1 changed" {
		t.Errorf("the history says %+v, error %v", history, err)
	}
	if got := b.statuses(t, "shop"); got != "superseded deployed" {
		t.Errorf("comparing has changed the history: %s", got)
	}
}

// lastWords is a failure that brings the end of a log along.
type lastWords struct{ dropped bool }

func (e *lastWords) Error() string { return "it failed" }
func (e *lastWords) DropLogs()     { e.dropped = true }

// TestLogsOfPodsThatAreGone: what a failure has kept of a log is dropped only where the log
// is told instead.
func TestLogsOfPodsThatAreGone(t *testing.T) {
	for _, test := range []struct {
		lines []string
		want  bool
	}{{nil, false}, {[]string{"no table"}, true}} {
		b := newBench(t)
		failure := &lastWords{}
		b.cluster.fail["wait: complete"], b.cluster.logs = failure, test.lines
		hook := "{apiVersion: batch/v1, kind: Job, metadata: {name: migrate, annotations: {helm.sh/hook: pre-install, helm.sh/hook-output-log-policy: hook-failed}}}"
		if _, err := b.Install(t.Context(), "shop", chartOf(t, hook), nil, release.InstallOptions{}); !errors.Is(err, failure) {
			t.Errorf("got %v", err)
		}
		if failure.dropped != test.want {
			t.Errorf("%q: dropped %v", test.lines, failure.dropped)
		}
	}
}

// TestInterruptionIsTold: who interrupts an operation hears why it does not end at once, and
// nothing where it does.
func TestInterruptionIsTold(t *testing.T) {
	for _, test := range []struct {
		takes time.Duration
		want  int
	}{{0, 0}, {3 * time.Second, 1}} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			b.cluster.after = func(call string) {
				if call == "send" {
					interrupt()
					time.Sleep(test.takes)
				}
			}
			_, err := b.Install(ctx, "shop", testChart(t), nil, release.InstallOptions{ApplyOptions: release.ApplyOptions{Wait: true}})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			told := slices.DeleteFunc(b.told, func(line string) bool { return !strings.HasPrefix(line, "interrupted, but not done yet") })
			if len(told) != test.want {
				t.Errorf("told %q", told)
			}
		})
	}
}

// TestInterruptedUninstallation is returned with what it was about to do.
func TestInterruptedUninstallation(t *testing.T) {
	b := newBench(t)
	b.install(t, nil)
	ctx, interrupt := context.WithCancel(t.Context())
	b.cluster.after = func(string) { interrupt() }
	done, err := b.Uninstall(ctx, "shop", release.UninstallOptions{Wait: true})
	if done == nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v", done, err)
	}
}
