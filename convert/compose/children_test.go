package compose

import (
	"maps"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestChildren holds the children of an origin against a map, few and many.
func TestChildren(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		c, want := &children{}, map[string]*origin{}
		for range random.IntN(4 * maxFew) {
			key, o := strconv.Itoa(random.IntN(2*maxFew)), &origin{text: strconv.Itoa(random.Int())}
			if random.IntN(4) == 0 {
				c.remove(key)
				delete(want, key)
				continue
			}
			c.set(key, o)
			want[key] = o
			if c.get(key) != o {
				t.Fatalf("%s is not what was set", key)
			}
		}
		same := cmp.Comparer(func(a, b *origin) bool { return a == b })
		if diff := cmp.Diff(want, maps.Collect(c.all()), same); diff != "" || c.len() != len(want) {
			t.Fatalf("%d children (-want +got):\n%s", c.len(), diff)
		}
		for key, o := range c.clone().all() {
			if o == want[key] || o.text != want[key].text {
				t.Fatalf("%s of the clone is %p %v, and was %p %v", key, o, o, want[key], want[key])
			}
		}
	}
}
