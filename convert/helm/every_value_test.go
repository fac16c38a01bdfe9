package helm_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"helm.sh/helm/v3/pkg/chartutil"

	"gantry/charts"
	"gantry/testdata/strict"
)

// shopSource is an application of the usual kind: a site, a database and a worker.
const shopSource = `
-- compose.yaml --
name: shop
services:
  web:
    image: ghcr.io/acme/shop:1.4.0
    ports: ["8080:3000"]
    environment: {LOG_LEVEL: info, DATABASE_PASSWORD: s3cret}
    healthcheck: {test: curl -f http://localhost:3000/healthz}
    depends_on: [db]
  db:
    image: postgres:17
    environment: {POSTGRES_PASSWORD: s3cret}
    healthcheck: {test: [CMD, pg_isready]}
    volumes: ["data:/var/lib/postgresql/data"]
  worker:
    image: ghcr.io/acme/shop:1.4.0
    volumes: ["cache:/cache"]
volumes: {data: {}, cache: {}}
`

// TestEveryValue sets each value that people change, and looks where it should be.
func TestEveryValue(t *testing.T) {
	app, err := convertArchive(t, txtar.Parse([]byte(shopSource)))
	if err != nil {
		t.Fatal(err)
	}
	c := loadedOf(t, app)
	const (
		web       = "Deployment web"
		db        = "StatefulSet db"
		pod       = "spec.template.spec."
		container = "spec.template.spec.containers.0."
	)
	for _, tt := range []struct {
		set    string // PATH=JSON, several with && between
		object string
		at     string // % stands for a dot in a key
		want   string // JSON
	}{
		{`web.image.registry="mirror.example.com"`, web, container + "image", `"mirror.example.com/acme/shop:1.4.0"`},
		{`global.imageRegistry="mirror.example.com"`, db, container + "image", `"mirror.example.com/postgres:17"`},
		{`web.image.repository="acme/site"`, web, container + "image", `"ghcr.io/acme/site:1.4.0"`},
		{`web.image.tag="2.0"`, web, container + "image", `"ghcr.io/acme/shop:2.0"`},
		{`web.image.digest="sha256:abc"`, web, container + "image", `"ghcr.io/acme/shop:1.4.0@sha256:abc"`},
		{`web.image.pullPolicy="Always"`, web, container + "imagePullPolicy", `"Always"`},
		{`global.imagePullSecrets=[{"name":"pull"}]`, web, pod + "imagePullSecrets", `[{"name":"pull"}]`},
		{`web.replicas=3`, web, "spec.replicas", `3`},
		{`web.replicas=0`, web, "spec.replicas", `0`},
		{`web.resources={"requests":{"cpu":"100m","memory":"64Mi"}}`, web, container + "resources", `{"requests":{"cpu":"100m","memory":"64Mi"}}`},
		{`web.env.LOG_LEVEL="debug"`, web, container + "env.0", `{"name":"LOG_LEVEL","value":"debug"}`},
		{`web.env.RETRIES=1000000`, web, container + "env.1", `{"name":"RETRIES","value":"1000000"}`},
		{`web.env.LOG_LEVEL=null`, web, container + "env.0.name", `"DATABASE_PASSWORD"`},
		{`web.extraEnv=[{"name":"NODE","valueFrom":{"fieldRef":{"fieldPath":"spec.nodeName"}}}]`, web, container + "env.2.valueFrom.fieldRef.fieldPath", `"spec.nodeName"`},
		{`web.extraEnvFrom=[{"secretRef":{"name":"more"}}]`, web, container + "envFrom", `[{"secretRef":{"name":"more"}}]`},
		{`secrets.webEnv.data.DATABASE_PASSWORD="other"`, "Secret web-env", "data.DATABASE_PASSWORD", `"other"`},
		{`secrets.webEnv.existingSecret="vault"`, web, container + "env.1.valueFrom.secretKeyRef", `{"key":"DATABASE_PASSWORD","name":"vault"}`},
		{`secrets.webEnv.existingSecret="vault"`, "Secret web-env", "", `null`},
		{`web.service.type="NodePort"`, "Service web", "spec.type", `"NodePort"`},
		{`web.service.type="NodePort" && web.service.nodePorts.tcp3000=30080`, "Service web", "spec.ports.0.nodePort", `30080`},
		{`web.service.ports.tcp3000=80`, "Service web", "spec.ports.0.port", `80`},
		{`web.service.ports.tcp3000=80`, "Pod web-test-health", "spec.containers.0.command.2", `"curl -f http://web:80/healthz"`},
		{`web.service.annotations={"a.example.com/b":"c"}`, "Service web", "metadata.annotations", `{"a.example.com/b":"c"}`},
		{`web.ingress.enabled=true && web.ingress.className="nginx"`, "Ingress web", "spec.ingressClassName", `"nginx"`},
		{`web.ingress.enabled=true && web.ingress.hosts=[{"host":"a.example.com","paths":[{"path":"/"}]}]`, "Ingress web", "spec.rules.0.host", `"a.example.com"`},
		{`web.ingress.enabled=true && web.ingress.tls=[{"secretName":"a","hosts":["a.example.com"]}]`, "Ingress web", "spec.tls.0.secretName", `"a"`},
		{`web.httpRoute.enabled=true && web.httpRoute.parentRefs=[{"name":"gateway"}]`, "HTTPRoute web", "spec.parentRefs", `[{"name":"gateway"}]`},
		{`web.httpRoute.enabled=true && web.httpRoute.hostnames=["a.example.com"]`, "HTTPRoute web", "spec.hostnames", `["a.example.com"]`},
		{`db.persistence.data.size="20Gi"`, db, "spec.volumeClaimTemplates.0.spec.resources.requests.storage", `"20Gi"`},
		{`db.persistence.data.storageClass="fast"`, db, "spec.volumeClaimTemplates.0.spec.storageClassName", `"fast"`},
		{`db.persistence.data.existingClaim="mine"`, db, pod + "volumes.0.persistentVolumeClaim.claimName", `"mine"`},
		{`db.persistence.data.enabled=false`, db, pod + "volumes.0.emptyDir", `{}`},
		{`global.storageClass="fast"`, db, "spec.volumeClaimTemplates.0.spec.storageClassName", `"fast"`},
		{`web.readinessProbe.periodSeconds=7`, web, container + "readinessProbe.periodSeconds", `7`},
		{`web.readinessProbe=null`, web, container + "readinessProbe", `null`},
		{`web.livenessProbe=null`, web, container + "livenessProbe", `null`},
		{`web.startupProbe={"tcpSocket":{"port":3000}}`, web, container + "startupProbe.tcpSocket.port", `3000`},
		{`web.lifecycle={"preStop":{"sleep":{"seconds":5}}}`, web, container + "lifecycle.preStop.sleep.seconds", `5`},
		{`web.autoscaling.enabled=true && web.autoscaling.maxReplicas=9`, "HorizontalPodAutoscaler web", "spec.maxReplicas", `9`},
		{`web.autoscaling.enabled=true`, web, "spec.replicas", `null`},
		{`web.podDisruptionBudget.enabled=true`, "PodDisruptionBudget web", "spec.maxUnavailable", `1`},
		{`web.podDisruptionBudget.enabled=true && web.podDisruptionBudget.minAvailable="50%"`, "PodDisruptionBudget web", "spec.minAvailable", `"50%"`},
		{`web.nodeSelector={"disk":"ssd"}`, web, pod + "nodeSelector", `{"disk":"ssd"}`},
		{`web.tolerations=[{"key":"a","operator":"Exists"}]`, web, pod + "tolerations", `[{"key":"a","operator":"Exists"}]`},
		{`web.affinity={"nodeAffinity":{}}`, web, pod + "affinity", `{"nodeAffinity":{}}`},
		{`web.topologySpreadConstraints=[{"maxSkew":1,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]`, web, pod + "topologySpreadConstraints.0.topologyKey", `"zone"`},
		{`web.priorityClassName="high"`, web, pod + "priorityClassName", `"high"`},
		{`web.terminationGracePeriodSeconds=0`, web, pod + "terminationGracePeriodSeconds", `0`},
		{`web.podSecurityContext={"runAsNonRoot":true}`, web, pod + "securityContext", `{"runAsNonRoot":true}`},
		{`web.securityContext={"readOnlyRootFilesystem":true}`, web, container + "securityContext", `{"readOnlyRootFilesystem":true}`},
		{`web.extraVolumes=[{"name":"tmp","emptyDir":{}}]`, web, pod + "volumes", `[{"name":"tmp","emptyDir":{}}]`},
		{`web.extraVolumeMounts=[{"name":"tmp","mountPath":"/tmp"}]`, web, container + "volumeMounts", `[{"name":"tmp","mountPath":"/tmp"}]`},
		{`web.extraContainers=[{"name":"proxy","image":"envoy:1"}]`, web, pod + "containers.1.name", `"proxy"`},
		{`web.extraInitContainers=[{"name":"wait","image":"busybox:1"}]`, web, pod + "initContainers.0.name", `"wait"`},
		{`web.podAnnotations={"a.example.com/b":"c"}`, web, "spec.template.metadata.annotations.a%example%com/b", `"c"`},
		{`web.podLabels={"tier":"front"}`, web, "spec.template.metadata.labels.tier", `"front"`},
		{`web.annotations={"a.example.com/b":"c"}`, web, "metadata.annotations.a%example%com/b", `"c"`},
		{`commonLabels={"team":"shop"}`, "Service db", "metadata.labels.team", `"shop"`},
		{`web.strategy={"type":"Recreate"}`, web, "spec.strategy", `{"type":"Recreate"}`},
		{`web.serviceAccount.create=true`, web, pod + "serviceAccountName", `"web"`},
		{`web.serviceAccount.create=true && web.serviceAccount.annotations={"a.example.com/role":"b"}`, "ServiceAccount web", "metadata.annotations", `{"a.example.com/role":"b"}`},
		{`web.serviceAccount.name="robot"`, web, pod + "serviceAccountName", `"robot"`},
		{`web.serviceAccount.automount=true`, web, pod + "automountServiceAccountToken", `true`},
		{`web.networkPolicy.enabled=true && web.networkPolicy.ingress=[{"from":[{"podSelector":{}}]}]`, "NetworkPolicy web", "spec.ingress.1", `{"from":[{"podSelector":{}}]}`},
		{`web.networkPolicy.enabled=true && web.networkPolicy.egress=[{}]`, "NetworkPolicy web", "spec.egress", `[{}]`},
		{`db.enabled=false`, db, "", `null`},
		{`tests.enabled=false`, "Pod db-test-health", "", `null`},
		{`tests.health.resources.limits.memory="1Gi"`, "Pod db-test-health", "spec.containers.0.resources.limits.memory", `"1Gi"`},
		{`fullnameOverride="blue"`, "Deployment blue-web", "metadata.name", `"blue-web"`},
		{`fullnameOverride="blue"`, "Pod blue-db-test-health", "spec.containers.0.command", `["pg_isready","-h","blue-db","-p","5432"]`},
		{`extraObjects=["apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n"]`, "ConfigMap shop", "metadata.name", `"shop"`},
	} {
		values := map[string]any{}
		for setting := range strings.SplitSeq(tt.set, " && ") {
			path, text, _ := strings.Cut(setting, "=")
			merge(values, nested(path, fromJSON(t, text)))
		}
		documents, tests, err := renderWithTests(c, app.name, values)
		maps.Copy(documents, tests)
		if err != nil {
			t.Errorf("%s: %v", tt.set, err)
			continue
		}
		for name, text := range documents {
			if err := strict.Decode(text); err != nil && strings.HasSuffix(name, ".yaml") {
				t.Errorf("%s: %s: %v", tt.set, name, err)
			}
		}
		got := strict.Plain(objects(t, documents))[tt.object]
		if tt.at != "" {
			got = reach(got, strings.Split(tt.at, "."))
		}
		if want := fromJSON(t, tt.want); !reflect.DeepEqual(fromJSON(t, asJSON(t, got)), want) {
			t.Errorf("%s: %s of %s is %s, want %s", tt.set, tt.at, tt.object, asJSON(t, got), tt.want)
		}
	}
}

// TestBudgetsAreSaidEitherWay: of the two fields of a PodDisruptionBudget the application has
// one, and values may choose the other.
func TestBudgetsAreSaidEitherWay(t *testing.T) {
	app, err := convertArchive(t, txtar.Parse([]byte("-- compose.yaml --\nname: shop\nservices:\n  web: {image: acme/web:1, deploy: {replicas: 3}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	c := loadedOf(t, app)
	for set, want := range map[string]map[string]any{
		`{}`:                        {"maxUnavailable": 1.0},
		`{"maxUnavailable": "40%"}`: {"maxUnavailable": "40%"},
		`{"minAvailable": 0}`:       {"minAvailable": 0.0},
		`{"minAvailable": "50%", "maxUnavailable": null}`: {"minAvailable": "50%"},
		`{"minAvailable": null, "maxUnavailable": 2}`:     {"maxUnavailable": 2.0},
	} {
		documents, err := render(c, app.name, nested("web.podDisruptionBudget", fromJSON(t, set)))
		if err != nil {
			t.Errorf("%s: %v", set, err)
			continue
		}
		spec, _ := reach(objects(t, documents)["PodDisruptionBudget web"], []string{"spec"}).(map[string]any)
		delete(spec, "selector")
		if diff := cmp.Diff(want, spec); diff != "" {
			t.Errorf("%s (-want +got):\n%s", set, diff)
		}
	}
}

// reach returns what is at a path of keys and indexes, or nil.
func reach(node any, path []string) any {
	for _, key := range path {
		switch n := node.(type) {
		case map[string]any:
			node = n[strings.ReplaceAll(key, "%", ".")]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(n) {
				return nil
			}
			node = n[i]
		default:
			return nil
		}
	}
	return node
}

func fromJSON(t *testing.T, text string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestDependency makes a chart the dependency of another, twice: under its own name
// and under an alias.
func TestDependency(t *testing.T) {
	app, err := convertArchive(t, txtar.Parse([]byte(shopSource)))
	if err != nil {
		t.Fatal(err)
	}
	parent := []charts.File{
		{Name: "Chart.yaml", Data: []byte(`apiVersion: v2
name: parent
version: 1.0.0
dependencies:
  - {name: shop, version: 0.1.0, condition: shop.enabled}
  - {name: shop, version: 0.1.0, alias: second, condition: second.enabled, tags: [more]}
`)},
		{Name: "values.yaml", Data: []byte("tags: {more: true}\nglobal: {imageRegistry: mirror.example.com}\nsecond: {fullnameOverride: two, tags: {}}\n")},
	}
	for _, f := range chartOf(t, app) {
		parent = append(parent, charts.File{Name: "charts/shop/" + f.Name, Data: f.Data})
	}
	for _, c := range []struct {
		values       string
		shop, second bool
	}{
		{`{}`, true, true},
		{`{"shop": {"enabled": false}}`, false, true},
		{`{"second": {"enabled": false}}`, true, false},
		{`{"tags": {"more": false}}`, true, false},
		{`{"tags": {"more": false}, "second": {"enabled": true}}`, true, true},
	} {
		loaded, values := load(t, parent), fromJSON(t, c.values).(map[string]any)
		if err := chartutil.ProcessDependencies(loaded.Chart, values); err != nil {
			t.Fatal(err)
		}
		documents, err := render(loaded, "r", values)
		if err != nil {
			t.Errorf("%s: %v", c.values, err)
			continue
		}
		all := objects(t, documents)
		for name, want := range map[string]bool{"web": c.shop, "two-web": c.second} {
			if got := all["Deployment "+name] != nil; got != want {
				t.Errorf("%s: there is a Deployment %s: %v", c.values, name, got)
			}
		}
		if !c.shop || !c.second {
			continue
		}
		selector := at(all["Service web"], "spec", "selector").(map[string]any)
		if labels := at(all["Deployment two-web"], "spec", "template", "metadata", "labels"); matches(selector, labels) {
			t.Errorf("the Service of one finds the pods of the other: %v, %v", selector, labels)
		}
		selector = at(all["Service two-web"], "spec", "selector").(map[string]any)
		if labels := at(all["Deployment two-web"], "spec", "template", "metadata", "labels"); !matches(selector, labels) {
			t.Errorf("a Service does not find its pods: %v, %v", selector, labels)
		}
	}
}

func matches(selector map[string]any, labels any) bool {
	for key, value := range selector {
		if at(labels, key) != value {
			return false
		}
	}
	return true
}
