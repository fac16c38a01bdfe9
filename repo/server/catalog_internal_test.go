package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"gantry/repo/blob"
)

// TestRecordStaysReadable publishes versions until the record of their chart would be
// too large to be read again.
func TestRecordStaysReadable(t *testing.T) {
	t.Parallel()
	store := &blob.Memory{}
	s, err := New(t.Context(), store, Options{Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	const most = 3000
	s.catalog.most = most
	add := func(i int) error {
		return s.catalog.commit(t.Context(), "web", func(sh shard) (shard, error) {
			entry, _ := json.Marshal(map[string]string{"name": "web", "version": fmt.Sprintf("1.0.%d", i)})
			return sh.with(record{Version: fmt.Sprintf("1.0.%d", i), Digest: "d", Archive: "a", Entry: entry}), nil
		})
	}
	added := 0
	for err == nil {
		if err = add(added); err == nil {
			added++
		}
	}
	p, ok := errors.AsType[*problem](err)
	if !ok || p.Status != http.StatusInsufficientStorage || p.Hint == "" || added < 5 {
		t.Errorf("after %d versions: %v", added, err)
	}
	if data, _, err := store.Get(t.Context(), shardKey("web")); err != nil || len(data) > most {
		t.Errorf("the record has %d bytes, %v", len(data), err)
	}
	if seg := s.catalog.current().find("web"); len(seg.shard.Versions) != added {
		t.Errorf("%d versions are listed of %d", len(seg.shard.Versions), added)
	}
	s.catalog.most = most / 2
	if err := s.removeVersion(t.Context(), "web", "1.0.0"); err != nil {
		t.Errorf("a full chart cannot be emptied: %v", err)
	}
}
