package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	strict "sigs.k8s.io/json"

	"gantry/charts/diag"
	"gantry/charts/pattern"
	"gantry/convert/schema"
	"gantry/convert/workload"
	"gantry/convert/young"
)

// Codes of what is wrong with patches.
const (
	codePatchTarget = "patch-target"
	codePatch       = "patch"
)

// Patch applies the patches of an application to its objects. The list says
// which do not apply, with the path in the Compose file and without position.
//
// Fields that Kubernetes 1.minor does not have are left out, and reported; 0 has all.
func Patch(app *workload.App, objects []Object, minor int) diag.List {
	p := &patcher{minor: minor, young: young.Since(minor)}
	for _, patch := range app.Patches {
		p.apply(patch, objects)
	}
	return p.list
}

// maxPatched is how large a patched object may be: more than the 1.5 MiB that
// etcd takes. A few operations that copy could otherwise fill the memory.
const maxPatched = 4 << 20

type patcher struct {
	list diag.List
	// minor is the version of Kubernetes, and young are the fields it lacks.
	minor int
	young map[string]young.Field
}

func (p *patcher) fail(path diag.Path, code, summary, hint string) {
	p.list.Add(diag.Diagnostic{Severity: diag.Error, Path: path, Code: code, Summary: summary, Hint: hint})
}

// apply applies one patch to the objects that it is for.
func (p *patcher) apply(patch *workload.Patch, objects []Object) {
	hit := false
	var others []string
	for i, o := range objects {
		if patch.Service != "" && o.Service != patch.Service {
			continue
		}
		if o.Kind() != patch.Kind || patch.Name != "" && o.GetName() != patch.Name {
			others = append(others, o.Kind()+"/"+o.GetName())
			continue
		}
		hit = true
		changed, ok := p.changed(patch, o)
		if !ok {
			return
		}
		objects[i].Resource = changed
	}
	if !hit {
		p.fail(patch.Path, codePatchTarget, "there is no such object to patch", "the objects are "+strings.Join(others, ", "))
	}
}

// changed returns an object with a patch applied.
func (p *patcher) changed(patch *workload.Patch, o Object) (Resource, bool) {
	data, err := json.Marshal(o.Resource)
	if err != nil {
		p.fail(patch.Path, codePatch, err.Error(), "")
		return nil, false
	}
	before := errorsIn(p.list)
	if bytes.HasPrefix(bytes.TrimSpace(patch.Change), []byte("[")) {
		data = p.operations(patch, o, data)
	} else {
		data = p.merge(patch, o, data)
	}
	if errorsIn(p.list) > before {
		return nil, false
	}
	changed, ok := fresh(o.Resource).(Resource)
	if err := json.Unmarshal(data, changed); err != nil || !ok {
		p.fail(patch.Path, codePatch, fmt.Sprintf("makes no %s: %v", o.Kind(), err), "")
		return nil, false
	}
	if changed.GetName() != o.GetName() || changed.GetObjectKind().GroupVersionKind() != o.GetObjectKind().GroupVersionKind() {
		p.fail(patch.Path, codePatch, "must not change the name or the kind of an object: others refer to it", "services have x-kubernetes.name")
		return nil, false
	}
	return changed, true
}

// fresh returns an empty object of the same type.
func fresh(o any) any { return reflect.New(reflect.TypeOf(o).Elem()).Interface() }

// merge applies a strategic merge patch.
func (p *patcher) merge(patch *workload.Patch, o Object, data []byte) []byte {
	var change map[string]any
	if err := json.Unmarshal(patch.Change, &change); err != nil {
		p.fail(patch.Path, codePatch, err.Error(), "")
		return nil
	}
	withoutDirectives(change)
	plain, err := json.Marshal(change)
	if err != nil {
		p.fail(patch.Path, codePatch, err.Error(), "")
		return nil
	}
	if !p.fits(plain, o, patch.Path) {
		return nil
	}
	known, lost := p.dropYoung(patch.Change, o, patch.Path)
	p.list = append(p.list, lost...)
	if errorsIn(lost) > 0 {
		return nil
	}
	merged, err := strategicpatch.StrategicMergePatch(data, known, o.Resource)
	if err != nil {
		p.fail(patch.Path, codePatch, "does not apply: "+err.Error(), "")
	}
	return merged
}

// withoutDirectives takes away what tells the patch how to merge.
func withoutDirectives(node any) {
	switch n := node.(type) {
	case map[string]any:
		for key, value := range n {
			if strings.HasPrefix(key, "$") {
				delete(n, key)
				continue
			}
			withoutDirectives(value)
		}
	case []any:
		for _, item := range n {
			withoutDirectives(item)
		}
	}
}

// operations applies a JSON patch one operation at a time, to know which of them
// does not apply.
func (p *patcher) operations(patch *workload.Patch, o Object, data []byte) []byte {
	var list []json.RawMessage
	if err := json.Unmarshal(patch.Change, &list); err != nil {
		p.fail(patch.Path, codePatch, err.Error(), "")
		return nil
	}
	for i, op := range list {
		path := append(slices.Clip(patch.Path), strconv.Itoa(i))
		decoded, err := jsonpatch.DecodePatch(slices.Concat([]byte("["), op, []byte("]")))
		if err == nil {
			data, err = decoded.Apply(data)
		}
		if err == nil && len(data) > maxPatched {
			err = fmt.Errorf("the object would have more than %d bytes", maxPatched)
		}
		if err != nil {
			p.fail(path, codePatch, "does not apply: "+err.Error(), "")
			return nil
		}
		if !p.fits(data, o, path) {
			return nil
		}
		// Before the operation there was no such field.
		known, lost := p.dropYoung(data, o, nil)
		for _, d := range lost {
			d.Path, d.Summary = path, fmt.Sprintf("adds %s, which %s", strings.Join(d.Path, "."), d.Summary)
			p.list.Add(d)
		}
		if errorsIn(lost) > 0 {
			return nil
		}
		data = known
	}
	return data
}

// dropYoung takes the fields out of an object, or of a patch of one, that the version
// asked for does not have, and says which.
func (p *patcher) dropYoung(data []byte, o Object, path diag.Path) ([]byte, diag.List) {
	var fields map[string]any
	if len(p.young) == 0 || json.Unmarshal(data, &fields) != nil {
		return data, nil
	}
	lost := p.younger(fields, reflect.TypeOf(o.Resource), path)
	if len(lost) == 0 {
		return data, nil
	}
	known, err := json.Marshal(fields)
	if err != nil {
		panic(err) // it came from JSON
	}
	return known, lost
}

// younger takes the young fields out of a value of a type.
func (p *patcher) younger(value any, t reflect.Type, path diag.Path) diag.List {
	var lost diag.List
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch v := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			at := append(slices.Clip(path), key)
			if f, ok := p.young[nameOf(t)+"."+key]; ok {
				lost.Add(f.Lost(at, p.minor))
				delete(v, key)
				continue
			}
			below := p.younger(v[key], step(t, key), at)
			if rest, ok := v[key].(map[string]any); ok && len(rest) == 0 && len(below) > 0 {
				delete(v, key) // nothing is left of it
			}
			lost = append(lost, below...)
		}
	case []any:
		for i, item := range v {
			lost = append(lost, p.younger(item, step(t, ""), append(slices.Clip(path), strconv.Itoa(i)))...)
		}
	}
	return lost
}

func nameOf(t reflect.Type) string {
	if t == nil {
		return ""
	}
	return young.TypeName(t)
}

func errorsIn(list diag.List) int { return list.Count(diag.Error) }

// unknown is how the decoder names a field that a type does not have.
var unknown = pattern.Lazy(`^unknown field "(.*)"$`)

// fits reports whether data holds nothing that an object of the kind does not
// have.
func (p *patcher) fits(data []byte, o Object, path diag.Path) bool {
	into := fresh(o.Resource)
	if err := json.Unmarshal(data, into); err != nil {
		at := path
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			at = slices.Concat(path, strings.Split(wrong.Field, "."))
			err = fmt.Errorf("must be %s", plainType(wrong.Type))
		}
		p.fail(at, schema.CodeType, strings.TrimPrefix(err.Error(), "json: "), "")
		return false
	}
	problems, err := strict.UnmarshalStrict(data, into, strict.DisallowUnknownFields)
	if err != nil {
		p.fail(path, codePatch, err.Error(), "")
		return false
	}
	for _, problem := range problems {
		m := unknown().FindStringSubmatch(problem.Error())
		if m == nil {
			p.fail(path, codePatch, problem.Error(), "")
			continue
		}
		field := strings.FieldsFunc(m[1], func(r rune) bool { return r == '.' || r == '[' || r == ']' })
		if len(field) == 0 { // the key is empty, or made of these
			field = []string{m[1]}
		}
		p.fail(slices.Concat(path, field), schema.CodeUnknown, fmt.Sprintf("is no field of a %s here", o.Kind()), diag.DidYouMean(field[len(field)-1], fieldsOf(reflect.TypeOf(o.Resource), field)))
	}
	return len(problems) == 0
}

// plainType is what people call a type of Go.
func plainType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Map, reflect.Struct:
		return "a mapping"
	default:
		return "a number"
	}
}

// fieldsOf lists the fields beside the one that a path leads to.
func fieldsOf(t reflect.Type, path []string) []string {
	for _, key := range path[:len(path)-1] {
		t = step(t, key)
	}
	var names []string
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// step returns the type of a field or an item, or nil.
func step(t reflect.Type, key string) reflect.Type {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t == nil {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Map:
		return t.Elem()
	case reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name == key {
				return f.Type
			}
		}
		return nil
	default:
		return nil
	}
}
