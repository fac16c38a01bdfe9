package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gantry/charts/live"
	"gantry/charts/release"
)

// waiting are the flags of commands that wait until services are ready again.
type waiting struct {
	detach  bool
	timeout time.Duration
}

func (w *waiting) bind(c *cobra.Command) {
	c.Flags().BoolVarP(&w.detach, "detach", "d", false, "do not wait until the pods are ready")
	c.Flags().DurationVar(&w.timeout, "timeout", release.DefaultTimeout, "how long to wait")
}

func (w *waiting) check() error {
	if w.timeout <= 0 {
		return usageError(fmt.Errorf("--timeout %s is no time to wait", w.timeout))
	}
	return nil
}

// wait waits until services are ready.
func (w *waiting) wait(ctx context.Context, a *app, app *live.App, services []live.Service) error {
	if w.detach || len(services) == 0 {
		return nil
	}
	p := a.progress()
	for _, s := range services {
		p.expect(app.Cluster(), s)
	}
	err := app.WaitReady(ctx, services, release.ClientOptions{Namespace: app.Release.Namespace, Observe: p.observe}, w.timeout)
	p.finish()
	return a.releaseError(err)
}

type scaleOptions struct {
	which whichRelease
	waiting
}

func newScale(a *app) *cobra.Command {
	var o scaleOptions
	c := &cobra.Command{
		Use:   "scale SERVICE=PODS...",
		Short: "Run more or fewer pods of services",
		Long: `Scale sets how many pods services have, and waits until they are ready. It holds until
the next upgrade or gantry up, which sets what the chart or the Compose file says.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry scale web=3
  gantry scale web=5 worker=0 --release shop --detach`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runScale(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "f")
	o.waiting.bind(c)
	c.ValidArgsFunction = withSuffix(c.ValidArgsFunction, "=")
	return c
}

// maxPods is more than a cluster of the largest size that Kubernetes is made for
// runs.
const maxPods = 150_000

func runScale(ctx context.Context, a *app, args []string, o *scaleOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	var (
		names  []string
		counts []int
	)
	for _, arg := range args {
		name, text, ok := strings.Cut(arg, "=")
		n, err := strconv.Atoi(text)
		if !ok || name == "" || err != nil || n < 0 || n > maxPods {
			return usageError(withHint(fmt.Errorf("%q does not say how many pods of which service", arg), "write SERVICE=PODS, such as: gantry scale web=3"))
		}
		names, counts = append(names, name), append(counts, n)
	}
	app, _, err := o.which.services(ctx, a, nil)
	if err != nil {
		return err
	}
	var waitFor []live.Service
	for i, name := range names {
		found, err := app.Find(name)
		if err != nil {
			return serviceError(err)
		}
		if err := a.scale(ctx, app, found[0], counts[i]); err != nil {
			return err
		}
		waitFor = append(waitFor, found[0])
	}
	return o.wait(ctx, a, app, waitFor)
}

func (a *app) scale(ctx context.Context, app *live.App, s live.Service, pods int) error {
	before, err := app.Scale(ctx, s, pods)
	if err != nil {
		return a.releaseError(err)
	}
	fmt.Fprintf(a.Out, "scaled %s from %d to %s\n", s.Name, before, countOf(pods, "pod"))
	if scaler, err := app.Autoscaler(ctx, s); err == nil && scaler != "" && pods > 0 {
		fmt.Fprintf(a.Err, "warning: HorizontalPodAutoscaler %s decides how many pods %s has, and will change it again\n", scaler, s.Name)
	}
	return nil
}
