package helm_test

import (
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestAppVersion: the version of a chart's application is that of its own services, and not
// that of a proxy, a database or a tool; where that cannot be told, there is none.
func TestAppVersion(t *testing.T) {
	const tool, proxy, parts, database, built = `
  admin: {image: adminer:5, ports: ["8081:8080"]}`, `
  edge: {image: traefik:3.2, ports: ["80:80"]}`, `
  front: {image: acme/front:2.3.1, expose: ["8080"]}
  worker: {image: acme/worker:2.3.1}
  docs: {image: acme/docs:7, ports: ["3000:3000"]}`, `
  data: {image: postgres:17.2}`, `
  web: {build: ., ports: ["8080:80"]}`
	for _, c := range []struct {
		name, services string
		disabled       []string
		want           string
	}{
		{"that most of them have", tool + parts, nil, "2.3.1"},
		{"of what is not installed alone", tool, []string{"admin"}, "5"},
		{"of the parts, not of the proxy", proxy + parts + database, nil, "2.3.1"},
		{"of the database that the application is called for", tool + "\n  store: {image: bitnami/shop:17.2, volumes: ['data:/var/lib/mysql']}" + database, nil, "17.2"},
		{"of the proxy, not of the database", "\n  edge: {image: traefik:3.2}" + database, nil, "3.2"},
		{"of the database where there is nothing else", database, nil, "17.2"},
		{"of a database by its folder", "\n  data: {image: acme/data:4, volumes: ['data:/var/lib/mysql'], ports: ['1:1']}\n  app: {image: acme/app:2}", nil, "2"},
		{"of what is installed", "\n  tool: {image: acme/tool:1, ports: ['1:1']}\n  app: {image: acme/app:2}", []string{"tool"}, "2"},
		{"of what is reached", "\n  tool: {image: acme/tool:1}\n  app: {image: acme/app:2, ports: ['1:1']}", nil, "2"},
		{"of what is called as the application", "\n  web: {image: acme/ui:9, ports: ['1:1']}\n  api: {image: acme/shop-server:2}", nil, "2"},
		{"of what is called so, and not of its parts", "\n  shop: {image: acme/server:2}\n  shop-ui: {image: acme/ui:9, ports: ['1:1'], depends_on: [shop]}", nil, "2"},
		{"none behind a proxy", "\n  edge: {image: nginx, ports: ['80:80'], depends_on: [a]}\n  a: {image: acme/a:1}\n  b: {image: acme/b:2, ports: ['1:1'], depends_on: [a]}\n  c: {image: acme/c:3, depends_on: [a]}", nil, ""},
		{"of what nobody depends on", "\n  tool: {image: acme/tool:1}\n  app: {image: acme/app:2, depends_on: [tool]}", nil, "2"},
		{"none where two may be it", "\n  a: {image: acme/a:1}\n  b: {image: acme/b:2}", nil, ""},
		{"none of what is built beside tools", tool + parts + built + database, nil, ""},
		{"of a label of what is built", database + strings.TrimSuffix(built, "}") + ", labels: {org.opencontainers.image.version: '1.2'}}", nil, "1.2"},
		{"none of a database that is built", "\n  postgres: {build: .}\n  app: {image: acme/app:2}", nil, "2"},
		{"none of a language", "\n  app: {image: 'node:22'}" + database, nil, ""},
		{"none of what is newest", "\n  app: {image: acme/a:stable}" + database, nil, ""},
		{"none where none is known", "\n  a: {image: acme/a}", nil, ""},
	} {
		app, err := convertArchive(t, txtar.Parse([]byte("-- compose.yaml --\nname: shop\nservices:"+c.services+"\nvolumes: {data: {}}\n")))
		if err != nil {
			t.Fatal(err)
		}
		source := app.chart()
		source.Disabled = c.disabled
		metadata := string(content(t, chartFiles(t, source), "Chart.yaml"))
		_, rest, _ := strings.Cut(metadata, "\nappVersion: ")
		got, _, _ := strings.Cut(rest, "\n")
		if strings.Trim(got, `"`) != c.want {
			t.Errorf("%s: want %q in\n%s", c.name, c.want, metadata)
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

// TestNotesNameAServiceOnce: a Service that is another name for a service is not told of
// beside that of its own name.
func TestNotesNameAServiceOnce(t *testing.T) {
	app, err := convertArchive(t, txtar.Parse([]byte(`-- compose.yaml --
services:
  web:
    image: acme/web
    container_name: a-web
    ports: ["80:80"]
    networks: {default: {aliases: [front]}}
  app: {image: acme/app, environment: {A: "http://a-web", B: "http://front"}}
`)))
	if err != nil {
		t.Fatal(err)
	}
	notes := string(content(t, chartFiles(t, app.chart()), "templates/NOTES.txt"))
	if got := strings.Count(notes, "kubectl port-forward"); got != 1 || !strings.Contains(notes, "\n  web: kubectl port-forward") {
		t.Errorf("%d Services are told of, and not web alone, in\n%s", got, notes)
	}
}
