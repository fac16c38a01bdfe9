package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
)

// meter counts what the templates of one rendering ask for. Each goroutine has
// one; what they count together is in total.
type meter struct {
	ctx    context.Context
	marks  marks
	total  *totals
	shared places // what all templates see; nil when nothing of it is changed
	// steps and bytes are not in total yet.
	steps, bytes int
	depth        int
	same         map[string]int
}

type totals struct{ steps, bytes atomic.Int64 }

// every is after how many steps the context is asked and the totals are drawn
// up.
const every = 1024

func newMeter(ctx context.Context, p *program) *meter {
	return &meter{ctx: ctx, marks: p.marks, total: &totals{}, same: map[string]int{}}
}

// again returns a meter for another goroutine of the same rendering.
func (m *meter) again() *meter {
	return &meter{ctx: m.ctx, marks: m.marks, total: m.total, shared: m.shared, same: map[string]int{}}
}

// step counts one step that wrote n bytes.
func (m *meter) step(n int) error {
	m.steps++
	m.bytes += n
	if m.steps < every && m.bytes < MaxText {
		return nil
	}
	steps, bytes := m.total.steps.Add(int64(m.steps)), m.total.bytes.Add(int64(m.bytes))
	m.steps, m.bytes = 0, 0
	switch {
	case steps > MaxSteps:
		return fmt.Errorf("%w: more than %d rounds of loops and calls of templates", ErrLimit, MaxSteps)
	case bytes > MaxOutput:
		return fmt.Errorf("%w: more than %d bytes of output", ErrLimit, MaxOutput)
	}
	return m.ctx.Err()
}

// output takes what one template writes.
type output struct {
	strings.Builder
	meter *meter
}

func (m *meter) output() *output { return &output{meter: m} }

// Write takes a part of the output, or a mark. An error ends the template.
func (o *output) Write(b []byte) (int, error) {
	if len(b) == 1 {
		switch &b[0] {
		case &o.meter.marks.enter[0]:
			return 1, o.meter.enter()
		case &o.meter.marks.leave[0]:
			o.meter.depth--
			return 1, nil
		}
	}
	if err := o.meter.step(len(b)); err != nil {
		return 0, err
	}
	return o.Builder.Write(b)
}

// enter counts a template that calls, or is called by, those that are being
// executed.
func (m *meter) enter() error {
	if m.depth++; m.depth > MaxDepth {
		return fmt.Errorf("%w: more than %d templates call each other", ErrLimit, MaxDepth)
	}
	return m.step(0)
}
