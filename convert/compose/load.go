package compose

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"

	"gantry/charts/diag"
)

// Load reads and merges the Compose files of an application. The list holds
// every problem of the files, warnings among them, sorted by position; when it
// has errors, the project is nil. The error is for the world around: a folder
// that cannot be found, a cancelled context.
func Load(ctx context.Context, src Source) (*Project, diag.List, error) {
	quietLogs()
	var list diag.List
	in, err := src.find(&list)
	if err != nil || list.HasErrors() {
		return nil, list, err
	}
	t, main := in.follow(&list)
	list = withoutTwins(list)
	if list.HasErrors() && main == nil {
		list.Sort()
		return nil, list, nil
	}
	in.nameFrom(t, main)
	configs := make([]types.ConfigFile, 0, len(main))
	for _, f := range main {
		configs = append(configs, f.config())
	}
	in.disk.forget()
	project, err := in.merge(ctx, configs)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, nil, ctxErr
	}
	references(t.root, &list)
	cycles(t.root, &list)
	if err == nil {
		restore(project, t.root)
		consistency(project, t.root, &list)
	} else {
		in.explain(err, t, &list)
	}
	list.Sort()
	if list.HasErrors() {
		return nil, list, nil
	}
	return &Project{Project: project, Origins: newOrigins(t.root), Variables: t.variables, Reach: in.disk.reach, shell: in.shell}, list, nil
}

// withoutTwins leaves out what is said of an extension and, at the same place, of what
// takes it from there by an alias as well: people look for the service.
func withoutTwins(list diag.List) diag.List {
	type saying struct {
		pos           diag.Pos
		code, summary string
	}
	inExtension := func(d diag.Diagnostic) bool { return len(d.Path) > 0 && strings.HasPrefix(d.Path[0], "x-") }
	said := map[saying]bool{}
	for _, d := range list {
		if !inExtension(d) {
			said[saying{d.Pos, d.Code, d.Summary}] = true
		}
	}
	return slices.DeleteFunc(list, func(d diag.Diagnostic) bool { return inExtension(d) && said[saying{d.Pos, d.Code, d.Summary}] })
}

// Files returns the Compose files that a source means, in the order in which they
// override each other. The list holds what is wrong with their names.
func Files(src Source) ([]string, diag.List, error) {
	var list diag.List
	in, err := src.find(&list)
	if err != nil {
		return nil, nil, err
	}
	return in.files, list, nil
}

// input is what a source comes to: files that exist, and the variables that fill
// them.
type input struct {
	disk *disk
	// dir is the project directory.
	dir   string
	files []string
	env   environment
	// shell is env without what env files give.
	shell environment
	// profiles are the active ones; name is the project's, and given tells that
	// somebody chose it.
	profiles []string
	name     string
	given    bool
}

// follow reads the files and notes where their keys are. The files are nil when
// one of them cannot be read.
func (in *input) follow(list *diag.List) (*trail, []*file) {
	t := &trail{disk: in.disk, root: &origin{}}
	var files []*file
	for _, path := range in.files {
		if f := in.disk.read(path, diag.Pos{}); f != nil {
			files = append(files, f)
		}
	}
	for _, f := range files {
		t.open = []string{f.path}
		t.add(scope{file: f, dir: in.dir, env: in.env}, t.root)
	}
	for _, d := range *list {
		if d.Severity == diag.Error && slices.Contains([]string{codeSyntax, codeLimit, codeNoFile, codeUnreadable, codeOutside, codeIncomplete, codeEnvFile}, d.Code) {
			return t, nil
		}
	}
	return t, files
}

// merge lets compose-go build the model. Its cycle check takes exponential time
// and its other checks stop at the first problem: ours run instead. The contents
// of env files stay apart from environment, which wins over them.
func (in *input) merge(ctx context.Context, files []types.ConfigFile) (project *types.Project, err error) {
	// compose-go takes for granted in places what its schema does not demand.
	defer func() {
		if reason := recover(); reason != nil {
			project, err = nil, fmt.Errorf("compose-go cannot make sense of the files: %v", reason)
		}
	}()
	details := types.ConfigDetails{WorkingDir: in.dir, Environment: types.Mapping(in.env), ConfigFiles: files}
	project, err = loader.LoadWithContext(ctx, details, func(o *loader.Options) {
		o.SetProjectName(in.name, true)
		o.SkipConsistencyCheck = true
		o.SkipResolveEnvironment = true
		o.SkipResolveLabels = true
		o.Profiles = in.profiles
		o.MaxNodeVisits = maxNodes
	})
	if err != nil {
		return nil, err
	}
	return project, nil
}

// quietLogs silences logrus, to which compose-go writes what is diagnostics here.
//
//nolint:gochecknoglobals // the logger that it silences is global
var quietLogs = sync.OnceFunc(func() { logrus.SetOutput(io.Discard) })

// find says which files a source means, and with which variables.
func (src Source) find(list *diag.List) (*input, error) {
	wd := src.WorkingDir
	if wd == "" {
		var err error
		if wd, err = os.Getwd(); err != nil {
			return nil, fmt.Errorf("find the current folder: %w", err)
		}
	}
	in := &input{
		disk: &disk{workingDir: wd, stdin: src.Stdin, files: map[string]*file{}, seen: src.Seen, list: list},
		env:  parseEnviron(src.Environ),
	}
	in.files = absolute(wd, src.files(in.env))
	if src.Dir != "" {
		in.dir = absolute(wd, []string{src.Dir})[0]
	}
	if len(in.files) == 0 {
		in.files = in.search(orDefault(in.dir, wd))
	}
	if in.dir == "" {
		in.dir = wd
		if len(in.files) > 0 && in.files[0] != stdinName {
			in.dir = filepath.Dir(in.files[0])
		}
	}
	in.disk.reach = newReach(wd, in.roots(src))
	in.readEnv(src)
	in.profiles = src.Profiles
	if len(in.profiles) == 0 { // without the variable, the profile without a name is active, as in Docker Compose
		for name := range strings.SplitSeq(in.env["COMPOSE_PROFILES"], ",") {
			in.profiles = append(in.profiles, strings.TrimSpace(name))
		}
	}
	in.nameProject(src)
	return in, nil
}

// roots are the folders and files that the application may read.
func (in *input) roots(src Source) []string {
	roots := []string{in.dir, repository(in.dir, in.env["HOME"])}
	for _, f := range in.files {
		if f != stdinName {
			roots = append(roots, filepath.Dir(f))
		}
	}
	return append(roots, absolute(in.disk.workingDir, src.Allow)...)
}

// nameProject takes the name that somebody chose, or else the folder's.
func (in *input) nameProject(src Source) {
	in.name, in.given = orDefault(src.Name, in.env["COMPOSE_PROJECT_NAME"]), true
	if in.name == "" {
		in.name, in.given = loader.NormalizeProjectName(filepath.Base(in.dir)), false
		in.name = orDefault(in.name, "app")
		return
	}
	if normal := loader.NormalizeProjectName(in.name); normal != in.name {
		in.disk.list.Add(diag.Diagnostic{
			Severity: diag.Error, Code: codeValue, Summary: fmt.Sprintf("%q is no name for a project", in.name),
			Hint: "use lower-case letters, digits, - and _, beginning with a letter or digit, such as " + orDefault(normal, "app"),
		})
	}
}

// files are the Compose files that were named, on the command line or in the
// environment.
func (src Source) files(env environment) []string {
	if len(src.Files) > 0 || env["COMPOSE_FILE"] == "" {
		return src.Files
	}
	return strings.Split(env["COMPOSE_FILE"], orDefault(env["COMPOSE_PATH_SEPARATOR"], string(os.PathListSeparator)))
}

func absolute(wd string, paths []string) []string {
	var out []string
	for _, p := range paths {
		if p != stdinName && !filepath.IsAbs(p) {
			p = filepath.Join(wd, p)
		}
		out = append(out, p)
	}
	return out
}

// readEnv adds the project's .env, or the env files that were named, below the
// environment.
func (in *input) readEnv(src Source) {
	files := src.EnvFiles
	if len(files) == 0 && in.env["COMPOSE_ENV_FILES"] != "" {
		files = strings.Split(in.env["COMPOSE_ENV_FILES"], ",")
	}
	files, read := absolute(in.disk.workingDir, files), readNamed
	if len(files) == 0 {
		if dotEnv := filepath.Join(in.dir, ".env"); isFile(dotEnv) {
			files, read = []string{dotEnv}, in.disk.reach.ReadFile
		}
	}
	in.shell = in.env
	in.env = in.disk.withFiles(in.env, files, func(file string) ([]byte, bool) {
		data, err := read(file, maxEnvBytes)
		if err != nil {
			in.disk.fail(codeUnreadable, diag.Pos{File: in.disk.shown(file)}, fmt.Sprintf("cannot be read as an env file: %v", cause(err)), "write one KEY=value on a line")
		}
		return data, err == nil
	})
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// usualNames are those that docker compose looks for, in its order.
func usualNames() []string {
	return []string{"compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"}
}

// search looks for a Compose file in a folder and its parents, and for an
// override beside it.
func (in *input) search(from string) []string {
	for dir := from; ; dir = filepath.Dir(dir) {
		for _, name := range usualNames() {
			if path := filepath.Join(dir, name); isFile(path) {
				return append([]string{path}, override(dir)...)
			}
		}
		if dir == filepath.Dir(dir) {
			break
		}
	}
	in.disk.fail(codeNoFile, diag.Pos{}, fmt.Sprintf("there is no %s in %s or a folder above it", strings.Join(usualNames(), ", "), from), "name the file with -f")
	return nil
}

func override(dir string) []string {
	for _, name := range usualNames() {
		base, ext, _ := strings.Cut(name, ".")
		if path := filepath.Join(dir, base+".override."+ext); isFile(path) {
			return []string{path}
		}
	}
	return nil
}
