package pages

import (
	"hash/fnv"
	"strings"
)

// command is something to type.
type command struct{ Name, Text string }

// Parts are what comes before the options and each option without its dashes: no line
// ends within one of them.
func (c command) Parts() []string { return strings.Split(c.Text, " --") }

// setUp is how a visitor comes to use the repository.
func (s site) setUp() []command {
	return []command{
		{"Gantry", "gantry repo add " + s.Alias + " " + s.URL},
		{"Helm", "helm repo add " + s.Alias + " " + s.URL},
	}
}

// firstChart is how an empty repository gets its first chart.
func (s site) firstChart(depth int) []command {
	publish := command{"Publish it", "gantry chart push mychart " + s.URL}
	if depth > 0 {
		publish = command{"Publish it to a repository of its own", publish.Text + "/team" + strings.Repeat("/stable", depth-1)}
	}
	return []command{{"Make a chart of compose.yaml", "gantry chart create -o mychart"}, publish}
}

// install is how a visitor installs a version of a chart.
func (s site) install(name, version string) []command {
	release := releaseName(name)
	oci := "helm install " + release + " " + s.OCI + "/" + name + " --version " + version
	if strings.HasPrefix(s.URL, "http:") {
		oci += " --plain-http"
	}
	return []command{
		{"Once", "gantry repo add " + s.Alias + " " + s.URL},
		{"Gantry", "gantry install " + release + " " + s.Alias + "/" + name + " --version " + version},
		{"Helm", "helm install " + release + " " + s.Alias + "/" + name + " --version " + version},
		{"OCI, without adding anything", oci},
	}
}

// depend is how another chart comes to use a library.
func (s site) depend(name, version string) []command {
	return []command{
		{"In Chart.yaml of a chart", "dependencies:\n- name: " + name + "\n  version: " + version + "\n  repository: " + s.URL},
		{"Gantry", "gantry chart deps update mychart"},
		{"Helm", "helm dependency update mychart"},
	}
}

// Initial is the letter that stands for the chart in a list.
func (c *Card) Initial() string { return initial(c.Name) }

// Hue is the number of the colour that the letter has: the same for a name
// everywhere.
func (c *Card) Hue() int { return hue(c.Name) }

func (c *chartPage) Initial() string { return initial(c.Shown.Name) }

func (c *chartPage) Hue() int { return hue(c.Shown.Name) }

func initial(name string) string {
	for _, r := range name {
		return string(r)
	}
	return ""
}

// hues is how many colours the style sheet has.
const hues = 10

func hue(name string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return int(h.Sum32() % hues)
}
