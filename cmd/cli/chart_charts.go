package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"helm.sh/helm/v3/pkg/chart"

	"gantry/charts"
	"gantry/charts/archive"
	"gantry/charts/deps"
	"gantry/convert"
	"gantry/convert/helm"
	"gantry/convert/workload"
	"gantry/repo/client"
)

// chartOf makes the chart of a converted application, in its first version, with
// the charts that it depends on.
func (a *app) chartOf(ctx context.Context, result *convert.Result) (*chart.Chart, error) {
	near, err := absolute(result.App.Charts, result.App.Name)
	if err != nil {
		return nil, err
	}
	files, err := helm.Chart(helm.Source{
		Name: result.App.Name, Minor: result.App.Minor, Version: defaultChartVersion, Objects: result.Objects, Charts: near, Data: result.App.Data,
	})
	if err != nil {
		return nil, err
	}
	if len(near) > 0 {
		return a.withDependencies(ctx, files)
	}
	made, err := archive.FromFiles(files)
	if err != nil {
		return nil, fmt.Errorf("read the chart that was made: %w", err)
	}
	return made, nil
}

// withDependencies fetches what a chart depends on into a folder that is gone
// afterwards.
func (a *app) withDependencies(ctx context.Context, files []charts.File) (*chart.Chart, error) {
	dir, err := os.MkdirTemp("", "gantry-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := writeDir(filepath.Join(dir, "chart"), files, false); err != nil {
		return nil, err
	}
	source := &repositories{a.repoClient(), client.FindPaths(runtime.GOOS, a.Getenv).Cache}
	_, err = deps.Update(ctx, filepath.Join(dir, "chart"), source, deps.Options{Now: a.Now, Observe: a.fetched})
	if e, ok := errors.AsType[*deps.UnsatisfiedError](err); ok {
		return nil, notFoundError(withHint(err, "change the version of "+e.Name+" under x-kubernetes.chart of its service"))
	}
	if err != nil {
		return nil, depsError(filepath.Join(dir, "chart"), err)
	}
	return archive.Load(filepath.Join(dir, "chart"))
}

// fileRepository is how the repository of a chart in a folder begins.
const fileRepository = "file://"

// absolute returns charts whose folders are found from everywhere: they are
// written as seen from the folder that gantry chart create would make.
func absolute(from []*workload.Chart, folder string) ([]*workload.Chart, error) {
	var all []*workload.Chart
	for _, c := range from {
		path, near := strings.CutPrefix(c.Repository, fileRepository)
		if near && !filepath.IsAbs(filepath.FromSlash(path)) {
			path, err := filepath.Abs(filepath.Join(folder, filepath.FromSlash(path)))
			if err != nil {
				return nil, err
			}
			other := *c
			other.Repository = fileRepository + filepath.ToSlash(path)
			c = &other
		}
		all = append(all, c)
	}
	return all, nil
}

// lacksCharts reports whether a chart in a folder lacks some that it depends on.
func lacksCharts(dir string) bool {
	c, err := archive.Load(dir)
	return err == nil && len(archive.MissingDependencies(c)) > 0
}
