package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"

	"gantry/convert/workload"
)

// image sets the image and when it is pulled. A service that is only built gets
// the name under which somebody must push it.
func (u *unit) image() {
	u.container.Image = u.in.Image
	if u.in.Image == "" {
		u.container.Image = u.opts.builtImage(u.project.Name, u.name)
	}
	if u.in.Image == "" && u.in.Build == nil {
		u.fail(finding{code: "image-missing", summary: "is empty, and no container is without an image", hint: "name the image, or set the variable that it comes from"}, "image")
	}
	if u.in.Build != nil {
		u.out.Builds = append(u.out.Builds, workload.Build{Service: u.name, Image: u.container.Image})
		u.warn(finding{
			code:    "image-build",
			summary: "is built by Compose, and a cluster cannot build: it will pull " + u.container.Image,
			hint:    fmt.Sprintf("docker compose build %s && docker push %s (--registry and --tag change the name)", u.name, u.container.Image),
		}, "build")
	}
	u.container.Image = u.pinned(u.container.Image, u.in.Build != nil, u.imageKey())
	u.pullPolicy()
}

// badReference says what is wrong with the reference of an image, by the grammar
// that nodes read it with. The API server takes any text, and the pod never starts.
func badReference(ref string) (f finding, bad bool) {
	if _, err := reference.ParseNormalizedNamed(ref); err == nil {
		return finding{}, false
	}
	f = finding{"image-reference", fmt.Sprintf("%q is no reference of an image: no node can pull it", ref), "write [REGISTRY/]NAME[:TAG], such as ghcr.io/acme/web:1.4"}
	end := len(ref)
	if i := strings.IndexAny(path.Base(ref), ":@"); i >= 0 {
		end = strings.LastIndex(ref, "/") + 1 + i
	}
	lower := strings.ToLower(ref[:end]) + ref[end:]
	if _, err := reference.ParseNormalizedNamed(lower); err == nil {
		f.hint = "names of images are in lower case: write " + lower
	}
	return f, true
}

// builtImage names the image of a service that has none.
func (o Options) builtImage(project, service string) string {
	return path.Join(o.Registry, objectName(project)+"-"+objectName(service)) + ":" + o.Tag
}

// pullPolicy maps pull_policy. Unset stays unset: Kubernetes then pulls :latest
// always and other tags once, which is what Compose users expect.
func (u *unit) pullPolicy() {
	switch policy := u.in.PullPolicy; policy {
	case "":
	case "always":
		u.container.ImagePullPolicy = corev1.PullAlways
	case "never":
		if len(u.contextsOf(u.in)) > 0 { // never from a registry, since it is built here; nodes have it from nowhere else
			u.container.ImagePullPolicy = corev1.PullIfNotPresent
			return
		}
		u.container.ImagePullPolicy = corev1.PullNever
		u.warn(finding{
			code:    "pull-policy",
			summary: "holds for every node: pods do not start where the image is not there already",
			hint:    "take it away to have nodes pull the image",
		}, "pull_policy")
	case "missing", "if_not_present", "build":
		u.container.ImagePullPolicy = corev1.PullIfNotPresent
	default: // daily, weekly, every_12h, refresh
		u.container.ImagePullPolicy = corev1.PullAlways
		u.note(finding{
			code:    "pull-policy",
			summary: fmt.Sprintf("%q becomes Always: Kubernetes asks the registry at each start, not after a time", policy),
		}, "pull_policy")
	}
}

// datastores are images that keep their state in one folder and own it alone:
// each replica needs storage of its own, and a stable name.
func datastores() []string {
	return []string{
		"postgres", "postgresql", "postgis", "pgvector", "timescaledb", "mysql", "mysql-server", "mariadb", "percona", "mongo", "mongodb",
		"redis", "valkey", "keydb", "rabbitmq", "kafka", "zookeeper", "elasticsearch", "opensearch", "etcd", "minio", "cassandra", "scylla",
		"cockroach", "cockroachdb", "couchdb", "couchbase", "neo4j", "influxdb", "clickhouse", "clickhouse-server", "consul", "nats", "memgraph",
		"mssql", "mssql-server", "qdrant", "weaviate", "meilisearch", "typesense", "arangodb", "rethinkdb", "dgraph", "questdb", "surrealdb",
	}
}

// dataFolders are where datastores keep their state, whatever their images are
// called: many are built from an official one.
func dataFolders() []string {
	return []string{
		"/var/lib/postgresql", "/var/lib/postgresql/data", "/bitnami/postgresql", "/var/lib/mysql", "/bitnami/mysql", "/bitnami/mariadb", "/data/db", "/bitnami/mongodb",
		"/var/lib/rabbitmq", "/usr/share/elasticsearch/data", "/usr/share/opensearch/data", "/var/lib/cassandra", "/var/lib/clickhouse", "/var/lib/influxdb", "/var/lib/influxdb2",
		"/var/opt/mssql", "/var/lib/kafka/data", "/bitnami/kafka", "/var/lib/etcd", "/bitnami/etcd",
	}
}

// usualUser returns whom a well-known image runs as, where that is not root: the
// owner of its folders, which an empty claim does not have.
func usualUser(image string) (int64, bool) {
	name, vendor := imageName(image), path.Base(path.Dir(image))
	if strings.HasPrefix(vendor, "bitnami") {
		return 1001, true
	}
	if vendor == "confluentinc" && strings.HasPrefix(name, "cp-") || vendor == "apache" && name == "kafka" {
		return 1000, true
	}
	if vendor == "mssql" && name == "server" {
		return 10001, true
	}
	if vendor == "database" && slices.Contains([]string{"free", "express", "enterprise"}, name) { // of Oracle
		return 54321, true
	}
	id, known := map[string]int64{
		"airflow": 50000, "alertmanager": 65534, "base-notebook": 1000, "datascience-notebook": 1000, "directus": 1000, "elasticsearch": 1000, "grafana": 472, "graylog": 1100,
		"jenkins": 1000, "keycloak": 1000, "kibana": 1000, "logstash": 1000, "loki": 10001, "mastodon": 991, "mattermost-enterprise-edition": 2000,
		"mattermost-team-edition": 2000, "mimir": 10001, "minimal-notebook": 1000, "n8n": 1000, "nexus3": 200, "nifi": 1000, "node-red": 1000, "odoo": 101, "openproject": 1000,
		"opensearch": 1000, "oracle-free": 54321, "oracle-xe": 54321, "outline": 1001, "pgadmin4": 5050, "prometheus": 65534, "pyspark-notebook": 1000, "rocket.chat": 65533,
		"scipy-notebook": 1000, "semaphore": 1001, "solr": 8983, "sonarqube": 1000, "spark": 185, "superset": 1000, "tempo": 10001, "trino": 1000, "wiki": 1000, "zammad": 1000,
	}[name]
	return id, known
}

// isDatastore reports whether the image is a known datastore, by the last part
// of its name.
func isDatastore(image string) bool {
	return slices.Contains(datastores(), imageName(image))
}

// imageName is the last part of an image's name, without tag and digest.
func imageName(image string) string {
	name, _, _ := strings.Cut(image, "@")
	name, _, _ = strings.Cut(path.Base(name), ":")
	return name
}
