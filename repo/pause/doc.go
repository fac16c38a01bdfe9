// Package pause lets time pass between two tries.
package pause
