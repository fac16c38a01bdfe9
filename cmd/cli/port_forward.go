package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"gantry/charts/live"
)

type portForwardOptions struct {
	which   whichRelease
	address string
}

func newPortForward(a *app) *cobra.Command {
	var o portForwardOptions
	c := &cobra.Command{
		Use:   "port-forward [SERVICE...] [LOCAL:PORT...]",
		Short: "Reach the ports of services from this machine",
		Long: `Port-forward leads ports of this machine to pods of services, until it is interrupted:
all published ports, those of the services that are named, or the ports that are named
of one service. When a pod goes away, it connects to another.

PORT is the port of the service, or of its containers. Without LOCAL it is the same here.

` + whichHelp + `

` + exitCodesHelp,
		Example: `  gantry port-forward
  gantry port-forward web db --release shop
  gantry port-forward web 9000:80`,
		RunE: func(cmd *cobra.Command, args []string) error { return runPortForward(cmd.Context(), a, args, &o) },
	}
	o.which.bind(a, c, "f")
	c.Flags().StringVar(&o.address, "address", "127.0.0.1", "address of this machine to listen on; 0.0.0.0 lets others in")
	return c
}

func runPortForward(ctx context.Context, a *app, args []string, o *portForwardOptions) error {
	names, pairs, err := splitPorts(args)
	if err != nil {
		return usageError(err)
	}
	app, services, err := o.which.services(ctx, a, names)
	if err != nil {
		return err
	}
	forwards, err := wantedForwards(ctx, app, services, pairs)
	if err != nil {
		return a.releaseError(err)
	}
	if len(forwards) == 0 {
		return notFoundError(withHint(errors.New("the services have no ports that others reach"), "name one of a container, such as: gantry port-forward web 8080:80"))
	}
	told := map[live.Forward]bool{}
	err = app.Forward(ctx, o.address, forwards, func(e live.ForwardEvent) {
		switch {
		case e.Err != nil:
			fmt.Fprintf(a.Err, "%s: %v; looking for another pod\n", e.Forward.Service.Name, e.Err)
		case told[e.Forward]:
			fmt.Fprintf(a.Err, "%s: %s leads to pod %s now\n", e.Forward.Service.Name, urlOf(o.address, e.Forward), e.Pod)
		default:
			told[e.Forward] = true
			fmt.Fprintf(a.Out, "%s: %s -> port %d of pod %s\n", e.Forward.Service.Name, urlOf(o.address, e.Forward), e.Forward.Remote, e.Pod)
		}
	})
	return a.releaseError(err)
}

// portPair is LOCAL:PORT; local is 0 when any port will do.
type portPair struct{ local, port int }

// splitPorts tells the ports from the services among arguments.
func splitPorts(args []string) (names []string, pairs []portPair, err error) {
	for _, arg := range args {
		if strings.Trim(arg, "0123456789:") != "" {
			names = append(names, arg)
			continue
		}
		local, port, both := strings.Cut(arg, ":")
		if !both {
			port = local
		}
		p := portPair{}
		if p.port, err = parsePort(port); err != nil {
			return nil, nil, err
		}
		if local != "" && local != "0" {
			if p.local, err = parsePort(local); err != nil {
				return nil, nil, err
			}
		}
		pairs = append(pairs, p)
	}
	if len(pairs) > 0 && len(names) != 1 {
		return nil, nil, errors.New("ports are those of one service: name it, as in gantry port-forward web 8080:80")
	}
	return names, pairs, nil
}

func parsePort(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is no port between 1 and 65535", text)
	}
	return int(n), nil
}

func wantedForwards(ctx context.Context, app *live.App, services []live.Service, pairs []portPair) ([]live.Forward, error) {
	if len(pairs) == 0 {
		return app.Forwards(ctx, services)
	}
	var forwards []live.Forward
	for _, p := range pairs {
		remote, err := app.Resolve(ctx, services[0], p.port)
		if err != nil {
			return nil, err
		}
		forwards = append(forwards, live.Forward{Service: services[0], Local: p.local, Remote: remote})
	}
	return forwards, nil
}

// urlOf is what to type into a browser, or only the address for what is known to
// speak something else.
func urlOf(address string, f live.Forward) string {
	if address == "127.0.0.1" || address == "0.0.0.0" || address == "::1" {
		address = "localhost"
	}
	at := net.JoinHostPort(address, strconv.Itoa(f.Local))
	switch {
	case slices.Contains([]int{443, 8443}, f.Remote):
		return "https://" + at
	case slices.Contains([]int{21, 22, 25, 53, 389, 587, 636, 1433, 1521, 1883, 2181, 3306, 4222, 5432, 5672, 6379, 9042, 9092, 11211, 27017}, f.Remote):
		return at
	default:
		return "http://" + at
	}
}
