package helm_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestAppVersion: the version of a chart's application is that of what people use, and not
// that of a proxy, a database or a tool that is not even installed.
func TestAppVersion(t *testing.T) {
	const tool, proxy, parts, database = `
  admin: {image: adminer:5, ports: ["8081:8080"]}`, `
  edge: {image: traefik:3.2, ports: ["80:80"]}`, `
  front: {image: acme/front:2.3.1, ports: ["8080:80"]}
  worker: {image: acme/worker:2.3.1}
  site: {image: acme/site:2.3.1, expose: ["3000"]}`, `
  data: {image: postgres:17.2}`
	for _, c := range []struct {
		name, services string
		disabled       []string
		want           string
	}{
		{"first of those that are reached", tool + proxy, nil, "5"},
		{"that most of them have", tool + parts, nil, "2.3.1"},
		{"not of what is not installed", tool + parts, []string{"admin"}, "2.3.1"},
		{"of what is not installed alone", tool, []string{"admin"}, "5"},
		{"of the parts, not of the proxy", proxy + parts + database, nil, "2.3.1"},
		{"of what is reached, not of the database", proxy + database, nil, "3.2"},
		{"of the database where there is nothing else", database, nil, "17.2"},
		{"of the chart where none is known", "\n  a: {image: acme/a}", nil, "0.1.0"},
	} {
		app, err := convertArchive(t, txtar.Parse([]byte("-- compose.yaml --\nname: shop\nservices:"+c.services+"\n")))
		if err != nil {
			t.Fatal(err)
		}
		source := app.chart()
		source.Disabled = c.disabled
		if got := string(content(t, chartFiles(t, source), "Chart.yaml")); !strings.Contains(got, "\nappVersion: \""+c.want+"\"\n") {
			t.Errorf("%s: want %s in\n%s", c.name, c.want, got)
		}
	}
}

// TestNotesSayHowToReachIt: the notes name the way in that the values open, and one alone.
func TestNotesSayHowToReachIt(t *testing.T) {
	app, err := convertArchive(t, txtar.Parse([]byte(shopSource)))
	if err != nil {
		t.Fatal(err)
	}
	c := loadedOf(t, app)
	ways := []string{
		"web: http://shop.example.org/\n", "web: https://shop.example.org/\n", "web: shop.example.net, through the Gateway\n", "web: any host of the Gateway\n",
		"and then the external address, port 3000\n", "web: the address of any node", "and then localhost:3000\n",
	}
	const hosts = `web.ingress.hosts=[{"host":"shop.example.org","paths":[]}]`
	for _, way := range []struct {
		set  []string
		want string
	}{
		{nil, ways[6]},
		{[]string{`web.service.type="NodePort"`}, ways[5]},
		{[]string{`web.service.type="LoadBalancer"`}, ways[4]},
		{[]string{`web.httpRoute.enabled=true`, `web.service.type="NodePort"`}, ways[3]},
		{[]string{`web.httpRoute.enabled=true`, `web.httpRoute.hostnames=["shop.example.net"]`}, ways[2]},
		{[]string{`web.ingress.enabled=true`, `web.httpRoute.enabled=true`, hosts}, ways[0]},
		{[]string{`web.ingress.enabled=true`, `web.ingress.tls=[{"hosts":["shop.example.org"]}]`, hosts}, ways[1]},
	} {
		values := map[string]any{}
		for _, setting := range way.set {
			path, text, _ := strings.Cut(setting, "=")
			merge(values, nested(path, fromJSON(t, text)))
		}
		documents, err := render(c, app.name, values)
		if err != nil {
			t.Fatalf("%v: %v", way.set, err)
		}
		for _, line := range ways {
			if got := strings.Contains(documents["templates/NOTES.txt"], line); got != (line == way.want) {
				t.Errorf("%v: %q is there: %v, in\n%s", way.set, line, got, documents["templates/NOTES.txt"])
			}
		}
	}
}
