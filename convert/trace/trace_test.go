package trace_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"gantry/convert/compose"
	"gantry/convert/hosts"
	"gantry/convert/manifest"
	"gantry/convert/trace"
)

// settings are the variables of the conversion that the tests watch.
func settings() map[string]string {
	return map[string]string{
		"TEXT": "plain", "PART": "b", "PORT": "8080", "NEXT": "8081", "EMPTY": "", "SIZE": "2", "KEPT": "x", "GONE": "1", "PASSWORD": "s3cret", "WHOLE": "hunter2",
		"STRICT": "on", "UNUSED": "1", "COMPOSE_FILE": "compose.yaml",
	}
}

// convert stands for a conversion: it does with each variable what conversions do.
func convert(_ context.Context, set map[string]string) ([]manifest.Object, error) {
	v := settings()
	maps.Copy(v, set)
	if v["STRICT"] != "on" {
		return nil, errors.New("neither on nor off")
	}
	size, err := strconv.Atoi(v["SIZE"])
	if err != nil {
		return nil, err
	}
	port, _ := strconv.Atoi(v["PORT"])
	next, _ := strconv.Atoi(v["NEXT"])
	meta := metav1.ObjectMeta{Name: "web", Annotations: map[string]string{
		"text": v["TEXT"], "both": "a" + v["PART"] + "c" + v["PORT"], "empty": "<" + v["EMPTY"] + ">", "size": strconv.Itoa(1024 * size), "kept": "${KEPT} " + v["KEPT"],
		"checksum/config": v["TEXT"] + "!",
	}}
	service := &corev1.Service{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: meta}
	service.Spec.Ports = []corev1.ServicePort{{Name: v["PORT"] + "-tcp", Port: int32(port)}, {Name: v["NEXT"] + "-tcp", Port: int32(next)}}
	objects := []manifest.Object{
		{Service: "web", Resource: service},
		{Resource: &corev1.Secret{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"}, ObjectMeta: metav1.ObjectMeta{Name: "env"},
			StringData: map[string]string{"whole": v["WHOLE"], "url": "http://" + v["TEXT"]},
		}},
	}
	if v["GONE"] != "1" {
		objects = objects[:1]
	}
	return objects, nil
}

func TestVariables(t *testing.T) {
	var mentioned []compose.Variable
	for name, value := range settings() {
		mentioned = append(mentioned, compose.Variable{Name: name, Value: value, Required: name == "TEXT"})
	}
	mentioned = append(mentioned, compose.Variable{Name: "TWO", Value: "1"}, compose.Variable{Name: "TWO", Value: "2"})
	objects, err := convert(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := trace.Variables(t.Context(), trace.Application{
		Mentioned: mentioned, Objects: objects, Again: convert, Secret: func(name string) bool { return name == "PASSWORD" },
	})
	if err != nil {
		t.Fatal(err)
	}
	web := []string{"web"}
	want := []trace.Variable{
		{Name: "EMPTY", Services: web},
		{Name: "NEXT", Value: "8081", Number: true, Services: web},
		{Name: "PART", Value: "b", Services: web},
		{Name: "PORT", Value: "8080", Services: web},
		{Name: "TEXT", Value: "plain", Required: true, Services: web},
	}
	if diff := gocmp.Diff(want, found.Variables); diff != "" {
		t.Errorf("variables (-want +got):\n%s", diff)
	}
	var fixed []string
	for _, f := range found.Fixed {
		fixed = append(fixed, f.Name+": "+f.Why)
	}
	wantFixed := []string{
		"GONE: decides which objects there are",
		"KEPT: stands for itself somewhere, as `$${NAME}` does",
		"PASSWORD: is a secret",
		"SIZE: decides more than a text of Service web (metadata.annotations.size)",
		"STRICT: does not take just any value: it is checked, or calculated with",
		"TWO: has different defaults",
		"WHOLE: is a secret",
	}
	if diff := gocmp.Diff(wantFixed, fixed); diff != "" {
		t.Errorf("fixed (-want +got):\n%s", diff)
	}
	tree, err := objects[0].Node()
	if err != nil {
		t.Fatal(err)
	}
	found.Mark(objects[0], tree)
	var text strings.Builder
	if err := manifest.Encode(&text, tree); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"text: \"${TEXT}\"\n", "both: \"a${PART}c${PORT}\"\n", "empty: \"<${EMPTY}>\"\n", "port: ${PORT}\n", "port: ${NEXT}\n", "name: \"8080-tcp\"\n", "checksum/config: plain!\n"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the object has no %q:\n%s", want, &text)
		}
	}
}

// TestHosts has variables whose value is the name of a host: a chart offers what the
// objects have of it.
func TestHosts(t *testing.T) {
	renames := hosts.Renames{"my_db": "my-db"}
	mentioned := []compose.Variable{{Name: "DATABASE", Value: "my_db"}, {Name: "HOST", Value: "my_db"}, {Name: "PART", Value: "my"}, {Name: "TWO", Value: "my_db"}}
	again := func(_ context.Context, set map[string]string) ([]manifest.Object, error) {
		annotations := map[string]string{
			"both": "http://${HOST}/${DATABASE}", "database": "${DATABASE}", "host": "tcp://${HOST}", "part": "http://${PART}_db", "one": "http://${TWO}", "other": "${TWO}",
		}
		for key, text := range annotations {
			for _, v := range mentioned {
				text = strings.ReplaceAll(text, "${"+v.Name+"}", cmp.Or(set[v.Name], v.Value))
			}
			annotations[key], _ = renames.Rewrite("", text)
		}
		return []manifest.Object{{Service: "web", Resource: &corev1.Service{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: annotations},
		}}}, nil
	}
	objects, err := again(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	found, err := trace.Variables(t.Context(), trace.Application{
		Mentioned: mentioned, Objects: objects, Hosts: renames, Again: again, Secret: func(string) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	want := &trace.Found{
		Variables: []trace.Variable{{Name: "DATABASE", Value: "my_db", Services: []string{"web"}}, {Name: "HOST", Value: "my-db", Services: []string{"web"}}},
		Fixed: []trace.Fixed{
			{Name: "PART", Why: "decides more than a text of Service web (metadata.annotations.part)"},
			{Name: "TWO", Why: "is a host in one place and something else in another, and the host has another name in Kubernetes"},
		},
	}
	if diff := gocmp.Diff(want, found, cmpopts.IgnoreUnexported(trace.Found{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestVariablesStopWithTheirContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := trace.Variables(ctx, trace.Application{
		Mentioned: []compose.Variable{{Name: "A", Value: "1"}}, Again: convert, Secret: func(string) bool { return false },
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestSearchIsBounded has hundreds of variables, of which each second decides more
// than a text.
func TestSearchIsBounded(t *testing.T) {
	var mentioned []compose.Variable
	for i := range 300 {
		mentioned = append(mentioned, compose.Variable{Name: fmt.Sprintf("V%03d", i), Value: "2"})
	}
	conversions := 0
	again := func(_ context.Context, set map[string]string) ([]manifest.Object, error) {
		conversions++
		annotations := map[string]string{}
		for i, v := range mentioned {
			value := cmp.Or(set[v.Name], v.Value)
			if i%2 == 1 {
				value = strings.Repeat("x", len(value))
			}
			annotations[v.Name] = value
		}
		return []manifest.Object{{Service: "web", Resource: &corev1.Service{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Service"}, ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: annotations},
		}}}, nil
	}
	objects, err := again(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	conversions = 0
	found, err := trace.Variables(t.Context(), trace.Application{
		Mentioned: mentioned, Objects: objects, Again: again, Secret: func(string) bool { return false },
	})
	if err != nil {
		t.Fatal(err)
	}
	if conversions > 61 {
		t.Errorf("%d conversions", conversions)
	}
	if len(found.Variables)+len(found.Fixed) != len(mentioned) {
		t.Errorf("%d variables are offered and %d fixed, of %d", len(found.Variables), len(found.Fixed), len(mentioned))
	}
}
