package cli

import (
	"strings"
	"testing"

	"gantry/charts/release"
)

// TestUnchangedObjectsAreCountedOnce has an upgrade that fails, and the way back.
func TestUnchangedObjectsAreCountedOnce(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	p := &progress{w: &said}
	tell := func(action release.Action, names ...string) {
		for _, name := range names {
			p.observe(release.Event{Action: action, Object: release.Object{Kind: "Deployment", Name: name}})
		}
	}
	tell(release.Unchanged, "web", "db", "queue")
	tell(release.Changed, "worker")
	tell(release.Unchanged, "web", "db")
	tell(release.Changed, "worker", "queue")
	p.finish()
	if want := "unchanged: 2 objects\n"; !strings.HasSuffix(said.String(), want) {
		t.Errorf("want %q at the end of\n%s", want, said.String())
	}
}
