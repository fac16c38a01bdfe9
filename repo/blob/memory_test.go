package blob_test

import (
	"testing"

	"gantry/repo/blob"
)

// TestBelow has a neighbour whose objects must not be seen.
func TestBelow(t *testing.T) {
	t.Parallel()
	suite(t, func(t *testing.T) (store, again blob.Store) {
		t.Helper()
		m := &blob.Memory{}
		create(t, m, "a.txt", "above")
		create(t, m, "org/other/a.txt", "beside")
		part, err := blob.Below(m, "org/repo/")
		if err != nil {
			t.Fatal(err)
		}
		return part, part
	})
	for _, folder := range []string{"org", "../", "/", ".git/"} {
		if _, err := blob.Below(&blob.Memory{}, folder); err == nil {
			t.Errorf("%q passes", folder)
		}
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, func(*testing.T) (store, again blob.Store) {
		m := &blob.Memory{}
		return m, m
	})
}
