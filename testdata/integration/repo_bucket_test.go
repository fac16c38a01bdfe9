package integration_test

import (
	"bytes"
	"fmt"
	"net/http"
	"sync"
	"testing"

	"gantry/testdata/objectstore"
)

// bucket starts an object store of a kind and returns the flags that serve its bucket.
func (w *workshop) bucket(scheme string) []string {
	w.Helper()
	if scheme == "gs" {
		w.env = append(w.env, "STORAGE_EMULATOR_HOST="+objectstore.StartGoogle(w).URL)
	} else {
		w.env = append(w.env, objectstore.Start(w).Env()...)
	}
	return []string{"--store", scheme + "://" + objectstore.Bucket + "/stable", "--refresh", "0"}
}

// TestRepositoryReplicas runs three servers on one bucket: helm reads from one
// what was pushed to another, and of uploads of one version one wins.
func TestRepositoryReplicas(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"s3", "gs"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			replicas(t, scheme)
		})
	}
}

func replicas(t *testing.T, scheme string) {
	t.Helper()
	w := newWorkshop(t)
	store := w.bucket(scheme)
	urls := []string{w.serve(store...), w.serve(store...), w.serve(store...)}
	w.run(w.helm, "create", "web")
	w.run(w.gantry, "chart", "push", "web", urls[0])
	w.run(w.helm, "repo", "add", "local", urls[1])
	w.run(w.helm, "pull", "local/web", "-d", "pulled")
	for round := range 10 {
		var group sync.WaitGroup
		var mu sync.Mutex
		statuses := map[int]int{}
		version := fmt.Sprintf("2.0.%d", round)
		for i, url := range urls {
			data := w.pack("race", version)
			// What follows the end of a gzip member is another content.
			data = append(data, w.pack("race", fmt.Sprintf("3.0.%d", i))...)
			group.Go(func() {
				resp, err := http.Post(url+"/api/charts", "application/gzip", bytes.NewReader(data))
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				statuses[resp.StatusCode]++
			})
		}
		group.Wait()
		if statuses[http.StatusCreated] != 1 || statuses[http.StatusConflict] != 2 {
			t.Errorf("%s: got %v", version, statuses)
		}
	}
	want := w.download(urls[0] + "/index.yaml")
	for _, url := range urls[1:] {
		if !bytes.Equal(w.download(url+"/index.yaml"), want) {
			t.Error("two servers of one bucket have different indexes")
		}
	}
}
