package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

// TestFind looks for objects among others of a namespace: a page of a list is worth its
// cost as long as many in it are wanted.
func TestFind(t *testing.T) {
	for _, test := range []struct {
		name string
		// there are so many objects, of which every so-many-eth is wanted, and so many more
		// that are not there.
		there, each, absent int
		lists, gets         int32
	}{
		{"few", 2000, 1000, 0, 0, 2},
		{"all", 1600, 1, 0, 4, 0},
		{"all, and some that are gone", 1600, 1, 30, 4, 0},
		{"one in a hundred", 2000, 100, 0, 1, 15},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lists, gets atomic.Int32
			mux := http.NewServeMux()
			const path = "/api/v1/namespaces/prod/configmaps"
			object := func(i int) string {
				return fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c%d","namespace":"prod"}}`, i)
			}
			mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
				lists.Add(1)
				w.Header().Set("Content-Type", "application/json")
				first, _ := strconv.Atoi(r.URL.Query().Get("continue"))
				end := min(first+page, test.there)
				next := ""
				if end < test.there {
					next = strconv.Itoa(end)
				}
				fmt.Fprintf(w, `{"apiVersion":"v1","kind":"ConfigMapList","metadata":{"continue":%q},"items":[`, next)
				for i := first; i < end; i++ {
					if i > first {
						fmt.Fprint(w, ",")
					}
					fmt.Fprint(w, object(i))
				}
				fmt.Fprint(w, "]}")
			})
			mux.HandleFunc("GET "+path+"/{name}", func(w http.ResponseWriter, r *http.Request) {
				gets.Add(1)
				w.Header().Set("Content-Type", "application/json")
				var i int
				if _, err := fmt.Sscanf(r.PathValue("name"), "c%d", &i); err != nil || i >= test.there {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				fmt.Fprint(w, object(i))
			})
			server := httptest.NewServer(mux)
			defer server.Close()
			client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL, QPS: -1})
			if err != nil {
				t.Fatal(err)
			}
			g := group{schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}, "prod"}
			w := &wanted{client: client.Resource(g.resource).Namespace(g.namespace), group: g, places: map[string][]int{}}
			want := 0
			for i := 0; i < test.there; i += test.each {
				w.places[fmt.Sprintf("c%d", i)] = []int{want}
				want++
			}
			for i := range test.absent {
				w.places[fmt.Sprintf("c%d", test.there+i)] = []int{want + i}
			}
			live := make([]*unstructured.Unstructured, want+test.absent)
			if err := w.find(t.Context(), live); err != nil {
				t.Fatal(err)
			}
			for name, places := range w.places {
				if found := live[places[0]]; places[0] < want && (found == nil || found.GetName() != name) || places[0] >= want && found != nil {
					t.Errorf("%s is %v", name, found)
				}
			}
			if lists.Load() != test.lists || gets.Load() != test.gets {
				t.Errorf("it took %d lists and %d questions, want %d and %d", lists.Load(), gets.Load(), test.lists, test.gets)
			}
		})
	}
}
