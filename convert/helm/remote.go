package helm

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"gantry/charts/pattern"
)

// A health check asks the container that it runs in. The same command, run in
// another pod and asking the Service, tells whether others get an answer, too. That
// is a test worth having, of commands that certainly ask their own machine, on a
// port that is known: a test that fails without cause is worse than none.

// Reasons why a health check is no test.
var (
	errInside  = errors.New("looks at processes or files of its own container")
	errUnnamed = errors.New("does not say where it asks")
	errLogin   = errors.New("logs in without a password, which its own container alone admits")
)

// remote is the Service that a health check is to ask in place of its container.
type remote struct {
	// name is that of the Service, which the check may use already.
	name string
	// offers reports whether the Service leads to a port.
	offers func(port string) bool
	// env are the variables of the container, with their values as far as they are
	// known.
	env map[string]string
	// folders are those of the container that another pod does not have.
	folders []string
}

// edit is what takes the place of a part of a command: words, with the host or the
// port of the Service where a word is to have it.
type edit struct {
	from, to int
	text     string
	host     bool
	port     string
}

// separator stands between the arguments of a command that no shell reads.
const separator = "\x1f"

// client is a program that asks its own machine unless it is told of another.
type client struct{ name, hostFlag, portFlag, port string }

func clients() []client {
	var all []client
	for _, c := range []client{
		{"pg_isready psql", "-h", "-p", "5432"},
		{"mysqladmin mysql mariadb-admin mariadb", "-h", "-P", "3306"},
		{"redis-cli valkey-cli keydb-cli", "-h", "-p", "6379"},
		{"mongosh mongo", "--host", "--port", "27017"},
		{"clickhouse-client", "--host", "--port", "9000"},
		{"curl wget", "", "", "80"}, // these are always told
	} {
		for name := range strings.FieldsSeq(c.name) {
			all = append(all, client{name, c.hostFlag, c.portFlag, c.port})
		}
	}
	return all
}

var (
	// insider is a program that sees its own container only, and insideWord is a word
	// for what another pod does not have.
	insider    = pattern.Lazy(`^(?:pgrep|pidof|ps|kill|supervisorctl|systemctl|rabbitmqctl|rabbitmq-diagnostics|celery)$`)
	insideWord = pattern.Lazy(`^/proc/|\.sock$|\.pid$`)
	// fileTest asks for a file: test -f, [ -f.
	fileTest = pattern.Lazy(`^-[bcdefghkLOGprSsuwx]$`)

	simpleCommand = pattern.Lazy("[^;|&()`\n]+")
	wordOfCommand = pattern.Lazy(`[^\s"'` + separator + `]+`)
	shellVariable = pattern.Lazy(`^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$`)
	digits        = pattern.Lazy(`^[0-9]+$`)
	portFlag      = pattern.Lazy(`^(?:-p|-P|--port)(?:=?([0-9]+))?$`)
	hostFlag      = pattern.Lazy(`^(?:-h|--host|--hostname|-S|-s|--socket)(?:$|=)|^-h.|://`)
	assignment    = pattern.Lazy(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

// ask returns the edits that make a command ask the Service: a script of a shell, or
// arguments with separators between them.
func (r remote) ask(command string, script bool) ([]edit, error) {
	if slices.ContainsFunc(r.folders, func(folder string) bool { return strings.Contains(command, folder) }) {
		return nil, errInside
	}
	// The name of a machine is no command in it.
	for _, own := range []string{"$$(hostname)", "$(hostname)", "`hostname`"} {
		if strings.Contains(command, own) {
			return nil, errUnnamed
		}
	}
	var edits []edit
	for _, at := range simpleCommand().FindAllStringIndex(command, -1) {
		more, err := r.simple(command, at, script)
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
	}
	if len(edits) == 0 {
		return nil, errUnnamed
	}
	return edits, nil
}

// words are those of a simple command, with where they are in the whole.
type words struct {
	text []string
	at   [][]int
}

// simple returns the edits of one simple command.
func (r remote) simple(command string, at []int, script bool) ([]edit, error) {
	var w words
	for _, m := range wordOfCommand().FindAllStringIndex(command[at[0]:at[1]], -1) {
		w.text = append(w.text, command[at[0]+m[0]:at[0]+m[1]])
		w.at = append(w.at, []int{at[0] + m[0], at[0] + m[1]})
	}
	if w.inside() {
		return nil, errInside
	}
	program, i := w.program()
	if _, known := r.env["PGPASSWORD"]; program.name == "psql" && !known && !strings.Contains(command, "PGPASSWORD") {
		return nil, errLogin
	}
	var edits []edit
	for n := range w.text {
		more, err := r.word(w, n, program)
		if err != nil {
			return nil, err
		}
		edits = append(edits, more...)
	}
	if len(edits) > 0 || program.hostFlag == "" || slices.ContainsFunc(w.text[i+1:], hostFlag().MatchString) {
		return edits, nil
	}
	sep := separator
	if script {
		sep = " "
	}
	return r.tell(w, program, w.at[i][1], sep)
}

// inside reports whether a command makes sense in its own container only.
func (w words) inside() bool {
	for i, word := range w.text {
		if insideWord().MatchString(word) || i == 0 && insider().MatchString(path.Base(word)) ||
			i > 0 && (w.text[i-1] == "test" || strings.HasPrefix(w.text[i-1], "[")) && fileTest().MatchString(word) {
			return true
		}
	}
	return false
}

// program returns the client that a command runs, and the number of its word.
func (w words) program() (client, int) {
	all := clients()
	for i, word := range w.text {
		if n := slices.IndexFunc(all, func(c client) bool { return c.name == path.Base(word) }); n >= 0 && !strings.Contains(word, "://") {
			return all[n], i
		}
	}
	return client{}, -1
}

// tell inserts the flags that tell a client of the Service.
func (r remote) tell(w words, program client, at int, sep string) ([]edit, error) {
	edits := []edit{{from: at, to: at, text: sep + program.hostFlag + sep}, {from: at, to: at, host: true}}
	port := w.port()
	if port != "" {
		return edits, r.leads(port)
	}
	return append(edits, edit{from: at, to: at, text: sep + program.portFlag + sep}, edit{from: at, to: at, port: program.port}), r.leads(program.port)
}

// port returns the port that a flag names, or "".
func (w words) port() string {
	for i, word := range w.text {
		m := portFlag().FindStringSubmatch(word)
		switch {
		case m == nil:
		case m[1] != "":
			return m[1]
		case i+1 < len(w.text) && digits().MatchString(w.text[i+1]):
			return w.text[i+1]
		}
	}
	return ""
}

// leads returns an error where the Service does not lead to a port.
func (r remote) leads(port string) error {
	if port == "" {
		return errUnnamed
	}
	if !r.offers(port) {
		return fmt.Errorf("asks on port %s, to which no Service leads", port)
	}
	return nil
}

// itself splits a word that names a machine: what is before, the host, its port and
// what is behind.
var itself = pattern.Lazy(`^(|-h|(?:[A-Za-z0-9_.-]+=)?(?:[a-z][a-z0-9+.-]*://(?:[^@/]*@)?)?)` +
	`(localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\]|\$\{?HOSTNAME\}?|[a-z0-9][a-z0-9._-]*)(?::([0-9]+|\$\{?[A-Za-z_][A-Za-z0-9_]*\}?))?([/?,].*)?$`)

// word returns the edits of a word that names the machine of the check.
func (r remote) word(w words, n int, program client) ([]edit, error) {
	m := itself().FindStringSubmatchIndex(w.text[n])
	if m == nil {
		return nil, nil
	}
	word, start := w.text[n], w.at[n][0]
	before, host := word[:m[3]], word[m[4]:m[5]]
	previous := ""
	if n > 0 {
		previous = w.text[n-1]
	}
	switch {
	case strings.EqualFold(previous, "host:"):
		return nil, nil // a header of a request
	case assignment().MatchString(word) && !strings.Contains(before, "://") && !strings.Contains(strings.ToUpper(before), "HOST"):
		return nil, nil // a variable that has other uses
	case slices.Contains([]string{"localhost", "127.0.0.1", "0.0.0.0", "[::1]", "$HOSTNAME", "${HOSTNAME}"}, host):
	case host == r.name && (strings.Contains(before, "://") || m[6] >= 0 || previous == "-h" || previous == "--host"):
	default:
		return nil, nil
	}
	edits := []edit{{from: start + m[4], to: start + m[5], host: true}}
	port, literal := "", []int{0, 0}
	behind := edit{from: start + m[5], to: start + m[5], text: ":"}
	next := ""
	if n+1 < len(w.text) {
		next = w.text[n+1]
	}
	switch {
	case m[6] >= 0:
		port, literal = word[m[6]:m[7]], []int{start + m[6], start + m[7]}
	case strings.HasSuffix(before, "https://"):
		edits, port, literal = append(edits, behind), "443", []int{behind.from, behind.to}
	case strings.HasSuffix(before, "http://"):
		edits, port, literal = append(edits, behind), "80", []int{behind.from, behind.to}
	case digits().MatchString(next) || shellVariable().MatchString(next):
		port, literal = next, w.at[n+1]
	default:
		port = w.port()
		if port == "" {
			port = program.port
		}
	}
	if v := shellVariable().FindStringSubmatch(port); v != nil {
		return edits, r.leads(r.env[v[1]])
	}
	if literal[1] > 0 {
		edits = append(edits, edit{from: literal[0], to: literal[1], port: port})
	}
	return edits, r.leads(port)
}

// shellScript reports whether a command hands its last word to a shell.
func shellScript(command []string) bool {
	return len(command) == 3 && slices.Contains([]string{"sh", "bash", "ash", "dash"}, path.Base(command[0])) &&
		strings.HasPrefix(command[1], "-") && strings.HasSuffix(command[1], "c")
}
