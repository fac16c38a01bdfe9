package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// excuse is a check of kube-score that Gantry does not hold itself to.
type excuse struct{ check, reason string }

// excused returns them.
func excused() []excuse {
	return []excuse{
		{"container-image-pull-policy", "kube-score wants Always, which keeps charts from running where no registry is in reach; Kubernetes' own default pulls what has no version"},
		{"pod-networkpolicy", "Compose separates networks, and a chart does so with --network-policies or a value; who may reach the pods of one cluster is not the chart's to guess"},
		{"pod-probes-identical", "Compose has one health check: it serves both probes, and the liveness probe is more patient"},
	}
}

// strictCase is the case in which nothing critical may be found at all.
const strictCase = "strict.txtar"

// made is the folder of the chart, which no case has a folder for.
const made = "made-by-gantry"

// judge knows the programs.
type judge struct{ gantry, kubeScore string }

// verdict is what there is to say of a case.
type verdict struct {
	// objects is how many objects were judged; 0 if the case gives no chart.
	objects  int
	critical []string
}

// judge makes the chart of a case, and compares what is found in it with what is found in
// the plain conversion.
func (j *judge) judge(ctx context.Context, name string) (verdict, error) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		return verdict{}, err
	}
	dir, err := os.MkdirTemp("", "gantry-score-")
	if err != nil {
		return verdict{}, err
	}
	defer os.RemoveAll(dir)
	if err := unpack(archive, dir); err != nil {
		return verdict{}, err
	}
	strict := filepath.Base(name) == strictCase
	plain, err := output(ctx, dir, nil, j.gantry, "convert", "-f", "compose.yaml")
	if _, refused := errors.AsType[*exec.ExitError](err); refused && ctx.Err() == nil && !strict {
		return verdict{}, nil // the case is about a mistake, or has its files elsewhere
	}
	if err != nil {
		return verdict{}, err
	}
	if _, err := output(ctx, dir, nil, j.gantry, "chart", "create", "-f", "compose.yaml", "-o", made); err != nil {
		return verdict{}, err
	}
	rendered, err := output(ctx, dir, nil, j.gantry, "template", "app", "./"+made)
	if _, refused := errors.AsType[*exec.ExitError](err); refused && ctx.Err() == nil && !strict {
		return verdict{}, nil // it wants values, or charts that are not fetched
	}
	if err != nil {
		return verdict{}, err
	}
	before, err := j.score(ctx, dir, plain)
	if err != nil {
		return verdict{}, err
	}
	after, err := j.score(ctx, dir, rendered)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{objects: len(after)}
	for _, o := range after {
		asked := before.find(o, serviceOf(o))
		if strict {
			asked = nil
		}
		for _, check := range o.critical() {
			if !slices.Contains(asked, check) {
				v.critical = append(v.critical, o.Name+": "+check)
			}
		}
	}
	return v, nil
}

// unpack writes the files of a case into a folder.
func unpack(archive *txtar.Archive, dir string) error {
	for _, f := range archive.Files {
		if !filepath.IsLocal(f.Name) {
			continue
		}
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// output runs a program in a folder, and returns what it prints.
func output(ctx context.Context, dir string, in io.Reader, name string, args ...string) ([]byte, error) {
	var out, said bytes.Buffer
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.Stdin, c.Stdout, c.Stderr = dir, in, &out, &said
	if err := c.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("%s %s: %w: %s", filepath.Base(name), strings.Join(args, " "), err, bytes.TrimSpace(said.Bytes()))
	}
	return out.Bytes(), nil
}

// scored is an object as kube-score prints it.
type scored struct {
	Name string `json:"object_name"`
	Meta struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
	} `json:"object_meta"`
	Checks []struct {
		Check struct {
			ID string `json:"id"`
		} `json:"check"`
		Grade   int  `json:"grade"`
		Skipped bool `json:"skipped"`
	} `json:"checks"`
}

type scores []scored

// gradeCritical is the grade of what kube-score calls critical.
const gradeCritical = 1

// score lets kube-score judge objects.
func (j *judge) score(ctx context.Context, dir string, objects []byte) (scores, error) {
	// It exits with 1 when it has found something.
	out, err := output(ctx, dir, bytes.NewReader(objects), j.kubeScore, "score", "--output-format", "json", "-")
	var list scores
	if broken := json.Unmarshal(out, &list); broken != nil {
		return nil, errors.Join(err, broken)
	}
	if len(list) == 0 && len(bytes.TrimSpace(objects)) > 0 {
		return nil, fmt.Errorf("kube-score found no objects: %w", err)
	}
	return list, nil
}

// critical returns the checks that an object fails, without those that are excused.
func (o scored) critical() []string {
	var list []string
	for _, c := range o.Checks {
		// kube-score takes a Service without a selector for one that leads to every pod, and
		// wants probes of those that run once, too.
		probes := c.Check.ID == "pod-probes" && o.Meta.Annotations["helm.sh/hook"] == "test"
		if c.Grade == gradeCritical && !c.Skipped && !probes && !slices.ContainsFunc(excused(), func(e excuse) bool { return e.check == c.Check.ID }) {
			list = append(list, c.Check.ID)
		}
	}
	return list
}

// healthOf is the label by which a pod that tests the health of a service names it.
const healthOf = "app.kubernetes.io/component"

// serviceOf returns the service whose image and rights the pod of a test has, or "".
func serviceOf(o scored) string {
	if o.Meta.Annotations["helm.sh/hook"] != "test" {
		return ""
	}
	return o.Meta.Labels[healthOf]
}

// find returns the critical checks of an object, of one of its kind that has its labels and
// another name, as Jobs have it in charts, or of the workload of a service.
func (s scores) find(object scored, service string) []string {
	const name = "app.kubernetes.io/name"
	for _, o := range s {
		switch label := o.Meta.Labels[name]; {
		case o.Name == object.Name,
			label != "" && label == object.Meta.Labels[name] && o.kind() == object.kind(),
			label != "" && label == service && strings.Contains(o.Name, "/apps/"):
			return o.critical()
		}
	}
	return nil
}

// kind returns the kind of an object, with its version.
func (o scored) kind() string {
	kind, _, _ := strings.Cut(o.Name, "//")
	return kind
}
