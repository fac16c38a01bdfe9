package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"

	composecli "github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/loader"

	"gantry/convert"
	"gantry/convert/compose"
	"gantry/convert/manifest"
	"gantry/convert/rules"
)

// What a child process does once, in time that it measures itself.
const (
	workConvert = "convert"
	workLoad    = "load"
)

func childWork(ctx context.Context, work, file string) error {
	switch work {
	case workConvert:
		return convertFile(ctx, file)
	case workLoad:
		return loadFile(ctx, file)
	default:
		return fmt.Errorf("unknown work %q", work)
	}
}

// maxNodes lifts the limit of compose-go, which is below 10,000 services.
const maxNodes = 100_000_000

// loadFile does what every Compose tool has to: compose-go's load, without its
// exponential search for cycles.
func loadFile(ctx context.Context, file string) error {
	o, err := composecli.NewProjectOptions([]string{file},
		composecli.WithWorkingDirectory(filepath.Dir(file)),
		composecli.WithConsistency(false),
		composecli.WithoutEnvironmentResolution,
		composecli.WithLoadOptions(func(o *loader.Options) { o.MaxNodeVisits = maxNodes }),
	)
	if err != nil {
		return err
	}
	_, err = o.LoadProject(ctx)
	return err
}

// convertFile does what `gantry convert` does, up to writing the objects out.
func convertFile(ctx context.Context, file string) error {
	result, err := convert.Convert(ctx, compose.Source{Files: []string{file}}, rules.Options{})
	if err != nil {
		return err
	}
	return manifest.Write(io.Discard, result.Objects)
}
