package convert

import (
	"context"
	"fmt"

	"gantry/charts/diag"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/podsecurity"
	"gantry/convert/rules"
	"gantry/convert/workload"
)

// Result is a converted application.
type Result struct {
	// Project is the application as Compose sees it, with the origin of each key.
	Project *compose.Project
	// App is the model that the rules made of it.
	App *workload.App
	// Objects are the Kubernetes objects, in the order in which they are applied.
	Objects []manifest.Object
	// Diagnostics says what the user must know: problems of the files, and keys
	// that are not converted exactly. It is sorted by position.
	Diagnostics diag.List
	// Files are the Compose files as they were read, in that order. They are there
	// when the conversion failed, too.
	Files []compose.File
}

// Convert reads the Compose files of an application and returns its Kubernetes
// objects. Problems of the files are diagnostics: when there are errors among
// them, the objects are nil and the error is a [diag.Errors] with all of them.
// Any other error is one of the world around.
func Convert(ctx context.Context, src compose.Source, opts rules.Options) (*Result, error) {
	if err := opts.Validate(); err != nil {
		return nil, err
	}
	result := &Result{}
	src.Seen = func(f compose.File) { result.Files = append(result.Files, f) }
	project, problems, err := compose.Load(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("load the Compose files: %w", err)
	}
	if err := problems.Err(); err != nil {
		result.Diagnostics = problems
		return result, err
	}
	if opts.LookUp != nil {
		opts.Images = opts.LookUp(ctx, rules.References(project, opts))
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	app, findings := rules.Apply(project, opts)
	result.Project, result.App, result.Diagnostics = project, app, append(problems, findings...)
	result.Diagnostics.Sort()
	if err := result.Diagnostics.Err(); err != nil {
		return result, err
	}
	objects := manifest.Build(app)
	for _, problem := range manifest.Patch(app, objects, opts.Minor()) {
		problem.Pos = project.Origins.At(problem.Path...)
		result.Diagnostics.Add(problem)
	}
	refused, err := refusedPods(app, objects, opts)
	if err != nil {
		return nil, err
	}
	for _, problem := range refused {
		problem.Path = sectioned(project, problem.Path[0])
		problem.Pos = project.Origins.At(problem.Path...)
		result.Diagnostics.Add(problem)
	}
	result.Diagnostics.Sort()
	if err := result.Diagnostics.Err(); err != nil {
		return result, err
	}
	result.Objects = objects
	return result, nil
}

// sectioned is the path of a service or job, which have no name in common.
func sectioned(project *compose.Project, name string) diag.Path {
	if _, ok := project.Jobs[name]; ok {
		return diag.Path{"jobs", name}
	}
	return diag.Path{"services", name}
}

// refusedPods are those that the namespace would refuse: the one that the user
// asks about, or that the application makes.
func refusedPods(app *workload.App, objects []manifest.Object, opts rules.Options) (diag.List, error) {
	level := opts.PodSecurity
	if created := app.Scope.Created; level == "" && created != nil {
		level = created.Labels[podsecurity.EnforceLabel]
	}
	if !podsecurity.Known(level) {
		return nil, nil
	}
	return podsecurity.Check(objects, podsecurity.Level(level), opts.Minor())
}
