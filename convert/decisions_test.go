package convert_test

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// decisions is how many decisions the mapping of Compose to Kubernetes makes.
const decisions = 34

// TestEveryDecisionHasACase wants a case that says "Decision N: TEXT" for each decision
// of the mapping, so that whoever changes one finds what shows it.
func TestEveryDecisionHasACase(t *testing.T) {
	line := regexp.MustCompile(`(?m)^Decision ([0-9]+(?:, [0-9]+)*): `)
	shown := map[int]bool{}
	for _, pattern := range []string{"../testdata/convert/*.txtar", "../testdata/chart/*.txtar"} {
		for _, name := range glob(t, pattern) {
			for _, m := range line.FindAllStringSubmatch(read(t, name), -1) {
				for text := range strings.SplitSeq(m[1], ", ") {
					n, err := strconv.Atoi(text)
					if err != nil || n < 1 || n > decisions {
						t.Errorf("%s: there is no decision %s", name, text)
					}
					shown[n] = true
				}
			}
		}
	}
	for n := 1; n <= decisions; n++ {
		if !shown[n] {
			t.Errorf("no case shows decision %d", n)
		}
	}
}
