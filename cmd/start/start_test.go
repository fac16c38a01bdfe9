package start

import (
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

// After the first collection, the heap grows as always.
func TestUsualAfterFirstCollection(t *testing.T) {
	debug.SetGCPercent(100)
	if !putOff() {
		t.Fatal("nothing was put off")
	}
	if got := debug.SetGCPercent(300); got != 300 {
		t.Errorf("the heap may grow by %d %%, want 300 before the first collection", got)
	}
	deadline := time.After(time.Minute)
	for {
		runtime.GC()
		if got := debug.SetGCPercent(300); got == 100 {
			return
		}
		select {
		case <-deadline:
			t.Fatal("collections are still put off")
		default:
			runtime.Gosched()
		}
	}
}

func TestUsersChoiceCounts(t *testing.T) {
	debug.SetGCPercent(50)
	defer debug.SetGCPercent(100)
	if putOff() {
		t.Error("a GOGC that was set is not kept")
	}
	if got := debug.SetGCPercent(100); got != 50 {
		t.Errorf("the heap may grow by %d %%, want 50", got)
	}
}
