package engine

import (
	"math/rand/v2"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestLookNeverAcceptsTooMuch changes a document in many small ways and wants the
// look at the lines never to accept what the decoder refuses or reads otherwise.
func TestLookNeverAcceptsTooMuch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{" ", "  ", "-", "- ", ": ", ":", "#", " #", "'", "\"", "|", ">", "[", "]", "{}", ",", "a", "1", ".", "!", "&", "*", "?", "%", "~", "\n", "\n  ", "\n- ", "kind: B\n", "null", "<<"}
	accepted := 0
	for range 30_000 {
		text := plainDocument
		for range 1 + random.IntN(3) {
			at := random.IntN(len(text))
			end := min(len(text), at+random.IntN(4))
			part := parts[random.IntN(len(parts))]
			if random.IntN(4) == 0 {
				lines := strings.SplitAfter(text, "\n")
				part = lines[random.IntN(len(lines))]
				at = strings.LastIndex(text[:at], "\n") + 1
				end = at
			}
			text = text[:at] + part + text[end:]
		}
		var l look
		if !l.document(text) {
			continue
		}
		accepted++
		var want head
		if err := yaml.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("the decoder says %v of:\n%s", err, text)
		}
		if want.Kind != l.head.Kind || want.APIVersion != l.head.APIVersion || want.Metadata.Name != l.head.Metadata.Name || want.Metadata.Annotations["helm.sh/hook"] != l.head.Metadata.Annotations["helm.sh/hook"] {
			t.Fatalf("got %+v, want %+v of:\n%s", l.head, want, text)
		}
	}
	if accepted < 1000 {
		t.Errorf("only %d documents were accepted: this tries nothing", accepted)
	}
}
