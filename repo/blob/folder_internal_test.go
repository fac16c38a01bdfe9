package blob

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
)

// TestWritesWaitForASyncThatCoversThem keeps an account of what a power cut would
// leave: what a folder held when a sync of it began, once that sync has ended.
func TestWritesWaitForASyncThatCoversThem(t *testing.T) {
	t.Parallel()
	d, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	var mu sync.Mutex
	type names map[string]string // the contents by key
	safe, newest, began := map[string]names{}, map[string]int{}, 0
	d.sync = func(f folder) error {
		mu.Lock()
		began++
		turn, held := began, names{}
		mu.Unlock()
		for info, err := range d.List(t.Context(), strings.TrimPrefix(f.path+"/", "./"), "") {
			if err != nil {
				continue // a folder above the objects
			}
			// What is replaced meanwhile is read as the one or the other: both are there.
			if data, _, err := d.Get(t.Context(), info.Key); err == nil {
				held[info.Key] = string(data)
			}
		}
		err := f.syncNames()
		mu.Lock()
		defer mu.Unlock()
		if turn > newest[f.path] { // of syncs at once, the one that began last has seen most
			safe[f.path], newest[f.path] = held, turn
		}
		return err
	}
	left := func(key string) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		text, ok := safe[path.Dir(key)][key]
		return text, ok
	}
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := range 20 {
				key := fmt.Sprintf("folder-%d/key-%d-%d", i%3, w, i)
				etag, err := d.PutIfAbsent(t.Context(), key, strings.NewReader("one"))
				if text, _ := left(key); err != nil || text != "one" {
					t.Errorf("%s is created (%v), and after a power cut it is %q", key, err, text)
				}
				_, err = d.PutIfMatch(t.Context(), key, etag, strings.NewReader("two"))
				if text, _ := left(key); err != nil || text != "two" {
					t.Errorf("%s is replaced (%v), and after a power cut it is %q", key, err, text)
				}
				err = d.Delete(t.Context(), key)
				if text, ok := left(key); err != nil || ok {
					t.Errorf("%s is deleted (%v), and after a power cut it is %q", key, err, text)
				}
			}
		})
	}
	writers.Wait()
}

// TestExistingIsSafe creates an object whose writer could not make it safe: who is told
// that it exists goes on with it, and so it must survive a power cut by then.
func TestExistingIsSafe(t *testing.T) {
	t.Parallel()
	d, err := OpenDirectory(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	broken := errors.New("the disk is gone")
	var failing error
	syncs := 0
	d.sync = func(f folder) error {
		if f.path == "folder" {
			syncs++
			return failing
		}
		return nil
	}
	create := func() error {
		_, err := d.PutIfAbsent(t.Context(), "folder/key", strings.NewReader("x"))
		return err
	}
	failing = broken
	for range 2 {
		if err := create(); !errors.Is(err, broken) {
			t.Errorf("created on a disk that is gone: %v", err)
		}
	}
	failing, syncs = nil, 0
	if err := create(); !errors.Is(err, ErrExists) || syncs == 0 {
		t.Errorf("%v after %d syncs", err, syncs)
	}
}
