package cli

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for releases: it can set nothing but a package
// variable.
var version = "0.1.0-dev"

type versionInfo struct {
	Version string `json:"version"`
	Commit  string `json:"commit,omitempty"`
	Go      string `json:"go"`
	Helm    string `json:"helm"`
	Compose string `json:"composeGo"`
}

func newVersion(a *app) *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of gantry and of what it is built on",
		Example: "  gantry version\n  gantry version -o json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return runVersion(a, output) },
	}
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return c
}

func runVersion(a *app, output string) error {
	v := versionInfo{Version: version, Go: runtime.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			switch m.Path {
			case "helm.sh/helm/v3":
				v.Helm = m.Version
			case "github.com/compose-spec/compose-go/v2":
				v.Compose = m.Version
			}
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Commit = s.Value
			}
		}
	}
	switch output {
	case "text":
		fmt.Fprintf(a.Out, "gantry %s (%s, helm %s, compose-go %s)\n", v.Version, v.Go, v.Helm, v.Compose)
		return nil
	case "json":
		return json.NewEncoder(a.Out).Encode(v)
	default:
		return usageError(fmt.Errorf("unknown output %q: use text or json", output))
	}
}
