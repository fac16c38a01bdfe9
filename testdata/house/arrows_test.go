package house

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// arrow says what a room must not reach, however long the way.
type arrow struct {
	room string // package path; with /... everything below it too
	ban  string // the same
	why  string
	// save names what of the ban is allowed after all.
	save []string
}

func arrows() []arrow {
	return []arrow{
		{room: "gantry/templates/...", ban: "gantry/...", why: "templates are files, not code", save: []string{"gantry/templates/..."}},
		{room: "gantry/charts/diag", ban: "gantry/...", why: "every room reports diagnostics: they depend on no room", save: []string{"gantry/charts/diag"}},
		{room: "gantry/charts/pattern", ban: "gantry/...", why: "every room has patterns: they depend on no room", save: []string{"gantry/charts/pattern"}},
		{room: "gantry/charts/...", ban: "gantry/convert/...", why: "charts is below convert: a chart need not come from Compose"},
		{room: "gantry/charts/...", ban: "gantry/repo/...", why: "dependencies come through an interface that cmd/cli fills"},
		{room: "gantry/charts/...", ban: "gantry/templates/...", why: "the engine renders what it is given"},
		{room: "gantry/convert/...", ban: "gantry/charts/...", why: "convert needs the chart model, diagnostics and pictures only", save: []string{"gantry/charts", "gantry/charts/diag", "gantry/charts/pattern", "gantry/charts/picture"}},
		{room: "gantry/convert/...", ban: "gantry/repo/...", why: "converting is not publishing"},
		{room: "gantry/convert/...", ban: "gantry/templates/playground", why: "the playground's converter must not hold the converter that was built before it"},
		{room: "gantry/repo/...", ban: "gantry/convert/...", why: "the repository serves charts wherever they come from"},
		{room: "gantry/repo/...", ban: "gantry/charts/...", why: "the repository needs the chart model, archives and pictures, never releases", save: []string{"gantry/charts", "gantry/charts/alias", "gantry/charts/diag", "gantry/charts/archive", "gantry/charts/pattern", "gantry/charts/picture"}},

		{room: "gantry/convert/...", ban: "k8s.io/client-go/...", why: "conversion is offline, and must fit into WebAssembly"},
		{room: "gantry/convert/...", ban: "helm.sh/helm/v3/...", why: "helm brings client-go and the registry client along"},
		{room: "gantry/convert", ban: "gantry/convert/report", why: "a report looks at a conversion and takes no part in it"},
		{room: "gantry/convert/helm", ban: "gantry/convert/report", why: "a report looks at a conversion and takes no part in it"},
		{room: "gantry/convert/...", ban: "sigs.k8s.io/kustomize/...", why: "overlays are differences of objects: kustomize checks them in tests only"},
		{room: "gantry/convert", ban: "github.com/google/go-containerregistry/...", why: "only convert/registry asks registries: the rest is a function of files"},
		{room: "gantry/convert/helm", ban: "github.com/google/go-containerregistry/...", why: "only convert/registry asks registries: the rest is a function of files"},
		{room: "gantry/convert/kustomize", ban: "github.com/compose-spec/...", why: "overlays are made of objects alone"},
		{room: "gantry/convert/workload", ban: "github.com/compose-spec/...", why: "the model stands between Compose and Kubernetes: the rules are the only way in"},
		{room: "gantry/convert/manifest", ban: "github.com/compose-spec/...", why: "objects are built from the model alone"},
		{room: "gantry/charts", ban: "net/http", why: "the nouns are values: they fetch nothing"},
		{room: "gantry/charts", ban: "k8s.io/...", why: "the nouns are values: they talk to nobody"},
		{room: "gantry/repo", ban: "net/http", why: "the index is a wire format: the client and the server do the talking"},
		{room: "gantry/repo/...", ban: "k8s.io/...", why: "the repository never talks to a cluster"},

		{room: "gantry/...", ban: "helm.sh/helm/v3/pkg/action", why: "it brings kubectl along, whose tables every start would fill"},
		{room: "gantry/...", ban: "helm.sh/helm/v3/pkg/lint/...", why: "every start would compile the patterns of a library that validates everything"},
		{room: "gantry/...", ban: "helm.sh/helm/v3/pkg/kube", why: "it brings kubectl along, whose tables every start would fill"},
		{room: "gantry/...", ban: "k8s.io/kubectl/pkg/scheme", why: "every start would fill a second table of all kinds"},
		{room: "gantry/...", ban: "github.com/microcosm-cc/bluemonday", why: "every start would compile its patterns for CSS"},
	}
}

func TestArrows(t *testing.T) {
	graph := imports(t)
	for _, a := range arrows() {
		t.Run(strings.ReplaceAll(a.room+" to "+a.ban, "/", "."), func(t *testing.T) {
			rooms := 0
			for _, pkg := range slices.Sorted(maps.Keys(graph)) {
				if !within(pkg, a.room) {
					continue
				}
				rooms++
				if way := graph.way(pkg, a.forbids); way != nil {
					t.Errorf("%s: %s", strings.Join(way, " -> "), a.why)
				}
			}
			if rooms == 0 {
				t.Errorf("no package matches %s: the ban guards nothing", a.room)
			}
		})
	}
}

func TestNobodyImportsTheCommandLine(t *testing.T) {
	graph := imports(t)
	command := func(pkg string) bool { return within(pkg, "gantry/cmd/...") }
	for _, pkg := range slices.Sorted(maps.Keys(graph)) {
		if command(pkg) {
			continue
		}
		if way := graph.way(pkg, command); way != nil {
			t.Errorf("%s: flags and streams stay at the edge", strings.Join(way, " -> "))
		}
	}
}

// forbids reports whether the arrow's room must not reach a package.
func (a arrow) forbids(pkg string) bool {
	return within(pkg, a.ban) && !slices.ContainsFunc(a.save, func(s string) bool { return within(pkg, s) })
}

// within reports whether a package is the pattern, or lies below it when that
// ends in /...
func within(pkg, pattern string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == root || strings.HasPrefix(pkg, root+"/")
	}
	return pkg == pattern
}

// importGraph maps every package that gantry is made of to what it imports.
type importGraph map[string][]string

// imports reads the graph from the go command, for the code that ships: tests
// may cross rooms.
func imports(t *testing.T) importGraph {
	t.Helper()
	graph := importGraph{}
	for p := range listPackages(t, "-deps") {
		graph[p.ImportPath] = p.Imports
	}
	return graph
}

// way returns the shortest chain of imports from a package to one that is
// forbidden, or nil.
func (g importGraph) way(from string, forbidden func(string) bool) []string {
	cameFrom := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g[queue[0]] {
			if _, seen := cameFrom[next]; seen {
				continue
			}
			cameFrom[next] = queue[0]
			if forbidden(next) {
				var way []string
				for at := next; at != ""; at = cameFrom[at] {
					way = append(way, at)
				}
				slices.Reverse(way)
				return way
			}
			queue = append(queue, next)
		}
	}
	return nil
}
