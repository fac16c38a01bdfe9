package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/chartutil"
)

// What a chart may ask for at most: enough for every chart that people write,
// and too little to take the machine down.
const (
	// MaxOutput is how many bytes the templates may write in all, what they
	// include counted each time.
	MaxOutput = 128 << 20
	// MaxSteps is how many rounds of loops and calls of templates there may be.
	MaxSteps = 10_000_000
	// MaxText is the size of one text that a function makes.
	MaxText = 64 << 20
	// MaxItems is the length of a list that a function counts out, and how many
	// values are written as YAML or JSON at once.
	MaxItems = 5_000_000
	// MaxDepth is how many templates may call each other, in all; of one name,
	// it is maxSame.
	MaxDepth = 5000
	// maxSame is helm's own limit.
	maxSame = 1000
	// maxNesting is how many blocks may stand inside each other in one template.
	maxNesting = 10_000
	// maxKept is how many texts of tpl are kept parsed.
	maxKept = 2000
	// fewest is how many templates are worth a goroutine.
	fewest = 16
)

// ErrLimit is what every error about a template that asks for too much wraps.
var ErrLimit = errors.New("the template is over a limit")

// errShared says that a template changes a map that others see, so that the
// order in which templates are executed matters.
var errShared = errors.New("a template changes a shared value")

func workersFor(n int) int { return max(1, min(runtime.GOMAXPROCS(0), n/fewest)) }

// run executes every template that is not a partial, and returns what each
// writes, by name.
//
// helm executes them one after the other. That makes a difference only when one
// changes what another one sees, and that is noticed: then they are executed
// again, as helm does.
func (p *program) run(ctx context.Context) (map[string]string, error) {
	var work []int
	for i := range p.sources {
		if !p.sources[i].partial() {
			work = append(work, i)
		}
	}
	if workersFor(len(work)) > 1 && !p.ordered && !p.seesOthers() {
		texts, err := p.runTogether(ctx, work)
		if !errors.Is(err, errShared) {
			return p.byName(work, texts), err
		}
	}
	meter := newMeter(ctx, p)
	s := newScope(p, meter)
	texts := make([]string, len(p.sources))
	for _, i := range work {
		text, err := s.execute(p, i, p.sources[i].sees)
		if err != nil {
			return nil, err
		}
		texts[i] = text
	}
	return p.byName(work, texts), nil
}

// seesOthers reports whether a template could tell which one was executed before
// it: through .Subcharts, it sees what .Template was for the last one.
func (p *program) seesOthers() bool {
	for i := range p.sources {
		if len(p.sources[i].sees["Subcharts"].(map[string]any)) > 0 {
			return true
		}
	}
	return false
}

func (p *program) byName(work []int, texts []string) map[string]string {
	if texts == nil {
		return nil
	}
	out := make(map[string]string, len(work))
	for _, i := range work {
		out[p.sources[i].name] = texts[i]
	}
	return out
}

// runTogether executes the templates on every processor. The error is that of
// the first template that has one.
func (p *program) runTogether(ctx context.Context, work []int) ([]string, error) {
	meter := newMeter(ctx, p)
	if p.changes {
		meter.shared = sharedPlaces(p.sources)
	}
	var lock sync.Mutex
	texts := make([]string, len(p.sources))
	errs := make([]error, len(work))
	inParallel(len(work), func(next func() (int, bool)) {
		lock.Lock() // a set of templates is copied by one at a time
		s := newScope(p, meter.again())
		lock.Unlock()
		for n, ok := next(); ok; n, ok = next() {
			texts[work[n]], errs[n] = s.execute(p, work[n], maps.Clone(p.sources[work[n]].sees))
			if errs[n] != nil {
				return // what comes after it does not matter any more
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// execute executes one template.
func (s *scope) execute(p *program, i int, sees map[string]any) (text string, err error) {
	src := &p.sources[i]
	defer func() {
		// Functions of the libraries panic when they are given what they do not
		// expect.
		if r := recover(); r != nil {
			err = &TemplateError{Pos: position(src.name, "", ""), Problem: fmt.Sprintf("a function panics: %v", r)}
		}
	}()
	*s.now = rootContext{root: sees, chart: src.basePath}
	sees["Template"] = chartutil.Values{"Name": src.name, "BasePath": src.basePath}
	out := s.meter.output()
	out.Grow(len(src.text)) // most write about as much as they are long
	if err := s.set.ExecuteTemplate(out, src.name, sees); err != nil {
		if errors.Is(err, errShared) {
			return "", errShared
		}
		return "", p.suggest(explainTemplate(err, src.name), sees)
	}
	return noValue(out.String()), nil
}

// noValue takes out what text/template writes for values that are not there.
func noValue(text string) string { return strings.ReplaceAll(text, "<no value>", "") }
