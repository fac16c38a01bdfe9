package engine

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	goyaml "go.yaml.in/yaml/v2"
	"helm.sh/helm/v3/pkg/chartutil"
)

// What most charts hand to toYaml spares the library.
func TestObviousIsWhatPeopleWrite(t *testing.T) {
	for _, text := range []string{
		"nginx", "/health", "100m", "128Mi", "2G", "registry.example/team/web", "postgres://db.example/shop", "RuntimeDefault", "example.com:8080/x_y", "t0",
	} {
		if !obviousText(text) {
			t.Errorf("%s is left to the library", text)
		}
	}
	value := map[string]any{
		"capabilities": map[string]any{"drop": []any{"ALL"}}, "readOnlyRootFilesystem": true, "runAsUser": int64(1000),
		"limits": map[string]any{"cpu": 0.5, "memory": "128Mi"}, "app.kubernetes.io/name": nil, "empty": map[string]any{}, "none": []any{},
		"items": []any{map[string]any{"key": "a", "path": "b"}, []any{"c", []any{1}}, chartutil.Values{"d": chartutil.Values{"e": "f"}}},
	}
	got, ok := obvious(value)
	if !ok {
		t.Error("the value is left to the library")
	}
	if diff := cmp.Diff(byLibrary(t, value), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func byLibrary(t *testing.T, value any) string {
	t.Helper()
	want, err := goyaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(want)
}

// Whatever is obvious, the library writes alike.
func TestObviousAsTheLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const values = 20_000
	written := 0
	for range values {
		value := randomValue(random, 0)
		got, ok := obvious(value)
		if !ok {
			continue
		}
		written++
		if diff := cmp.Diff(byLibrary(t, value), got); diff != "" {
			t.Fatalf("%#v (-want +got):\n%s", value, diff)
		}
	}
	if written < values/4 {
		t.Errorf("only %d of %d values were obvious", written, values)
	}
}

// randomValue returns a value of a chart. Most words are harmless.
func randomValue(random *rand.Rand, depth int) any {
	const deep = 4
	switch kind := random.IntN(10); {
	case kind < 3 && depth < deep:
		m := map[string]any{}
		for range random.IntN(5) {
			m[randomWord(random)] = randomValue(random, depth+1)
		}
		return m
	case kind < 4 && depth < deep:
		list := []any{}
		for range random.IntN(4) {
			list = append(list, randomValue(random, depth+1))
		}
		return list
	case kind < 5:
		return []any{nil, true, 5, int64(-7), 0.5, 1e-5, 99999.25, -0.001, 1e21}[random.IntN(9)]
	default:
		return randomWord(random)
	}
}

func randomWord(random *rand.Rand) string {
	if random.IntN(20) > 0 {
		return []string{"name", "app.kubernetes.io/name", "Zed", "a_b", "aB", "a-b", "ab", "abc", "A", "a/b", "/", "x:y", "10m", "5Ki"}[random.IntN(14)]
	}
	var word strings.Builder
	for range random.IntN(6) {
		word.WriteByte("aeEnoyxTi019-._/:# ~"[random.IntN(20)])
	}
	return word.String()
}
