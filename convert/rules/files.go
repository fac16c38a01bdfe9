package rules

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gantry/charts/diag"
	"gantry/convert/workload"
)

// Where Compose mounts secrets and configs that name no other place.
const secretsDir = "/run/secrets/"

// configs mounts top-level configs as files, at /NAME unless they say otherwise.
func (u *unit) configs() {
	for i, ref := range u.in.Configs {
		key := []string{"configs", strconv.Itoa(i)}
		config := types.FileObjectConfig(u.project.Configs[ref.Source])
		target := ref.Target
		if target == "" {
			target = "/" + ref.Source
		}
		u.fileObject(fileObject{
			section: "configs", name: ref.Source, config: config, ref: types.FileReferenceConfig(ref), target: target,
		}, key)
	}
}

// secrets mounts top-level secrets as files, under /run/secrets unless they give
// an absolute path. The path never changes: programs have it in their settings.
func (u *unit) secrets() {
	for i, ref := range u.in.Secrets {
		key := []string{"secrets", strconv.Itoa(i)}
		config := types.FileObjectConfig(u.project.Secrets[ref.Source])
		target := ref.Target
		if target == "" {
			target = ref.Source
		}
		if !strings.HasPrefix(target, "/") {
			target = secretsDir + target
		}
		u.fileObject(fileObject{
			section: "secrets", secret: true, name: ref.Source, config: config, ref: types.FileReferenceConfig(ref), target: target,
		}, key)
	}
}

// fileObject is a config or secret that a service mounts.
type fileObject struct {
	section string // configs or secrets
	secret  bool
	name    string
	config  types.FileObjectConfig
	ref     types.FileReferenceConfig
	target  string
}

func (u *unit) fileObject(f fileObject, key []string) {
	file := dataFile{object: u.dataName(f), secret: f.secret, key: u.dataKey(f), target: f.target}
	if f.ref.Mode != nil {
		file.mode = new(int32(*f.ref.Mode & 0o777))
	}
	u.fileOwner(f.ref, key)
	u.declare(f, file.object)
	if u.mountable(file.target, key) {
		u.mountFile(file)
	}
}

// fileOwner lets the group that a file should belong to read it, as the group of the
// pod's volumes: the file itself is root's.
func (u *unit) fileOwner(ref types.FileReferenceConfig, key []string) {
	owner := ref.GID
	if owner == "" || owner == "0" {
		owner = ref.UID
	}
	if owner == "" || owner == "0" {
		return
	}
	group, err := strconv.ParseInt(owner, 10, 32)
	if err != nil || group < 0 {
		u.warn(finding{
			code: "file-owner", summary: fmt.Sprintf("%q is a name, and Kubernetes takes only numbers: the file is root's", owner), hint: "write the number, or make the mode readable to all",
		}, key...)
		return
	}
	if !isGuarded(ref.Mode) {
		u.note(finding{code: "file-owner", summary: "cannot belong to another user or group: the file is root's, and everybody may read it"}, key...)
		return
	}
	if ctx := u.container.SecurityContext; (ctx == nil || ctx.RunAsUser == nil) && u.podSecurity().FSGroup == nil {
		u.podSecurity().FSGroup = &group
	}
	u.note(finding{code: "file-owner", summary: "cannot belong to another user: the file is root's, and the group of the pod's volumes (fsGroup) may read it"}, key...)
}

// isGuarded reports whether a mode keeps a file from others than its owner and group.
func isGuarded[M ~int32 | ~int64](mode *M) bool { return mode != nil && *mode&0o004 == 0 }

// dataName is the name of the object that holds a config or secret. The loader
// fills in PROJECT_NAME where nobody gave it a name.
func (a *app) dataName(f fileObject) string {
	if name := a.extensionOfFile(f).Existing; name != "" {
		return name
	}
	if name := f.config.Name; name != "" && name != a.project.Name+"_"+f.name {
		return objectName(name)
	}
	return objectName(f.name)
}

// declare emits the ConfigMap or Secret of a top-level config or secret, once.
func (a *app) declare(f fileObject, object string) {
	kind := kindOf(f.secret)
	path := diag.Path{f.section, f.name}
	if other, ok := a.kindNames(kind).take(object, f.section+" "+f.name); !ok {
		a.report(diag.Error, finding{
			code:    "name-collision",
			summary: fmt.Sprintf("would be the %s %q, as %s is already", kind, object, strings.Replace(other, " ", ".", 1)),
			hint:    "rename one of the two",
		}, path)
		return
	}
	id := kind + " " + object
	if a.declared[id] {
		return
	}
	a.declared[id] = true
	content, ok := a.content(f, object, path)
	if !ok {
		return
	}
	out := &workload.Data{Name: object, Secret: f.secret, Annotations: validAnnotations(f.config.Labels)}
	a.extendData(f, out)
	setData(out, a.dataKey(f), content)
	if variable := f.config.Environment; f.secret && variable != "" && string(content) == workload.Placeholder {
		value, _ := a.project.Environment.Resolve(variable)
		out.Withheld = map[string]workload.Withheld{a.dataKey(f): {Variable: variable, Value: value}}
	}
	var files map[string]string
	if f.config.Content == "" && f.config.Environment == "" {
		files = map[string]string{a.dataKey(f): f.config.File}
	}
	a.addFiles(out, files, path)
}

// content returns what a config or secret holds, and whether an object is made
// of it at all.
func (a *app) content(f fileObject, object string, path diag.Path) ([]byte, bool) {
	existing := a.extensionOfFile(f).Existing != ""
	if bool(f.config.External) || existing {
		a.reportExisting(f)
	}
	chosen := existing || f.secret && a.opts.Secrets == SecretsExternal
	if bool(f.config.External) || f.secret && f.config.Driver != "" || chosen {
		severity := diag.Warning
		if chosen {
			severity = diag.Note
		}
		a.report(severity, finding{
			code:    "file-external",
			summary: fmt.Sprintf("must exist as %s %s with the key %s, and pods wait for it", kindOf(f.secret), object, a.dataKey(f)),
			hint:    fmt.Sprintf("kubectl create %s %s --from-file=%s=FILE", createArgument(f.secret), object, a.dataKey(f)),
		}, path)
		return nil, false
	}
	if f.secret && a.opts.Secrets == SecretsPlaceholder {
		return a.placeholder(path), true
	}
	switch {
	case f.config.Environment != "": // of which the loader has made content
		return a.fromEnvironment(f, path)
	case f.config.Content != "":
		return []byte(f.config.Content), true
	default:
		return a.fromFile(f, object, path)
	}
}

func kindOf(secret bool) string {
	if secret {
		return "Secret"
	}
	return "ConfigMap"
}

// createArgument is what kubectl create wants to hear.
func createArgument(secret bool) string {
	if secret {
		return "secret generic"
	}
	return "configmap"
}

// fromEnvironment takes the value of a variable. That of a secret came from the
// user's shell, where nobody expects it to end up in a file.
func (a *app) fromEnvironment(f fileObject, path diag.Path) ([]byte, bool) {
	if f.secret && a.opts.Secrets != SecretsPlain {
		return a.placeholder(path), true
	}
	value, ok := a.project.Environment.Resolve(f.config.Environment)
	if !ok {
		a.report(diag.Warning, finding{
			code: "variable-unset", summary: fmt.Sprintf("variable %s is not set: the file is empty", f.config.Environment),
			hint: "set it in the shell or an --env-file",
		}, append(path, "environment"))
	} else if !f.secret {
		a.report(diag.Warning, finding{
			code: "value-baked", summary: fmt.Sprintf("the value that %s has on this machine is written into the ConfigMap", f.config.Environment),
		}, append(path, "environment"))
	}
	return []byte(value), true
}

func (a *app) placeholder(path diag.Path) []byte {
	a.report(diag.Warning, finding{
		code:    "secret-placeholder",
		summary: "its value is not written into the Secret: it says " + workload.Placeholder,
		hint:    "replace it, or pass --secrets=plain to write the value",
	}, path)
	return []byte(workload.Placeholder)
}

func (a *app) fromFile(f fileObject, object string, path diag.Path) ([]byte, bool) {
	data, err := a.readFile(f.config.File)
	if err == nil {
		return data, true
	}
	why := a.unreadable(f.config.File, err)
	if severity := severityOf(err); severity == diag.Error {
		a.report(severity, why, append(path, "file"))
		return nil, false
	}
	a.report(diag.Warning, finding{
		code:    why.code,
		summary: why.awaited(kindOf(f.secret), object),
		hint:    fmt.Sprintf("%s, or kubectl create %s %s --from-file=%s=FILE", why.hint, createArgument(f.secret), object, a.dataKey(f)),
	}, append(path, "file"))
	return nil, false
}

// addFiles adds a ConfigMap or Secret whose content nobody changes. files are those that
// its keys are read from.
func (a *app) addFiles(d *workload.Data, files map[string]string, path diag.Path) {
	if !a.addData(d, path) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(d.Text)) {
		a.reportKept(text{files[key], d.Text[key]}, path)
	}
}

// addData adds a ConfigMap or Secret to the application, and reports whether it was not
// there. path is the key that asks for it.
func (a *app) addData(d *workload.Data, path diag.Path) (added bool) {
	id := kindOf(d.Secret) + " " + d.Name
	if a.data[id] != nil {
		return false
	}
	a.data[id] = d
	a.out.Data = append(a.out.Data, d)
	for _, key := range slices.Sorted(maps.Keys(d.Text)) {
		a.mentions.add(d.Text[key], path)
	}
	a.reportClearFiles(d, path)
	switch size := sizeOf(d); {
	case size > maxConfigBytes:
		a.report(diag.Error, finding{"file-too-large", tooLarge, "build it into the image, or put it on a volume"}, path)
	case size > maxAppliedBytes:
		a.report(diag.Note, finding{
			code: "file-large", summary: fmt.Sprintf("makes a %s that kubectl apply only takes with --server-side: it has %d KiB", kindOf(d.Secret), size>>10),
		}, path)
	}
	return true
}

// sizeOf counts what the API server counts.
func sizeOf(d *workload.Data) int {
	size := 0
	for _, text := range d.Text {
		size += len(text)
	}
	for _, data := range d.Binary {
		size += len(data)
	}
	return size
}
