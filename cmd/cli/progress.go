package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/kube"
	"gantry/charts/live"
	"gantry/charts/release"
)

// progress tells what happens to a release: a line an event, or on a terminal a
// tree of objects, pods and containers that is kept up to date, or with -o json an
// object a line. Objects that need no change are only counted.
type progress struct {
	w io.Writer
	// unchanged are the objects that were as they should be, and still are: what a failed
	// operation has left alone, the way back may change.
	unchanged map[release.Object]bool
	// events takes events as JSON; nil without -o json.
	events *json.Encoder
	now    func() time.Time
	tree   *treeView
}

// The formats of what an operation tells.
const (
	progressText = "text"
	progressJSON = "json"
)

// bindProgress gives a command that changes a release the flag -o.
func (a *app) bindProgress(c *cobra.Command) {
	c.Flags().StringVarP(&a.progressOutput, "output", "o", progressText, "text, or json: an object for each event, one a line, and the release at last")
	_ = c.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{progressText, progressJSON}, cobra.ShellCompDirectiveNoFileComp))
}

// checkProgress refuses a format before any work is done.
func (a *app) checkProgress() error {
	if !slices.Contains([]string{"", progressText, progressJSON}, a.progressOutput) {
		return usageError(fmt.Errorf("unknown output %q: use %s or %s", a.progressOutput, progressText, progressJSON))
	}
	return nil
}

// progress returns what tells of an operation.
func (a *app) progress() *progress {
	p := &progress{w: a.Err, now: a.Now}
	switch {
	case a.progressOutput == progressJSON:
		p.events = json.NewEncoder(a.Out)
		p.events.SetEscapeHTML(false)
	case a.showsProgress():
		p.tree = newTreeView(a)
	}
	return p
}

// progressEvent is an event of -o json. The last one has the release.
type progressEvent struct {
	Time   live.Time       `json:"time"`
	Action release.Action  `json:"action"`
	Object *release.Object `json:"object,omitempty"`
	// Ready and Total count the objects that are waited for.
	Ready   int             `json:"ready,omitempty"`
	Total   int             `json:"total,omitempty"`
	Detail  string          `json:"detail,omitempty"`
	Release *releaseSummary `json:"release,omitempty"`
}

// releaseSummary is what an operation made.
type releaseSummary struct {
	Name        string `json:"name"`
	Namespace   string `json:"namespace"`
	Revision    int    `json:"revision"`
	Status      string `json:"status"`
	Chart       string `json:"chart"`
	AppVersion  string `json:"app_version"`
	Description string `json:"description"`
	Notes       string `json:"notes,omitempty"`
}

// actionDone is that of the last event.
const actionDone release.Action = "done"

// follow lets the tree see the pods of a namespace.
func (p *progress) follow(cluster *kube.Cluster, namespace string) {
	if p.tree == nil || namespace == "" {
		return
	}
	if client, err := cluster.Clientset(); err == nil {
		p.tree.follow(client, namespace)
	}
}

// expect lets the tree show a service that was changed before.
func (p *progress) expect(cluster *kube.Cluster, s live.Service) {
	if p.tree != nil {
		p.follow(cluster, s.Namespace)
		p.tree.observe(release.Event{Action: release.Changed, Object: s.Ref()})
	}
}

func (p *progress) observe(e release.Event) {
	switch {
	case p.events != nil:
		one := progressEvent{Time: live.Time{Time: p.now()}, Action: e.Action, Ready: e.Ready, Total: e.Total, Detail: e.Detail}
		if e.Object.Name != "" {
			one.Object = &e.Object
		}
		_ = p.events.Encode(one) // the stream remembers what fails
	case p.tree != nil:
		p.tree.observe(e)
	case e.Action != release.Unchanged:
		fmt.Fprintln(p.w, e)
	}
	p.count(e)
}

// count keeps account of the objects that need no change.
func (p *progress) count(e release.Event) {
	switch e.Action {
	case release.Unchanged:
		if p.unchanged == nil {
			p.unchanged = map[release.Object]bool{}
		}
		p.unchanged[e.Object] = true
	case release.Created, release.Changed, release.Deleted, release.Kept:
		delete(p.unchanged, e.Object)
	case release.Waiting, release.Ready, release.HookStarted, release.Warned, release.Doing:
	}
}

// finish ends the telling: it says how many objects needed no change.
func (p *progress) finish() {
	if p.tree != nil {
		p.tree.close()
	}
	if len(p.unchanged) > 0 && p.events == nil {
		fmt.Fprintf(p.w, "unchanged: %s\n", countOf(len(p.unchanged), "object"))
	}
	clear(p.unchanged)
}

// tellDone is the last event of -o json.
func (a *app) tellDone(r *release.Release) {
	lines := json.NewEncoder(a.Out)
	lines.SetEscapeHTML(false)
	_ = lines.Encode(progressEvent{Time: live.Time{Time: a.Now()}, Action: actionDone, Release: &releaseSummary{
		Name: r.Name, Namespace: r.Namespace, Revision: r.Revision, Status: r.Status,
		Chart: r.ChartAndVersion(), AppVersion: r.AppVersion, Description: r.Description, Notes: r.Notes,
	}}) // a.Out remembers what fails
}

// running is work that goes on beside an operation until it is stopped.
type running struct {
	ctx  context.Context //nolint:containedctx // it ends with close, not with a call
	stop context.CancelFunc
	wait sync.WaitGroup
}

func newRunning() *running {
	r := &running{}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

func (r *running) end() {
	r.stop()
	r.wait.Wait()
}
