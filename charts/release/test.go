package release

import (
	"context"
	"errors"
	"slices"
	"time"

	helmrelease "helm.sh/helm/v3/pkg/release"
)

// TestOptions says how the tests of a release are run.
type TestOptions struct {
	// Only are the names of the tests to run; all when it is empty.
	Only []string
	// Except are the names of tests to leave out.
	Except []string
	// Timeout bounds each test; [DefaultTimeout] when it is zero.
	Timeout time.Duration
	// NoLogs does not tell what the tests print.
	NoLogs bool
}

// Tested is how one test went.
type Tested struct {
	Object

	// Phase is Succeeded, Failed, or empty for a test that was not run.
	Phase              string
	Started, Completed time.Time
}

// Test runs the tests of a release: its hooks for that, one after the other, until
// one fails. What they print is told when each has ended. The error is the first
// failure, beside how each went.
func (m *Manager) Test(ctx context.Context, name string, o TestOptions) ([]Tested, error) {
	if err := m.cluster.Reach(ctx); err != nil {
		return nil, err
	}
	ctx, done, err := m.hold(ctx, name, false)
	if err != nil {
		return nil, err
	}
	defer done()
	record, err := m.last(name)
	if err != nil {
		return nil, err
	}
	client, err := m.client(ApplyOptions{})
	if err != nil {
		return nil, err
	}
	e := &execution{manager: m, client: client, record: record, options: ApplyOptions{Timeout: o.Timeout}}
	var (
		results []Tested
		ran     []*helmrelease.Hook
		failure error
	)
	for _, h := range hooksOf(record, helmrelease.HookTest) {
		if len(o.Only) > 0 && !slices.Contains(o.Only, h.Name) || slices.Contains(o.Except, h.Name) {
			continue
		}
		one := Tested{Object: Object{Kind: h.Kind, Name: h.Name, Namespace: m.namespace}}
		if failure == nil {
			failure = e.test(ctx, h, o.NoLogs)
			ran = append(ran, h)
			one.Phase, one.Started, one.Completed = h.LastRun.Phase.String(), h.LastRun.StartedAt.Time, h.LastRun.CompletedAt.Time
		}
		results = append(results, one)
	}
	clean, cancel := afterwards(ctx, e.options.timeout())
	defer cancel()
	passed := slices.DeleteFunc(ran, func(h *helmrelease.Hook) bool { return h.LastRun.Phase != helmrelease.HookPhaseSucceeded })
	err = errors.Join(failure, e.discard(clean, passed, helmrelease.HookSucceeded))
	if len(results) > 0 {
		if failed := m.records.Update(record); failed != nil {
			err = errors.Join(err, m.writeError(record, failed))
		}
	}
	return results, err
}

// test runs one test, and tells what it has printed before it is deleted.
func (e *execution) test(ctx context.Context, h *helmrelease.Hook, noLogs bool) error {
	policies := h.OutputLogPolicies
	defer func() { h.OutputLogPolicies = policies }()
	h.OutputLogPolicies = nil
	if !noLogs {
		h.OutputLogPolicies = []helmrelease.HookOutputLogPolicy{helmrelease.HookOutputOnFailed}
	}
	err := e.hook(ctx, h)
	if err == nil && !noLogs {
		e.logs(ctx, h)
	}
	return err
}
