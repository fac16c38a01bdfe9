package blob_test

import (
	"testing"

	"gantry/repo/blob"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	suite(t, func(*testing.T) (store, again blob.Store) {
		m := &blob.Memory{}
		return m, m
	})
}
