package helm

import (
	"slices"
	"strings"
	"testing"
)

// TestRemote asks a Service db, at which HOST stands for its name and <N> for its
// port N; · separates arguments that no shell reads.
func TestRemote(t *testing.T) {
	offered := []string{"80", "443", "3000", "3306", "5432", "6379", "27017"}
	r := remote{
		name: "db", offers: func(port string) bool { return slices.Contains(offered, port) },
		env: map[string]string{"PORT": "3000", "SECRET": ""}, folders: []string{"/data"},
	}
	for _, c := range []struct{ command, want string }{
		{"curl -f http://localhost/ || exit 1", "curl -f http://HOST:<80>/ || exit 1"},
		{"curl -kf https://127.0.0.1", "curl -kf https://HOST:<443>"},
		{"curl -fsS localhost:3000/health?full=1 | grep ok", "curl -fsS HOST:<3000>/health?full=1 | grep ok"},
		{`curl -H "Host: localhost" http://localhost:3000`, `curl -H "Host: localhost" http://HOST:<3000>`},
		{"curl http://user:pw@localhost:3000/", "curl http://user:pw@HOST:<3000>/"},
		{"curl http://db:3000 && curl http://other:80", "curl http://HOST:<3000> && curl http://other:80"},
		{"wget --spider -q http://[::1]:3000/", "wget --spider -q http://HOST:<3000>/"},
		{"wget -qO- http://localhost:${PORT}/", "wget -qO- http://HOST:${PORT}/"},
		{"curl $HOSTNAME:3000", "curl HOST:<3000>"},
		{"curl -sf localhost", "curl -sf HOST"},
		{"nc -z localhost 3000", "nc -z HOST <3000>"},
		{"nc·-z·127.0.0.1·3000", "nc·-z·HOST·<3000>"},
		{"python·-c·import urllib.request as r; r.urlopen('http://localhost:3000/')", "python·-c·import urllib.request as r; r.urlopen('http://HOST:<3000>/')"},
		{"pg_isready", "pg_isready -h HOST -p <5432>"},
		{"pg_isready·", "pg_isready·-h·HOST·-p·<5432>·"},
		{"pg_isready·-U·me", "pg_isready·-h·HOST·-p·<5432>·-U·me"},
		{"/usr/bin/pg_isready -U me -d app", "/usr/bin/pg_isready -h HOST -p <5432> -U me -d app"},
		{"pg_isready -h localhost -p 5432", "pg_isready -h HOST -p 5432"},
		{"PGPASSWORD=$SECRET psql -U me -c 'select 1'", "PGPASSWORD=$SECRET psql -h HOST -p <5432> -U me -c 'select 1'"},
		{"mysqladmin ping -h localhost -u root -p$SECRET", "mysqladmin ping -h HOST -u root -p$SECRET"},
		{"mysqladmin ping --host=127.0.0.1 --silent", "mysqladmin ping --host=HOST --silent"},
		{`test "$$(redis-cli ping)" = PONG`, `test "$$(redis-cli -h HOST -p <6379> ping)" = PONG`},
		{"redis-cli -a $SECRET ping | grep PONG", "redis-cli -h HOST -p <6379> -a $SECRET ping | grep PONG"},
		{`echo 'db.runCommand("ping").ok' | mongosh localhost:27017/test --quiet`, `echo 'db.runCommand("ping").ok' | mongosh HOST:<27017>/test --quiet`},
		{"mongosh --eval 1", "mongosh --host HOST --port <27017> --eval 1"},

		{"pgrep nginx", errInside.Error()},
		{"test -f /tmp/ready", errInside.Error()},
		{"[ -S /run/app.sock ] && curl localhost", errInside.Error()},
		{"cat /data/state && curl localhost", errInside.Error()},
		{"rabbitmq-diagnostics -q ping", errInside.Error()},
		{"mysqladmin ping -S /run/mysqld/mysqld.sock", errInside.Error()},
		{"/healthcheck.sh", errUnnamed.Error()},
		{"true", errUnnamed.Error()},
		{"curl http://other:80/", errUnnamed.Error()},
		{"pg_isready -h other", errUnnamed.Error()},
		{"curl localhost:$UNKNOWN", errUnnamed.Error()},
		{"something --address localhost", errUnnamed.Error()},
		{"curl http://$$(hostname):80/", errUnnamed.Error()},
		{"curl http://localhost.example.com/", errUnnamed.Error()},
		{"cat /etc/localhost", errUnnamed.Error()},
		{"psql -h localhost -c 'select 1'", errLogin.Error()},
		{"curl localhost:9600", "asks on port 9600, to which no Service leads"},
		{"redis-cli -p 7000 ping", "asks on port 7000, to which no Service leads"},
	} {
		edits, err := r.ask(strings.ReplaceAll(c.command, "·", separator), !strings.Contains(c.command, "·"))
		got := shown(strings.ReplaceAll(c.command, "·", separator), edits)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
}

// shown writes a command with its edits as the table does.
func shown(command string, edits []edit) string {
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(command[at:e.from] + e.text)
		at = e.to
		switch {
		case e.host:
			b.WriteString("HOST")
		case e.port != "":
			b.WriteString("<" + e.port + ">")
		}
	}
	return strings.ReplaceAll(b.String()+command[at:], separator, "·")
}
