package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/diag"
	"gantry/charts/live"
	"gantry/charts/release"
	"gantry/convert/registry"
)

// serviceCommands returns the commands of the group, in the order of the help.
func serviceCommands(a *app) []*cobra.Command {
	return []*cobra.Command{
		newPs(a), newLogs(a), newEvents(a),
		newExec(a), newCp(a), newPortForward(a),
		newScale(a), newRestart(a), newRollout(a),
	}
}

// whichRelease are the flags of the commands that are about the services of a
// release.
type whichRelease struct {
	source  sourceOptions
	release string
}

// whichHelp says how a release is found.
const whichHelp = `The release is the one that gantry up makes of the Compose file in this folder, or the
one that --release names.`

// bind gives a command the flags. The shorthand of --file is fileShorthand.
func (w *whichRelease) bind(a *app, c *cobra.Command, fileShorthand string) {
	w.source.bindFiles(c, fileShorthand)
	w.source.images = &registry.Client{}
	c.Flags().StringVarP(&w.release, "release", "r", "", "release (default: that of the Compose file)")
	_ = c.RegisterFlagCompletionFunc("release", a.completeReleases)
	c.ValidArgsFunction = a.completeServices(w)
}

// name is that of the release.
func (w *whichRelease) name(ctx context.Context, a *app) (string, error) {
	if w.release != "" {
		return w.release, nil
	}
	// What cannot be converted without the flags of gantry up still has a name.
	result, err := a.convert(ctx, &w.source)
	if err != nil && (result == nil || result.App == nil) {
		if _, ok := errors.AsType[*diag.Errors](err); ok {
			err = withHint(err, "or name a release: --release NAME")
		}
		return "", err
	}
	a.useNamespace(result)
	return result.App.Name, nil
}

// open finds the release and its services.
func (w *whichRelease) open(ctx context.Context, a *app) (*live.App, error) {
	name, err := w.name(ctx, a)
	if err != nil {
		return nil, err
	}
	cluster, err := a.connect()
	if err != nil {
		return nil, a.releaseError(err)
	}
	manager, err := a.releases("", nil)
	if err != nil {
		return nil, a.releaseError(err)
	}
	r, err := manager.Get(ctx, name, 0)
	if missing, ok := errors.AsType[*release.NotFoundError](err); ok && w.release == "" {
		err = notFoundError(withHint(fmt.Errorf("%w: the Compose file does not run there", missing), "start it with: gantry up; or name another release with --release, another namespace with -n"))
		return nil, err
	}
	if err != nil {
		return nil, a.releaseError(err)
	}
	if r.Status == "uninstalled" {
		return nil, notFoundError(withHint(fmt.Errorf("release %s in namespace %s was uninstalled", r.Name, r.Namespace), "bring it back with: gantry rollback "+r.Name+a.inNamespace()))
	}
	return live.Open(cluster, r)
}

// again returns the flags with which the next command means the same release.
func (w *whichRelease) again(a *app) string {
	if w.release == "" {
		return a.inNamespace()
	}
	return " --release " + w.release + a.inNamespace()
}

// inNamespace returns the flag that names the namespace, where one was given.
func (a *app) inNamespace() string {
	if a.namespace == "" {
		return ""
	}
	return " -n " + a.namespace
}

// services finds the release and the services that are named, or all.
func (w *whichRelease) services(ctx context.Context, a *app, names []string) (*live.App, []live.Service, error) {
	app, err := w.open(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	found, err := app.Find(names...)
	if err != nil {
		return nil, nil, serviceError(err)
	}
	if len(found) == 0 {
		return nil, nil, notFoundError(&live.UnknownServiceError{Release: app.Release.Name})
	}
	return app, found, nil
}

// serviceError gives an error of services its exit code, and says what to type
// next.
func serviceError(err error) error {
	e, ok := errors.AsType[*live.UnknownServiceError](err)
	if !ok {
		return err
	}
	hint := ""
	if near := diag.Nearest(e.Name, e.Known); len(near) > 0 {
		hint = "did you mean " + strings.Join(near, " or ") + "?"
	} else if len(e.Known) > 0 {
		hint = fmt.Sprintf("if %s is a release, name it with: --release %s", e.Name, e.Name)
	}
	return notFoundError(withHint(err, hint))
}
