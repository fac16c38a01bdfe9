package convert_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"

	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

// shapes are how the services of a benchmark depend on each other.
func shapes() map[string]func(i, n int) []int {
	return map[string]func(i, n int) []int{
		"flat":  func(int, int) []int { return nil },
		"chain": func(i, _ int) []int { return []int{i - 1} },
		"layered": func(i, _ int) []int { // each on all of the layer below
			const layer = 8
			var below []int
			for n := i/layer*layer - layer; n >= 0 && len(below) < layer; n++ {
				below = append(below, n)
			}
			return below
		},
	}
}

// BenchmarkConvert converts applications of many services to YAML.
// BenchmarkComposeLoad is the same work up to compose-go's model: the measure of
// what gantry adds.
func BenchmarkConvert(b *testing.B) {
	eachSize(b, func(b *testing.B, file string) {
		b.Helper()
		for b.Loop() {
			result, err := convert.Convert(b.Context(), compose.Source{Files: []string{file}, WorkingDir: filepath.Dir(file)}, rules.Options{})
			if err != nil {
				b.Fatal(err)
			}
			if err := manifest.Write(io.Discard, result.Objects); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkComposeLoad(b *testing.B) {
	eachSize(b, func(b *testing.B, file string) {
		b.Helper()
		for b.Loop() {
			opts, err := cli.NewProjectOptions([]string{file}, cli.WithConsistency(false), cli.WithoutEnvironmentResolution)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := opts.LoadProject(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func eachSize(b *testing.B, run func(b *testing.B, file string)) {
	b.Helper()
	for _, n := range []int{3, 100, 1000} {
		for name, depends := range shapes() {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				file := filepath.Join(b.TempDir(), "compose.yaml")
				if err := os.WriteFile(file, []byte(application(n, depends)), 0o600); err != nil {
					b.Fatal(err)
				}
				b.ReportAllocs()
				run(b, file)
			})
		}
	}
}

// application writes a Compose file of n services.
func application(n int, depends func(i, n int) []int) string {
	var b strings.Builder
	b.WriteString("name: bench\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, "  s%d:\n    image: registry.example.com/team/app:%d\n    ports: [\"%d:80\"]\n", i, i, 10000+i)
		fmt.Fprintf(&b, "    environment: {A: \"1\", URL: \"http://s%d\", API_TOKEN: x%d}\n    volumes: [\"v%d:/data\"]\n", i, i, i)
		b.WriteString("    healthcheck: {test: [CMD, \"true\"], interval: 10s}\n    deploy: {resources: {limits: {memory: 64M}}}\n")
		var names []string
		for _, d := range depends(i, n) {
			if d >= 0 {
				names = append(names, fmt.Sprintf("s%d", d))
			}
		}
		fmt.Fprintf(&b, "    depends_on: [%s]\n", strings.Join(names, ", "))
	}
	b.WriteString("volumes:\n")
	for i := range n {
		fmt.Fprintf(&b, "  v%d: {}\n", i)
	}
	return b.String()
}
