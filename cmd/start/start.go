package start

import (
	"runtime"
	"runtime/debug"
)

// FirstHeap is the size of the heap at which the first collection begins.
const FirstHeap = 12 << 20

// usual is from which heap on Go collects when nothing is set.
const usual = 4 << 20

var _ = putOff()

// putOff sets how much the heap may grow, and sets it back after the first
// collection. A GOGC that the user has set counts.
func putOff() bool {
	const percent = 100
	before := debug.SetGCPercent(percent * FirstHeap / usual)
	if before != percent {
		debug.SetGCPercent(before)
		return false
	}
	// What nothing refers to, the first collection finds.
	runtime.AddCleanup(new([16]byte), func(percent int) { debug.SetGCPercent(percent) }, percent)
	return true
}
