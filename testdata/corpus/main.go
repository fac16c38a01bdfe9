package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"

	"gantry/charts/diag"
	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/rules"
	"gantry/testdata/sandbox"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	gantry := flag.String("gantry", "bin/gantry", "the gantry that starts the sandbox")
	helm := flag.String("helm", "", "the helm that checks and renders charts; without it, none are made")
	flag.Parse()
	code, err := run(ctx, *gantry, *helm, flag.Args(), os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "corpus:", err)
		code = 1
	}
	os.Exit(code)
}

func run(ctx context.Context, gantry, helm string, args []string, out io.Writer) (int, error) {
	if len(args) != 1 {
		return 2, errors.New("name one folder")
	}
	projects, err := findProjects(args[0])
	if err != nil {
		return 1, err
	}
	if len(projects) == 0 {
		return 1, fmt.Errorf("there is no Compose project below %s", args[0])
	}
	s, err := sandbox.Start(ctx, gantry)
	if err != nil {
		return 1, err
	}
	code, err := judgeAll(ctx, s, helm, projects, out)
	return code, errors.Join(err, s.Delete(ctx))
}

// row is what became of one project.
type row struct {
	services, objects, warnings int
	// offered and fixed are how many variables are values of the chart, and are not.
	offered, fixed int
	// outcome is converted, lenient (with variables supplied), refused or failed.
	outcome string
	// said are the reasons of a refusal, or what the API server rejects.
	said []string
}

// judgeAll prints a row a project as it goes, and the totals.
func judgeAll(ctx context.Context, s *sandbox.Sandbox, helm string, projects []project, out io.Writer) (int, error) {
	j, err := newJudge(s.Config, helm)
	if err != nil {
		return 1, err
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "PROJECT\tSERVICES\tOBJECTS\tWARNINGS\tOUTCOME")
	totals := map[string]int{}
	var objects, rejected, offered, fixed int
	var details bytes.Buffer
	for _, p := range projects {
		r, err := try(ctx, j, p)
		if err != nil {
			return 1, err
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", p.name, r.services, r.objects, r.warnings, r.outcome)
		totals[r.outcome]++
		objects, offered, fixed = objects+r.objects, offered+r.offered, fixed+r.fixed
		if r.outcome == "rejected" {
			rejected += len(r.said)
		}
		for _, s := range r.said {
			fmt.Fprintf(&details, "%s: %s: %s\n", r.outcome, p.name, s)
		}
	}
	if err := w.Flush(); err != nil {
		return 1, err
	}
	fmt.Fprintf(out, "\n%s\n%d projects: %d converted, %d more with variables supplied, %d refused by the loader, %d failed, %d with rejected objects\n%d objects, %d rejected; %d variables are values of charts, %d are not\n",
		details.String(), len(projects), totals["converted"], totals["lenient"], totals["refused"], totals["failed"], totals["rejected"], objects, rejected, offered, fixed)
	if totals["failed"]+totals["rejected"] > 0 {
		return 1, nil
	}
	return 0, nil
}

// try converts a project, a second time with its missing variables supplied where
// the first was refused for want of them.
func try(ctx context.Context, j *judge, p project) (row, error) {
	src := p.source
	result, err := convertTwice(ctx, src)
	outcome := "converted"
	if refused, ok := errors.AsType[*diag.Errors](err); ok {
		src.Environ = supplied(src)
		again, err := convertTwice(ctx, src)
		if still, ok := errors.AsType[*diag.Errors](err); ok {
			return row{outcome: "refused", said: append(texts(refused.List), texts(still.List)...)}, nil
		}
		result, outcome = again, "lenient"
	} else if err != nil {
		if ctx.Err() != nil {
			return row{}, ctx.Err()
		}
		return row{outcome: "failed", said: []string{err.Error()}}, nil
	}
	r := row{services: len(result.Project.Services) + len(result.Project.Jobs), objects: len(result.Objects), warnings: result.Diagnostics.Count(diag.Warning), outcome: outcome}
	if r.said, err = j.rejected(ctx, result.Objects); err != nil {
		return row{}, err
	}
	if j.helm != "" {
		found, said, err := j.chart(ctx, src, result)
		if err != nil {
			return row{}, fmt.Errorf("chart of %s: %w", p.name, err)
		}
		r.offered, r.fixed, r.said = len(found.Variables), len(found.Fixed), append(r.said, said...)
	}
	if len(r.said) > 0 {
		r.outcome = "rejected"
	}
	return r, nil
}

// convertTwice converts a project, and fails when the same input gives other
// bytes, or a panic.
func convertTwice(ctx context.Context, src compose.Source) (result *convert.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	var texts [2]bytes.Buffer
	for i := range texts {
		if result, err = convert.Convert(ctx, src, rules.Options{}); err != nil {
			return result, err
		}
		if err := manifest.Write(&texts[i], result.Objects); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(texts[0].Bytes(), texts[1].Bytes()) {
		return nil, errors.New("converting twice gives different bytes")
	}
	return result, nil
}

// folderName are the names of variables that hold a folder or file.
var folderName = regexp.MustCompile(`(?i)path|dir|root|home|sock|cache|volume|file|workspace|pwd|prompt|repo|data|config`)

// supplied gives a value to every variable that lacks one: a folder where the name says so, and otherwise a number, which passes for
// a port and a name alike.
func supplied(src compose.Source) []string {
	var environ []string
	for i, name := range compose.Unset(src) {
		value := strconv.Itoa(1000 + i)
		switch lower := strings.ToLower(name); {
		case strings.Contains(lower, "port"):
		case strings.HasSuffix(lower, "_ip"):
			value = "127.0.0.1"
		case folderName.MatchString(name):
			value = "/srv/" + value
		}
		environ = append(environ, name+"="+value)
	}
	return environ
}

func texts(list diag.List) []string {
	var out []string
	for _, d := range list {
		if d.Severity == diag.Error {
			out = append(out, d.String())
		}
	}
	return out
}
