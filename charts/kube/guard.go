package kube

import (
	"context"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"

	"gantry/charts/release"
)

// ward is where a guard looks for what is stuck.
type ward interface {
	// open returns what may be stuck already, and the changes from there on.
	open(ctx context.Context) ([]runtime.Object, watch.Interface, error)
	// examine returns the name by which something is known, and the state that it is
	// stuck in, if it is in one; an empty name is nobody's.
	examine(object runtime.Object) (name string, s stuck, isStuck bool)
	// ownerOf tells whom what is stuck keeps from being ready. The owner is one that is
	// awaited.
	ownerOf(ctx context.Context, name string, s stuck) (owner release.Object, who bond)
}

// bond is what something that is stuck is to the objects that are waited for.
type bond int

const (
	// idle keeps none of them waiting now.
	idle bond = iota
	// awaited keeps one of them from being ready.
	awaited
	// undecided is of one whose controller has not looked at it since it was changed, or
	// has changed by itself just now: it may be about to be replaced, or was already.
	undecided
	// stranger has nothing to do with them, and never will.
	stranger
)

// guard looks after what is stuck in a ward while a wait goes on.
type guard struct {
	ward
	// tell is called when something is newly stuck.
	tell func(context.Context)
	// sick are those that are stuck, by name.
	sick map[string]*patient
	// strangers have nothing to do with what is waited for. Those of other releases may
	// crash again and again, and looking up whose they are takes requests.
	strangers map[string]bool
	// news tells that something is newly stuck, of which was not told yet; told is when
	// it was last.
	news bool
	told time.Time
}

// patient is what is stuck since a time.
type patient struct {
	stuck

	since time.Time
}

func newGuard(of ward, tell func(context.Context)) *guard {
	return &guard{ward: of, tell: tell, sick: map[string]*patient{}, strangers: map[string]bool{}}
}

// run watches until the context is done. It returns a [*StuckError] once an
// object that is waited for has been stuck for longer than its state deserves.
// Where the ward may not be watched, it guards nothing.
func (g *guard) run(ctx context.Context) error {
	for ctx.Err() == nil {
		objects, stream, err := g.open(ctx)
		if apierrors.IsForbidden(err) {
			return nil
		}
		if err == nil {
			g.look(objects)
			if err := g.listen(ctx, stream); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
	return nil
}

// look takes the state of all, and forgets those that are there no more.
func (g *guard) look(objects []runtime.Object) {
	before, strangers := g.sick, g.strangers
	g.sick, g.strangers = map[string]*patient{}, map[string]bool{}
	for _, object := range objects {
		name, _, isStuck := g.examine(object)
		if isStuck && before[name] != nil {
			g.sick[name] = before[name]
		}
		if strangers[name] {
			g.strangers[name] = true
		}
		g.see(object)
	}
}

// listen takes the changes as they come, until the stream ends.
func (g *guard) listen(ctx context.Context, stream watch.Interface) error {
	defer stream.Stop()
	for {
		if err := g.judge(ctx); err != nil {
			return err
		}
		g.tellNews(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-g.alarm():
		case event, open := <-stream.ResultChan():
			if !open {
				return nil
			}
			switch event.Type {
			case watch.Deleted:
				name, _, _ := g.examine(event.Object)
				delete(g.sick, name)
				delete(g.strangers, name)
			case watch.Added, watch.Modified:
				g.news = g.see(event.Object) || g.news
			case watch.Bookmark, watch.Error:
			}
		}
	}
}

// tellNews tells of what is newly stuck, though not of each by itself: looking for the
// reasons takes requests, and the pods of a release often fail together.
func (g *guard) tellNews(ctx context.Context) {
	if g.news && time.Since(g.told) >= pause {
		g.tell(ctx)
		g.news, g.told = false, time.Now() //nolint:forbidigo // a span, not a date
	}
}

// see notes the state of an object, and reports whether it is newly stuck.
func (g *guard) see(object runtime.Object) bool {
	name, s, isStuck := g.examine(object)
	known := g.sick[name]
	switch {
	case name == "", g.strangers[name]:
		return false
	case !isStuck:
		delete(g.sick, name)
		return false
	case known != nil && known.patience == s.patience:
		known.reason = s.reason // the words may have become better
		return false
	default:
		g.sick[name] = &patient{stuck: s, since: time.Now()} //nolint:forbidigo // a span, not a date
		return true
	}
}

// alarm rings when the patience with one is over, or there is news to tell. It is nil
// when there is neither.
func (g *guard) alarm() <-chan time.Time {
	next, found := pause, g.news
	for _, p := range g.sick {
		if left := p.patience - time.Since(p.since); !found || left < next {
			next, found = left, true
		}
	}
	if !found {
		return nil
	}
	return time.After(next)
}

// judge returns an error for an object that something has kept for too long.
func (g *guard) judge(ctx context.Context) error {
	for name, p := range g.sick {
		if time.Since(p.since) < p.patience {
			continue
		}
		owner, who := g.ownerOf(ctx, name, p.stuck)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the wait is over, and says why
		}
		switch who {
		case awaited:
			return &StuckError{Object: owner, Reason: strings.TrimSpace(p.reason)}
		case undecided:
			p.since = time.Now().Add(pause - p.patience) //nolint:forbidigo // a span, not a date
			continue
		case stranger:
			g.strangers[name] = true
		case idle:
		}
		delete(g.sick, name) // until something is heard of it again
	}
	return nil
}

// guards returns those of each namespace whose pods decide on what is waited for, unless the
// user wants to wait whatever happens, and those that only remember.
func (w *waiter) guards() []*guard {
	client, err := w.session.cluster.Clientset()
	if err != nil {
		return nil
	}
	namespaces, jobs := map[string]bool{}, map[string]bool{}
	for g := range w.targets {
		if g.namespace != "" {
			namespaces[g.namespace] = true
			jobs[g.namespace] = jobs[g.namespace] || g.resource.Resource == "jobs"
		}
	}
	var guards []*guard
	for namespace := range namespaces {
		if jobs[namespace] {
			guards = append(guards, newGuard(&endings{waiter: w, client: client, namespace: namespace}, func(context.Context) {}))
		}
		if !w.session.patient {
			guards = append(guards,
				newGuard(&pods{waiter: w, client: client, namespace: namespace}, w.tellWhy),
				newGuard(&unmade{waiter: w, client: client, namespace: namespace}, w.tellWhy))
		}
	}
	return guards
}
