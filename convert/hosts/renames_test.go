package hosts_test

import (
	"slices"
	"strings"
	"testing"

	"gantry/convert/hosts"
)

// renames are those of the names in the tests.
func renames() hosts.Renames {
	r := hosts.Renames{}
	for name := range strings.FieldsSeq("my_a my_api my_app my_b my_db my_kafka my_mq my_redis other_db mongo_1 mongo_2 mongo_3 kafka_1 kafka_2 zoo_1 zoo_2 es_01 es_02") {
		r[name] = strings.ReplaceAll(name, "_", "-")
	}
	return r
}

// form is a text, what it is with other names of hosts (where it differs), and the names of
// which nobody can tell what they are.
type form struct{ text, want, unknown string }

// values are forms that the values of variables have.
func values() []form {
	return []form{
		// addresses
		{`http://my_api:8000/my_api`, `http://my-api:8000/my_api`, ""},
		{`https://my_api`, `https://my-api`, ""},
		{`//my_api/x`, `//my-api/x`, ""},
		{`ws://my_api?x=my_api`, `ws://my-api?x=my_api`, ""},
		{`http://my_api:$PORT/x`, `http://my-api:$PORT/x`, ""},
		{`see http://my_api, my friend`, `see http://my-api, my friend`, ""},
		{`postgres://my_db:my_db@my_db:5432/my_db?host=my_db&user=my_db`, `postgres://my_db:my_db@my-db:5432/my_db?host=my-db&user=my_db`, ""},
		{`postgresql+asyncpg://u:p@my_db/my_db`, `postgresql+asyncpg://u:p@my-db/my_db`, ""},
		{`postgres://u:pa/ss@my_db:5432/x`, `postgres://u:pa/ss@my-db:5432/x`, ""},
		{`postgres://my_db:5432@my_db/x`, `postgres://my_db:5432@my-db/x`, ""},
		{`amqp://guest:guest@my_db:5672//`, `amqp://guest:guest@my-db:5672//`, ""},
		{`redis://:my_db!@my_db:6379/0`, `redis://:my_db!@my-db:6379/0`, ""},
		{`mongodb://u:p@mongo_1:27017,mongo_2:27017,mongo_3/db?replicaSet=rs0`, `mongodb://u:p@mongo-1:27017,mongo-2:27017,mongo-3/db?replicaSet=rs0`, ""},
		{`PLAINTEXT://my_kafka:9092,SSL://my_kafka:9093`, `PLAINTEXT://my-kafka:9092,SSL://my-kafka:9093`, ""},
		{`jdbc:postgresql://my_db:5432/my_db`, `jdbc:postgresql://my-db:5432/my_db`, ""},
		{`jdbc:sqlserver://my_db:1433;databaseName=my_db;user=my_db`, `jdbc:sqlserver://my-db:1433;databaseName=my_db;user=my_db`, ""},
		{`jdbc:oracle:thin:@my_db:1521:xe`, `jdbc:oracle:thin:@my-db:1521:xe`, ""},
		{`jdbc:oracle:thin:@//my_db:1521/xe`, `jdbc:oracle:thin:@//my-db:1521/xe`, ""},
		{`nats://my_a:4222,nats://my_b:4222`, `nats://my-a:4222,nats://my-b:4222`, ""},
		{`s3://my_db/x`, "", ""},
		{`file://my_db/x`, "", ""},
		{`sqlite:///my_db`, "", ""},
		{`unix:///run/my_db`, "", ""},
		{`tcp://my_db:2375`, `tcp://my-db:2375`, ""},
		{`http://proxy/?url=http://my_api/`, `http://proxy/?url=http://my-api/`, ""},
		{`a//my_api/b`, "", ""},
		{`{"url":"http://my_api:80"}`, `{"url":"http://my-api:80"}`, ""},
		{`<a href='http://my_api'>`, `<a href='http://my-api'>`, ""},
		{"`http://my_api`", "`http://my-api`", ""},
		{`root:x@tcp(my_db:3306)/my_db?parseTime=true`, `root:x@tcp(my-db:3306)/my_db?parseTime=true`, ""},
		{`tcp(my_db)`, `tcp(my-db)`, ""},
		{`count(my_db)`, "", `my_db`},
		// users, packages
		{`admin@my_db`, `admin@my-db`, ""},
		{`1@kafka_1:9093,2@kafka_2:9093`, `1@kafka-1:9093,2@kafka-2:9093`, ""},
		{`my_db@host`, "", ""},
		{`@my_db/pkg`, "", `my_db`},
		{`rabbit@my_mq`, `rabbit@my-mq`, ""},
		{`acme/x@sha256:0 my_db@sha256:0`, "", ""},
		// ports
		{`my_db:5432`, `my-db:5432`, ""},
		{`my_db:5432,other_db:5432`, `my-db:5432,other-db:5432`, ""},
		{`server.1=zoo_1:2888:3888;2181 server.2=zoo_2:2888:3888`, `server.1=zoo-1:2888:3888;2181 server.2=zoo-2:2888:3888`, ""},
		{`my_db:latest`, "", `my_db`},
		{`my_db:1.2`, "", `my_db`},
		{`my_db:5432-alpine`, "", `my_db`},
		{`my_db:123456`, "", `my_db`},
		{`my_db:my_app`, "", `my_db`},
		{`acme/my_db:12`, "", ""},
		{`TCP:my_db:5432,reuseaddr`, `TCP:my-db:5432,reuseaddr`, ""},
		{`8080:my_db:80`, "", `my_db`},
		{`['my_db:9090', "my_db:9091"]`, `['my-db:9090', "my-db:9091"]`, ""},
		{`my_db_x:1 x_my_db:1 my_db.x:1`, "", ""},
		// variables
		{`DB_HOST=my_db`, `DB_HOST=my-db`, ""},
		{`PGHOST=my_db`, `PGHOST=my-db`, ""},
		{`dbHost=my_db`, `dbHost=my-db`, ""},
		{`DB_HOST_2=my_db`, `DB_HOST_2=my-db`, ""},
		{`DB_HOST_INTERNAL=my_db`, `DB_HOST_INTERNAL=my-db`, ""},
		{`HOSTS=my_a,my_b`, `HOSTS=my-a,my-b`, ""},
		{`HOSTS=my_a, my_b`, `HOSTS=my-a, my-b`, ""},
		{`PEERS=my_a;my_b`, `PEERS=my-a;my-b`, ""},
		{`API_URL=my_api/v1`, `API_URL=my-api/v1`, ""},
		{`NO_PROXY=localhost,my_api,.svc`, `NO_PROXY=localhost,my-api,.svc`, ""},
		{`SPRING_DATASOURCE_URL=jdbc:mysql://my_db/my_db`, `SPRING_DATASOURCE_URL=jdbc:mysql://my-db/my_db`, ""},
		{`BOOTSTRAP_SERVERS=my_kafka`, `BOOTSTRAP_SERVERS=my-kafka`, ""},
		{`CASSANDRA_SEEDS=my_a,my_b`, `CASSANDRA_SEEDS=my-a,my-b`, ""},
		{`POSTGRES_DB=my_db`, "", ""},
		{`MYSQL_DATABASE=my_db`, "", ""},
		{`DB_USER=my_db`, "", ""},
		{`MYSQL_PASSWORD=my_db`, "", ""},
		{`RABBITMQ_DEFAULT_VHOST=my_db`, "", ""},
		{`IMAGE=my_app:12`, "", ""},
		{`BASIC_AUTH=my_db:1234`, "", ""},
		{`QUEUE=my_redis:6379`, `QUEUE=my-redis:6379`, ""},
		{`QUEUE=my_redis`, "", ""},
		{`OTEL_SERVICE_NAME=my_api`, "", ""},
		{`DB=my_db`, "", `my_db`},
		{`DATABASE=my_db`, "", `my_db`},
		{`BROKER=my_mq`, `BROKER=my-mq`, ""},
		{`GHOST=my_db`, "", `my_db`},
		{`node.name=es_01`, "", `es_01`},
		{`cluster.initial_master_nodes=es_01,es_02`, "", `es_01 es_02`},
		{`discovery.seed_hosts=es_01,es_02`, `discovery.seed_hosts=es-01,es-02`, ""},
		{`CACHE_NODES=my_a,my_b`, `CACHE_NODES=my-a,my-b`, ""},
		{`SERVER_NAME=my_api`, "", `my_api`},
		{`HOST_NAME=my_api`, `HOST_NAME=my-api`, ""},
		{`DB_HOST=my_db:5432`, `DB_HOST=my-db:5432`, ""},
		{`DB_HOST=my_db:x`, "", `my_db`},
		{`GREETING=hello my_db`, "", `my_db`},
		{`X_REDIS=my_redis`, "", `my_redis`},
		{`CELERY_APP=my_app`, "", ""},
		{`KAFKA_BROKER=my_kafka:9092`, `KAFKA_BROKER=my-kafka:9092`, ""},
		// connection strings
		{`host=my_db port=5432 dbname=my_db user=my_db`, `host=my-db port=5432 dbname=my_db user=my_db`, ""},
		{`Server=my_db;Database=my_db;User Id=my_db;`, `Server=my-db;Database=my_db;User Id=my_db;`, ""},
		{`Server=tcp:my_db,1433;`, `Server=tcp:my-db,1433;`, ""},
		{`Data Source=my_db;Initial Catalog=my_db`, `Data Source=my-db;Initial Catalog=my_db`, ""},
		{`{"host": "my_db", "database": "my_db"}`, `{"host": "my-db", "database": "my_db"}`, ""},
		{`{\"host\":\"my_db\"}`, `{\"host\":\"my-db\"}`, ""},
		{`{"hosts":["my_a","my_b"]}`, `{"hosts":["my-a","my-b"]}`, ""},
		{`host: my_db`, `host: my-db`, ""},
		{"[redis]\nhost = my_redis\nPGHOST=my_db", "[redis]\nhost = my-redis\nPGHOST=my-db", ""},
		{`(HOST=my_db)(PORT=1521)`, `(HOST=my-db)(PORT=1521)`, ""},
	}
}

// commands are forms of command lines and of files.
func commands() []form {
	return []form{
		{`pg_isready -h my_db -U my_db -d my_db`, `pg_isready -h my-db -U my_db -d my_db`, ""},
		{`mysqladmin ping -hmy_db -umy_db`, `mysqladmin ping -hmy-db -umy_db`, ""},
		{`mysql --host=my_db`, `mysql --host=my-db`, ""},
		{`x --db-host my_db --db-name my_db`, `x --db-host my-db --db-name my_db`, ""},
		{`x --host "my_db"`, `x --host "my-db"`, ""},
		{`nc -z my_db 5432`, `nc -z my-db 5432`, ""},
		{`nc -z -w 5 my_db 5432`, `nc -z -w 5 my-db 5432`, ""},
		{`sh -c 'while ! nc -z my_db 5432; do sleep 1; done'`, `sh -c 'while ! nc -z my-db 5432; do sleep 1; done'`, ""},
		{`./wait-for-it.sh my_db:5432 -- run`, `./wait-for-it.sh my-db:5432 -- run`, ""},
		{`wait-for.sh my_db`, `wait-for.sh my-db`, ""},
		{`ping -c 1 my_db`, `ping -c 1 my-db`, ""},
		{`getent hosts my_db`, `getent hosts my-db`, ""},
		{`nslookup my_db`, `nslookup my-db`, ""},
		{`curl -f my_api/health`, `curl -f my-api/health`, ""},
		{`curl -sSf my_api:80/health || exit 1`, `curl -sSf my-api:80/health || exit 1`, ""},
		{`wget -qO- my_api/x`, `wget -qO- my-api/x`, ""},
		{`curl -o my_api/x y`, "", `my_api`},
		{`curl -u my_db:1234 http://x`, "", ""},
		{`kafkacat -b my_kafka:9092`, `kafkacat -b my-kafka:9092`, ""},
		{`celery -A my_app worker`, "", ""},
		{`python -m my_app`, "", ""},
		{`gunicorn my_app:app`, "", `my_app`},
		{`cd /srv/my_app/x`, "", ""},
		{`echo $my_db $my_db`, "", ""},
		{`my_db=1 run`, "", ""},
		{`bash -c "</dev/tcp/my_db/5432"`, "", ""},
		{`redis-cli -h my_redis -a my_pass`, `redis-cli -h my-redis -a my_pass`, ""},
		{`until pg_isready -h 'my_db'; do :; done`, `until pg_isready -h 'my-db'; do :; done`, ""},
		{`ssh -L 5432:my_db:5432 x`, "", `my_db`},
		{`proxy_pass http://my_api:8000;`, `proxy_pass http://my-api:8000;`, ""},
		{`server my_api:8000;`, `server my-api:8000;`, ""},
		{`upstream my_api {`, "", `my_api`},
		{`reverse_proxy my_api:8000`, `reverse_proxy my-api:8000`, ""},
		{`- targets: ['my_api:9090']`, `- targets: ['my-api:9090']`, ""},
	}
}

func TestRewrite(t *testing.T) {
	for _, f := range slices.Concat(values(), commands()) {
		want := f.want
		if want == "" {
			want = f.text
		}
		got, mentions := renames().Rewrite("", f.text)
		if got != want {
			t.Errorf("%s\nbecomes %s\nwant    %s", f.text, got, want)
		}
		if unknown := strings.Join(mentions.Unknown, " "); unknown != f.unknown {
			t.Errorf("%s: unknown is %q, want %q", f.text, unknown, f.unknown)
		}
	}
}

// BenchmarkRewrite measures long lists, whose every word has many others before it.
func BenchmarkRewrite(b *testing.B) {
	text := strings.Repeat("my_db,", 10_000)
	for b.Loop() {
		renames().Rewrite("HOSTS", text)
	}
}
