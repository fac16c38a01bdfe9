package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gantry/charts/release"
)

// keepTelling says from time to time what is waited for and why.
func (w *waiter) keepTelling(ctx context.Context) {
	every(ctx, tellEvery, func() { w.tellWhy(ctx) })
}

// every does something again and again until the context is done.
func every(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// tellWhy says what is waited for and why, unless it was said before.
func (w *waiter) tellWhy(ctx context.Context) {
	pending := w.pending()
	unready := w.session.diagnose(ctx, pending)
	if ctx.Err() != nil || len(unready) == 0 {
		return
	}
	tellingFirst(unready)
	detail := unready[0].String()
	if more := len(unready) - 1; more > 0 {
		detail += fmt.Sprintf(" (and %d more)", more)
	}
	w.mu.Lock()
	again := detail == w.told
	w.told = detail
	w.mu.Unlock()
	if !again {
		w.session.tell(release.Event{Action: release.Waiting, Ready: w.total - len(pending), Total: w.total, Detail: detail})
	}
}

// explain makes a [*NotReadyError] of an error, unless the operation was
// interrupted from outside.
func (w *waiter) explain(outer, ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if err := release.Ended(outer); err != nil {
		return err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	waited := time.Since(w.started).Round(time.Second)
	// The time is over; looking for reasons gets a little of its own.
	look, cancel := context.WithTimeout(outer, diagnoseTimeout)
	defer cancel()
	if errors.Is(err, context.DeadlineExceeded) {
		if away, ok := errors.AsType[*UnreachableError](w.session.cluster.Reach(look)); ok {
			err, look = away, impatient(look) // what is known of the objects is old
		}
	}
	objects := w.session.diagnose(look, w.pending())
	tellingFirst(objects)
	if e, ok := errors.AsType[*StuckError](err); ok { // what ended the wait comes first
		slices.SortStableFunc(objects, func(a, b Unready) int { return first(b.Object == e.Object) - first(a.Object == e.Object) })
	}
	w.session.readLogs(look, objects)
	w.recall(objects)
	return &NotReadyError{
		Objects: objects,
		Total:   w.total,
		Waited:  waited,
		Err:     err,
	}
}

func first(is bool) int {
	if is {
		return 1
	}
	return 0
}
